//! Whether the client of a call is being asked something in its course. A person who fills in a
//! form takes time, and that time is not the backend's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The questions that are open in the course of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Asking(Arc<watch::Sender<usize>>);

/// A question, as long as it is open.
pub(super) struct Asked(Asking);

impl Asking {
    /// The client is asked.
    pub(super) fn begin(&self) -> Asked {
        self.0.send_modify(|open| *open += 1);
        Asked(self.clone())
    }

    /// Comes back when so much time has gone by in which nothing was asked.
    pub(super) async fn run_out(&self, mut left: Duration) {
        let mut open = self.0.subscribe();
        // The sender is there as long as `self` is, so neither wait ends for want of it.
        loop {
            let _ = open.wait_for(|open| *open == 0).await;
            let began = Instant::now();
            tokio::select! {
                biased;
                () = tokio::time::sleep(left) => return,
                _ = open.wait_for(|open| *open > 0) => {
                    left = left.saturating_sub(began.elapsed());
                }
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_goes_by_only_while_nothing_is_asked() {
        let (asking, began) = (Asking::default(), Instant::now());
        let second = Duration::from_secs(1);
        tokio::join!(asking.run_out(10 * second), async {
            tokio::time::sleep(4 * second).await;
            let first = asking.begin();
            tokio::time::sleep(60 * second).await;
            let other = asking.begin();
            drop(first);
            tokio::time::sleep(60 * second).await;
            drop(other);
        });
        assert_eq!(began.elapsed(), 130 * second);
    }
}
