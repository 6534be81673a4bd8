//! Events of the operating system on their way from its callback thread to the watcher. Bounded:
//! what does not fit is remembered as an overflow, which makes the detector look for itself.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::FileEvent;

/// More than a burst of saves makes between two looks.
const CAPACITY: usize = 1024;

/// Events that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

/// What [`Inbox::take`] hands out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Oldest first.
    pub(super) events: Vec<FileEvent>,
    /// Some were lost.
    pub(super) overflow: bool,
}

impl Inbox {
    /// Adds an event.
    pub fn push(&self, event: FileEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.events.len() < CAPACITY {
            waiting.events.push(event);
        } else {
            waiting.overflow = true;
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Remembers that events were lost.
    pub fn overflow(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.overflow = true;
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Completes when something has arrived since the last time.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_an_overflow() {
        let inbox = Inbox::default();
        for _ in 0..=CAPACITY {
            inbox.push(FileEvent::Written);
        }
        let taken = inbox.take();
        assert_eq!(taken.events.len(), CAPACITY);
        assert!(taken.overflow);
        assert_eq!(inbox.take(), Waiting::default());
    }
}
