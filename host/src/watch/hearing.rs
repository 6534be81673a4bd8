//! How the watcher hears of changes just now: whether events of the operating system can be
//! trusted, why not, and since when. For status, event and log; decides nothing.

use std::time::Duration;

use jiff::Zoned;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Detector;
use crate::events::{EventBus, EventKind, timestamp};

/// What stands between an edit and the watcher at this moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hearing {
    /// The detector that looks: where `auto` is set, the one that it has chosen.
    pub detector: String,
    /// `events`, or `polling` where those cannot be trusted or are not asked for.
    pub by: HeardBy,
    /// Why events cannot be trusted, and what to do; absent while all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// Nobody looks: the detector kept failing, and `on_failure: stop` says what follows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub given_up: bool,
    /// Since when all this has been so (RFC 3339, milliseconds).
    pub since: String,
}

/// The way in which changes are heard of first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeardBy {
    /// Events of the operating system; polling beside them.
    Events,
    /// Looks at each `poll_interval`, and by content at each `safety_interval`.
    Polling,
}

impl HeardBy {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Polling => "polling",
        }
    }
}

/// Remembers what is wrong with events, and tells when that changes.
pub(super) struct Ears {
    told: watch::Sender<Option<Hearing>>,
    settling: watch::Sender<Option<Instant>>,
    /// Why events cannot be trusted, as the last arming found.
    trouble: Option<String>,
    /// Events were lost, when last.
    lost: Option<Instant>,
    /// The detector failed, and `on_failure: stop` says that nobody looks until somebody asks.
    pub(super) given_up: bool,
}

impl Ears {
    pub(super) fn new(
        told: watch::Sender<Option<Hearing>>,
        settling: watch::Sender<Option<Instant>>,
    ) -> Self {
        Self {
            told,
            settling,
            trouble: None,
            lost: None,
            given_up: false,
        }
    }

    /// Why events cannot be trusted, for as long as that lasts.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Watches have been put in place, or not.
    pub(super) fn armed(&mut self, trouble: Option<String>) {
        self.trouble = trouble;
    }

    /// Events were lost.
    pub(super) fn lost(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    /// Everything has been looked at. Within one `poll_interval` of a loss the next may follow.
    pub(super) fn looked(&mut self, now: Instant, poll_interval: Duration) {
        if self.lost.is_some_and(|lost| now > lost + poll_interval) {
            self.lost = None;
        }
    }

    /// When the change under way is looked at again.
    pub(super) fn settles(&self, at: Option<Instant>) {
        self.settling
            .send_if_modified(|told| std::mem::replace(told, at) != at);
    }

    /// Tells what is new.
    pub(super) fn tell(&self, detector: &dyn Detector, bus: &EventBus) {
        let lost = self.lost.map(|_| {
            "some were lost, their queue was full; raise fs.inotify.max_queued_events if that \
             happens again"
                .to_owned()
        });
        let degraded = self.trouble.clone().or(lost);
        let by = match degraded {
            None if detector.wakes().events => HeardBy::Events,
            _ => HeardBy::Polling,
        };
        let before = self.told.borrow().clone();
        let same = before.as_ref().is_some_and(|before| {
            (before.detector.as_str(), before.by, before.given_up)
                == (detector.name(), by, self.given_up)
                && before.degraded == degraded
        });
        if same {
            return;
        }
        let hearing = Hearing {
            detector: detector.name().to_owned(),
            by,
            degraded,
            given_up: self.given_up,
            since: timestamp(&Zoned::now()),
        };
        let was = before.and_then(|before| before.degraded);
        match &hearing.degraded {
            Some(reason) if was.as_ref() != Some(reason) => bus.publish(
                EventKind::Degraded,
                format!(
                    "events of the operating system cannot be trusted, polling instead: {reason}"
                ),
            ),
            None if was.is_some() => {
                bus.publish(EventKind::State, "events of the operating system are back");
            }
            _ => {}
        }
        self.told.send_replace(Some(hearing));
    }
}
