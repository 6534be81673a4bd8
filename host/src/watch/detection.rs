//! Which detector looks: the one that the settings name, `auto`'s choice, or the last resort for
//! one that keeps failing, which is tried again by `on_failure`. Counts faults; never looks itself.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Detector, Detectors, Next, Retry};
use crate::config::SyncSettings;

/// After so many faults in a row a detector is no longer asked.
const STRIKES: u32 = 3;
/// After so many good looks a detector that had failed is forgiven.
const FORGIVEN: u32 = 10;

/// The word that leaves the choice to the host: `inotify` where events can be trusted, else `hash`.
pub const AUTO: &str = "auto";
const BY_EVENTS: &str = "inotify";
const BY_CONTENT: &str = "hash";

/// Hands out detectors and remembers which one failed.
pub(super) struct Detection {
    detectors: Arc<dyn Detectors>,
    /// Faults in a row.
    strikes: u32,
    /// Looks that went well since the last fault.
    good: u32,
    /// The detector that is not asked, as it kept failing.
    set_aside: Option<SetAside>,
    /// The one that could not be had, and which component of its name it was.
    refused: Option<(String, u64)>,
    /// Which component of its name looks at present.
    edition: u64,
    retry: Retry,
}

struct SetAside {
    name: String,
    /// The component that failed.
    edition: u64,
    /// When it is tried again.
    again_at: Instant,
}

/// What to do about a detector.
pub(super) enum Choice {
    Keep,
    Take(Box<dyn Detector>),
    /// Another component of the same name goes on where the one before has stopped.
    Swap(Box<dyn Detector>),
    /// There is none of that name; the present one goes on.
    Refused(String),
}

/// What follows too many faults.
pub(super) enum Fallen {
    /// This one looks in its place.
    Resort(Box<dyn Detector>),
    /// Nobody does (`on_failure: stop`).
    Stop,
}

impl Detection {
    pub(super) fn new(detectors: Arc<dyn Detectors>, seed: u64) -> Self {
        Self {
            detectors,
            strikes: 0,
            good: 0,
            set_aside: None,
            refused: None,
            edition: 0,
            retry: Retry::new(seed),
        }
    }

    /// The detector to begin with.
    pub(super) fn first(&mut self, settings: &SyncSettings) -> Result<Box<dyn Detector>, String> {
        let wanted = wanted(settings, true);
        // Before the detector: one that comes between the two is taken at the next turn.
        self.edition = self.detectors.edition(wanted);
        self.detectors.detector(wanted)
    }

    /// Whether the settings, and what is known of events, ask for another than `present`.
    pub(super) fn choose(
        &mut self,
        settings: &SyncSettings,
        events_trusted: bool,
        present: &str,
        now: Instant,
    ) -> Choice {
        let wanted = wanted(settings, events_trusted);
        let edition = self.detectors.edition(wanted);
        match &self.refused {
            Some((name, known)) if name == wanted && *known == edition => return Choice::Keep,
            _ => self.refused = None,
        }
        let mut swap = false;
        if let Some(aside) = self.set_aside.as_ref().filter(|it| it.name == wanted) {
            if aside.edition != edition {
                // Another component: it begins without the faults of the one before.
                self.strikes = 0;
                self.retry.reset();
            } else if now < aside.again_at {
                return Choice::Keep;
            } else {
                // One more fault, and it is out again.
                self.strikes = STRIKES - 1;
            }
        } else if present == wanted {
            if self.edition == edition {
                return Choice::Keep;
            }
            swap = true;
            self.strikes = 0;
            self.retry.reset();
        } else {
            self.strikes = 0;
            self.retry.reset();
        }
        match self.detectors.detector(wanted) {
            Ok(detector) => {
                self.set_aside = None;
                self.edition = edition;
                match swap {
                    true => Choice::Swap(detector),
                    false => Choice::Take(detector),
                }
            }
            Err(error) => {
                self.refused = Some((wanted.to_owned(), edition));
                Choice::Refused(format!(
                    "detection `{wanted}`: {error}; `{present}` goes on"
                ))
            }
        }
    }

    /// A look went well.
    pub(super) fn worked(&mut self) {
        self.strikes = 0;
        self.good = self.good.saturating_add(1);
        if self.good == FORGIVEN && self.set_aside.is_none() {
            self.retry.reset();
        }
    }

    /// One more fault of this detector: says what follows once there were too many.
    pub(super) fn failed(
        &mut self,
        name: &str,
        settings: &SyncSettings,
        now: Instant,
    ) -> Option<Fallen> {
        self.strikes += 1;
        self.good = 0;
        // Nothing takes over from the last resort.
        if self.strikes < STRIKES || self.set_aside.is_some() {
            return None;
        }
        self.strikes = 0;
        let wait = match self
            .retry
            .failed(settings.on_failure, settings.poll_interval)
        {
            Next::Stop => return Some(Fallen::Stop),
            Next::After(wait) => wait,
        };
        match self.detectors.last_resort() {
            Ok(detector) => {
                self.set_aside = Some(SetAside {
                    name: name.to_owned(),
                    edition: self.edition,
                    again_at: now + wait,
                });
                Some(Fallen::Resort(detector))
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
