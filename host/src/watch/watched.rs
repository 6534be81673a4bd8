//! One file as the watcher knows it: what is due at it, its debounce, and what was last read of
//! it. Pure: time is an argument.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::due::Due;
use super::{Debounce, FileEvent, FoundBy};
use crate::target::Digest;

/// A file that is being written to is looked at after so long, at first and at most, unless it is
/// closed before. Most writers close at once; a look in between finds half of it, reads all of
/// that, and is in the way of the one that matters.
const HOLD: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Beyond so many events between two looks, what they are says no more than that they are many.
const MANY: usize = 256;

pub(super) struct Watched {
    pub(super) path: Arc<Path>,
    pub(super) debounce: Debounce,
    /// The content that was last settled or read. None: whatever comes is new.
    pub(super) seen: Option<Digest>,
    /// What found the first change of the series under way.
    pub(super) found_by: FoundBy,
    due: Due,
    /// What is due can wait so long: a writer is at work, and this is the last wait for him.
    hold: Option<(Instant, Duration)>,
    /// By events: it was written to, and not closed since.
    written: bool,
}

impl Watched {
    pub(super) fn new(path: Arc<Path>, debounce: Debounce, seen: Option<Digest>) -> Self {
        Self {
            path,
            debounce,
            seen,
            found_by: FoundBy::Detector,
            due: Due::default(),
            hold: None,
            written: false,
        }
    }

    /// What it is called in events.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// An event about it, which the detector may want to hear of.
    pub(super) fn hear(&mut self, event: FileEvent, wanted: bool, now: Instant) {
        if wanted && self.due.events.len() < MANY {
            self.due.events.push(event);
        } else if wanted {
            self.due.overflow = true;
        }
        self.written = match event {
            FileEvent::Created | FileEvent::Written => true,
            FileEvent::Metadata => self.written,
            FileEvent::Closed | FileEvent::Renamed | FileEvent::Removed => false,
        };
        self.hold = match self.hold {
            _ if !self.written => None,
            Some((until, wait)) if now >= until => {
                let wait = (wait * 2).min(HOLD.1);
                Some((now + wait, wait))
            }
            Some(hold) => Some(hold),
            None => Some((now + HOLD.0, HOLD.0)),
        };
    }

    /// When the watcher must turn to it again by itself.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let due = self.due.any();
        let due = due.then(|| self.hold.map_or(now, |(until, _)| until));
        match (due, self.debounce.look_at()) {
            (Some(due), Some(rest)) => Some(due.min(rest)),
            (due, rest) => due.or(rest),
        }
    }

    /// Whether there is something to come back to: a deadline, or a writer at work.
    pub(super) fn is_pending(&self, now: Instant) -> bool {
        self.written || self.deadline(now).is_some()
    }

    /// Takes what is due now; nothing, if it can wait and is not looked at anyway.
    pub(super) fn take_due(&mut self, now: Instant, anyway: bool) -> Option<Due> {
        if !anyway && self.deadline(now).is_none_or(|at| at > now) {
            return None;
        }
        let mut due = std::mem::take(&mut self.due);
        due.rest = self.debounce.look_at().is_some_and(|at| at <= now);
        due.written = self.written;
        Some(due)
    }

    /// Something changed.
    pub(super) fn change(&mut self, found_by: FoundBy, now: Instant) {
        if !self.debounce.is_under_way() {
            self.found_by = found_by;
        }
        self.debounce.change(now);
    }

    /// It came to rest: whoever wrote is done, told or not.
    pub(super) fn settled(&mut self, digest: Digest) {
        self.seen = Some(digest);
        self.written = false;
        self.hold = None;
    }
}
