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
    /// Looks that went well since the last fault, and since another detector was taken.
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
                // Whoever looked before it earns it nothing.
                self.good = 0;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::OnFailure;
    use crate::events::Fault;
    use crate::target::Target;
    use crate::watch::{Observation, Wake, Wakes};

    struct Named(String);

    impl Detector for Named {
        fn name(&self) -> &str {
            &self.0
        }
        fn wakes(&self) -> Wakes {
            Wakes {
                tick: true,
                events: false,
            }
        }
        fn observe(
            &mut self,
            _target: &Arc<dyn Target>,
            _wake: &Wake,
            _memory: Option<&[u8]>,
        ) -> Result<Observation, Fault> {
            unreachable!("nobody looks")
        }
    }

    struct Any;

    impl Detectors for Any {
        fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
            Ok(Box::new(Named(name.to_owned())))
        }
        fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
            self.detector(BY_CONTENT)
        }
        fn names(&self) -> Vec<String> {
            Vec::new()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_detector_that_looks_well_again_is_forgiven_whatever_looked_in_its_place() {
        let settings = SyncSettings {
            detection: "mine".to_owned(),
            on_failure: OnFailure::Backoff,
            ..SyncSettings::default()
        };
        let mut detection = Detection::new(Arc::new(Any), 7);
        detection.first(&settings).unwrap();
        let mut now = Instant::now();
        // Fails until it is set aside; the last resort looks well; it is tried again in time.
        let mut waits = |detection: &mut Detection| {
            while detection.failed("mine", &settings, now).is_none() {}
            let again_at = detection.set_aside.as_ref().unwrap().again_at;
            let wait = again_at - now;
            for _ in 0..2 * FORGIVEN {
                detection.worked();
            }
            now = again_at;
            let taken = detection.choose(&settings, true, BY_CONTENT, now);
            assert!(matches!(taken, Choice::Take(_)));
            wait
        };
        let first = waits(&mut detection);
        let second = waits(&mut detection);
        assert!(second > first, "{second:?}");
        assert!(first < Duration::from_secs(60), "{first:?}");
        for _ in 0..FORGIVEN {
            detection.worked();
        }
        assert_eq!(waits(&mut detection), first);
    }
}
