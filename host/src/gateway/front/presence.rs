//! Whether a client over HTTP is there: when it was last heard of, and whether it reads anything.
//! Ends nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A client that reads nothing for so long will not answer what it is asked. One that has lost its
/// connection comes back sooner.
const AWAY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Presence {
    began: Instant,
    /// When it was last heard of, in milliseconds after it began.
    heard: AtomicU64,
    /// Requests to which it waits for the answer, and streams that it reads.
    listening: AtomicUsize,
}

impl Presence {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            heard: AtomicU64::new(0),
            listening: AtomicUsize::new(0),
        })
    }

    /// It lives.
    pub(super) fn hear(&self) {
        let heard = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// Since when nothing was heard of it. `None`: it listens, or waits for an answer. (A request
    /// that is under way and has nobody who waits for it may never have an end.)
    pub(super) fn silent_since(&self) -> Option<Instant> {
        let listens = self.listening.load(Ordering::Relaxed) > 0;
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        (!listens).then(|| self.began + heard)
    }

    /// It listens until this is dropped.
    pub(super) fn listen(self: &Arc<Self>) -> Listening {
        self.listening.fetch_add(1, Ordering::Relaxed);
        Listening(Arc::clone(self))
    }

    /// Comes back once it has read nothing for so long that nobody is there.
    pub(super) async fn away(&self) {
        loop {
            let since = self.silent_since().unwrap_or_else(Instant::now);
            if since.elapsed() >= AWAY {
                return;
            }
            tokio::time::sleep_until(since + AWAY).await;
        }
    }
}

/// A client listens.
#[derive(Debug)]
pub(super) struct Listening(Arc<Presence>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::Relaxed);
        self.0.hear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_reads_is_there_and_whoever_has_left_is_away_after_a_minute() {
        let presence = Presence::new();
        let began = Instant::now();
        let reads = presence.listen();
        let leaves = async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            drop(reads);
            // It had lost its connection.
            tokio::time::sleep(Duration::from_secs(50)).await;
            drop(presence.listen());
        };
        tokio::join!(presence.away(), leaves);
        let away = began.elapsed();
        let least = Duration::from_secs(3600 + 50) + AWAY;
        assert!(least <= away && away < least + AWAY, "{away:?}");
    }
}
