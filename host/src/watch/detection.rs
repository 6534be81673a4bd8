//! Which detector looks: the one that the settings name, `auto`'s choice, or the last resort for
//! one that keeps failing. Counts faults; never looks itself.

use std::sync::Arc;

use super::{Detector, Detectors};
use crate::config::SyncSettings;

/// After so many faults in a row a detector is no longer asked.
pub(super) const STRIKES: u32 = 3;

/// The word that leaves the choice to the host: `inotify` where events can be trusted, else `hash`.
pub const AUTO: &str = "auto";
const BY_EVENTS: &str = "inotify";
const BY_CONTENT: &str = "hash";

/// Hands out detectors and remembers which one failed.
pub(super) struct Detection {
    detectors: Arc<dyn Detectors>,
    strikes: u32,
    /// The detector that faults made us give up.
    quarantined: Option<String>,
    /// The last resort looks: nothing takes over from it.
    resorted: bool,
}

/// What to do about a detector.
pub(super) enum Choice {
    Keep,
    Take(Box<dyn Detector>),
    /// There is none of that name; the present one goes on.
    Refused(String),
}

impl Detection {
    pub(super) fn new(detectors: Arc<dyn Detectors>) -> Self {
        Self {
            detectors,
            strikes: 0,
            quarantined: None,
            resorted: false,
        }
    }

    /// The detector to begin with.
    pub(super) fn first(&self, settings: &SyncSettings) -> Result<Box<dyn Detector>, String> {
        self.detectors.detector(wanted(settings, true))
    }

    /// Whether the settings, and what is known of events, ask for another than `present`.
    pub(super) fn choose(
        &mut self,
        settings: &SyncSettings,
        events_trusted: bool,
        present: &str,
    ) -> Choice {
        let wanted = wanted(settings, events_trusted);
        if self
            .quarantined
            .as_deref()
            .is_some_and(|name| name != wanted)
        {
            self.quarantined = None;
        }
        if self.quarantined.is_some() || present == wanted {
            return Choice::Keep;
        }
        match self.detectors.detector(wanted) {
            Ok(detector) => {
                self.strikes = 0;
                self.resorted = false;
                Choice::Take(detector)
            }
            Err(error) => {
                self.quarantined = Some(wanted.to_owned());
                Choice::Refused(format!(
                    "detection `{wanted}`: {error}; `{present}` goes on"
                ))
            }
        }
    }

    /// A look went well.
    pub(super) fn worked(&mut self) {
        self.strikes = 0;
    }

    /// One more fault: gives the last resort once there were too many.
    pub(super) fn failed(&mut self, name: &str) -> Option<Box<dyn Detector>> {
        self.strikes += 1;
        if self.strikes < STRIKES || self.resorted {
            return None;
        }
        match self.detectors.last_resort() {
            Ok(detector) => {
                self.quarantined = Some(name.to_owned());
                self.strikes = 0;
                self.resorted = true;
                Some(detector)
            }
            Err(error) => {
                tracing::error!(error, "there is no last resort");
                None
            }
        }
    }
}

fn wanted(settings: &SyncSettings, events_trusted: bool) -> &str {
    match settings.detection.as_str() {
        AUTO if events_trusted => BY_EVENTS,
        AUTO => BY_CONTENT,
        name => name,
    }
}
