//! Events of the operating system on their way from its callback thread to the watcher. Bounded:
//! what does not fit is remembered as an overflow, which makes the detector look for itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::FileEvent;

/// More than a burst of saves makes between two looks.
const CAPACITY: usize = 4096;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// A step on the way to so many files that each must be looked at.
    All,
    /// One watched file, by its path as configured.
    File(Arc<Path>),
    /// Something in a watched folder, by its own path.
    Inside(PathBuf),
}

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
    pub(super) events: Vec<(About, FileEvent)>,
    /// Some were lost.
    pub(super) overflow: bool,
}

impl Inbox {
    /// Adds an event, unless it says what the one before it said.
    pub(super) fn push(&self, about: About, event: FileEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let event = (about, event);
        if waiting.events.last() == Some(&event) {
            return;
        }
        // Whoever takes it takes all: one word is enough.
        let first = waiting.events.is_empty() && !waiting.overflow;
        if waiting.events.len() < CAPACITY {
            waiting.events.push(event);
        } else {
            waiting.overflow = true;
        }
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
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

    /// Completes when something has arrived, and takes it: for whoever looks at everything anyway.
    /// Cancel safe.
    pub async fn stirred(&self) {
        self.arrived().await;
        self.take();
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(name: usize) -> About {
        About::Inside(PathBuf::from(name.to_string()))
    }

    #[test]
    fn what_does_not_fit_is_an_overflow() {
        let inbox = Inbox::default();
        for name in 0..=CAPACITY {
            inbox.push(inside(name), FileEvent::Written);
        }
        let taken = inbox.take();
        assert_eq!(taken.events.len(), CAPACITY);
        assert!(taken.overflow);
        assert_eq!(inbox.take(), Waiting::default());
    }

    #[test]
    fn the_same_again_takes_no_room() {
        let inbox = Inbox::default();
        for _ in 0..=CAPACITY {
            inbox.push(About::All, FileEvent::Written);
        }
        inbox.push(About::All, FileEvent::Closed);
        let taken = inbox.take();
        assert_eq!(taken.events.len(), 2);
        assert!(!taken.overflow);
    }
}
