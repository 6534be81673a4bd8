//! `ConfigWatcher`: the motor around the debounce machine. Wakes by the poll interval and by
//! events, has the detector look, and says when a change has settled. One look at a time, beside
//! everything else, so a dead file system delays nothing but the next look.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::look::{Look, Looked, Task};
use super::{Arm, Debounce, Detector, Detectors, FileEvent, Inbox, Observation, Verdict, Wake};
use crate::config::SyncSettings;
use crate::events::{EventBus, EventKind, Fault};
use crate::target::{Digest, Target};

/// After so many faults in a row a detector is no longer asked.
const STRIKES: u32 = 3;
/// A look that takes longer hangs, most likely on a network file system that is gone.
const SLOW_LOOK: Duration = Duration::from_secs(30);
/// Stands for "no deadline" where one is needed: a day, after which it is asked again.
const FAR: Duration = Duration::from_secs(86_400);

/// What the watcher is told to do. A new value takes effect at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Orders {
    /// The `sync:` section in force.
    pub settings: SyncSettings,
    /// Watching has been stopped by `on_failure: stop`.
    pub stopped: bool,
}

/// The target changed and came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled;

/// Watches one target until it is cancelled.
pub struct ConfigWatcher {
    /// What the target is called in events.
    name: String,
    bus: EventBus,
    detectors: Arc<dyn Detectors>,
    inbox: Arc<Inbox>,
    orders: watch::Receiver<Option<Orders>>,
    /// The digest that the last reload read.
    seen: watch::Receiver<Option<Digest>>,
    settled: mpsc::Sender<Settled>,
    debounce: Debounce,
    /// Here between two looks, away during one.
    look: Option<Look>,
    under_way: Option<(JoinHandle<(Look, Looked)>, Instant)>,
    due: Due,
    strikes: u32,
    /// Why events cannot be trusted; told once for each new reason.
    trouble: Option<String>,
    /// The detector that faults made us give up.
    quarantined: Option<String>,
    /// The last resort looks: nothing takes over from it.
    resorted: bool,
    told_slow: bool,
}

/// What the next look is for.
#[derive(Debug, Default)]
struct Due {
    start: bool,
    tick: bool,
    events: Vec<FileEvent>,
    overflow: bool,
    by_content: bool,
    /// The debounce has run out: has it really come to rest?
    confirm: bool,
}

impl Due {
    fn any(&self) -> bool {
        self.start
            || self.tick
            || !self.events.is_empty()
            || self.overflow
            || self.by_content
            || self.confirm
    }
}

impl ConfigWatcher {
    /// A watcher of `target`, which starts when it is [run](Self::run).
    ///
    /// # Errors
    /// When there is no detector of the name that the orders give.
    #[expect(clippy::too_many_arguments, reason = "each is one wire to the outside")]
    pub fn new(
        target: Arc<dyn Target>,
        arm: Box<dyn Arm>,
        inbox: Arc<Inbox>,
        detectors: Arc<dyn Detectors>,
        orders: watch::Receiver<Option<Orders>>,
        seen: watch::Receiver<Option<Digest>>,
        settled: mpsc::Sender<Settled>,
        bus: EventBus,
    ) -> Result<Self, String> {
        let settings = orders
            .borrow()
            .as_ref()
            .map(|orders| orders.settings.clone())
            .ok_or("nothing has been applied yet")?;
        let detector = detectors.detector(&settings.detection)?;
        let name = target
            .path()
            .file_name()
            .unwrap_or(target.path().as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            bus,
            detectors,
            inbox,
            orders,
            seen,
            settled,
            debounce: Debounce::new(settings.debounce, settings.max_debounce),
            look: Some(Look {
                target,
                arm,
                detector,
                memory: None,
            }),
            under_way: None,
            due: Due {
                start: true,
                by_content: true,
                ..Due::default()
            },
            strikes: 0,
            trouble: None,
            quarantined: None,
            resorted: false,
            told_slow: false,
        })
    }

    /// Watches until cancelled, or until nobody gives orders any more.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut next_tick = Instant::now();
        let mut next_by_content = Instant::now();
        loop {
            let Some(Orders { settings, stopped }) = self.orders.borrow_and_update().clone() else {
                return;
            };
            let watching = settings.enabled && !stopped;
            self.obey(&settings);
            if watching {
                self.start_look();
            }
            let now = Instant::now();
            next_tick = next_tick.min(now + settings.poll_interval);
            let safety = settings.safety_interval;
            next_by_content =
                next_by_content.min(now + if safety.is_zero() { FAR } else { safety });
            let rest = self
                .debounce
                .deadline()
                .filter(|_| watching && !self.due.confirm && self.look.is_some());
            let inbox = Arc::clone(&self.inbox);
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                changed = self.orders.changed() => if changed.is_err() { return },
                looked = look_ends(&mut self.under_way) => self.judge(looked),
                () = sleep_until(rest.unwrap_or(now)), if rest.is_some() => self.rest(&settings),
                () = inbox.arrived(), if watching => {
                    let waiting = inbox.take();
                    self.due.events.extend(waiting.events);
                    self.due.overflow |= waiting.overflow;
                }
                () = sleep_until(next_tick), if watching => {
                    next_tick = Instant::now() + settings.poll_interval;
                    self.due.tick = true;
                    self.tell_slow_look();
                }
                () = sleep_until(next_by_content), if watching && !safety.is_zero() => {
                    next_by_content = Instant::now() + safety;
                    self.due.by_content = true;
                }
            }
        }
    }

    /// Takes over new settings; a new detector begins with a look by content, so that no change
    /// falls between the two.
    fn obey(&mut self, settings: &SyncSettings) {
        self.debounce.set(settings.debounce, settings.max_debounce);
        let Some(look) = &mut self.look else { return };
        let wanted = settings.detection.as_str();
        if self
            .quarantined
            .as_deref()
            .is_some_and(|name| name != wanted)
        {
            self.quarantined = None;
        }
        if self.quarantined.is_some() || look.detector.name() == wanted {
            return;
        }
        match self.detectors.detector(wanted) {
            Ok(detector) => self.replace(detector),
            Err(error) => {
                let kept = look.detector.name().to_owned();
                self.quarantined = Some(wanted.to_owned());
                self.bus.publish(
                    EventKind::Error,
                    format!("detection `{wanted}`: {error}; `{kept}` goes on"),
                );
            }
        }
    }

    fn replace(&mut self, detector: Box<dyn Detector>) {
        if let Some(look) = &mut self.look {
            tracing::info!(
                from = look.detector.name(),
                to = detector.name(),
                "detection"
            );
            look.detector = detector;
            look.memory = None;
            self.strikes = 0;
            self.resorted = false;
            self.due = Due {
                start: true,
                by_content: true,
                ..Due::default()
            };
        }
    }

    /// Starts the look that is due, if none is under way.
    fn start_look(&mut self) {
        if !self.due.any() {
            return;
        }
        let Some(mut look) = self.look.take() else {
            return;
        };
        let due = std::mem::take(&mut self.due);
        let task = Task {
            wake: self.wake(&due, look.detector.as_ref()),
            by_content: due.by_content,
        };
        let handle = tokio::task::spawn_blocking(move || {
            let looked = look.run(&task);
            (look, looked)
        });
        self.under_way = Some((handle, Instant::now()));
        self.told_slow = false;
    }

    /// What to tell the detector, if it wants to hear of it at all.
    fn wake(&self, due: &Due, detector: &dyn Detector) -> Option<Wake> {
        let wakes = detector.wakes();
        if due.start {
            Some(Wake::Start)
        } else if due.overflow {
            Some(Wake::Overflow)
        } else if wakes.events && !due.events.is_empty() {
            Some(Wake::Events(due.events.clone()))
        } else if wakes.tick && (due.tick || due.confirm) {
            Some(Wake::Tick)
        } else if due.confirm || (due.tick && self.trouble.is_some()) {
            // It lives on events alone: without trust in those, it must look for itself.
            Some(Wake::Overflow)
        } else {
            None
        }
    }

    /// The debounce has run out. Polling may not have seen the newest edit yet, so one more look
    /// decides, unless the cap allows no more waiting.
    fn rest(&mut self, settings: &SyncSettings) {
        let now = Instant::now();
        if settings.debounce.is_zero() || self.debounce.is_capped(now) {
            self.settle(now);
        } else {
            self.due.confirm = true;
        }
    }

    fn settle(&mut self, now: Instant) {
        if self.debounce.settle(now) {
            // A message that waits already is about the newest bytes too: they are read later.
            let _ = self.settled.try_send(Settled);
        }
    }

    fn judge(&mut self, (look, looked): (Look, Looked)) {
        let now = Instant::now();
        let name = look.detector.name().to_owned();
        self.look = Some(look);
        self.hear(looked.armed.trouble);
        match looked.observation {
            Some(Ok(observation)) => {
                self.strikes = 0;
                self.observe(observation, now);
            }
            Some(Err(fault)) => self.strike(&name, &fault),
            None => {}
        }
        if let Some(Ok(digest)) = looked.digest {
            let unseen = self.seen.borrow().is_some_and(|seen| seen != digest);
            if unseen && self.debounce.deadline().is_none() {
                tracing::info!(detector = name, "the look by content found a change");
                self.debounce.change(now);
            }
        }
        // The look that was to confirm the rest found nothing new.
        self.settle(now);
    }

    fn observe(&mut self, observation: Observation, now: Instant) {
        let Observation { verdict, note, .. } = observation;
        match verdict {
            Verdict::Changed => {
                tracing::info!(note, "a change was seen");
                self.debounce.change(now);
            }
            Verdict::Unchanged | Verdict::Missing if note.is_empty() => {}
            Verdict::Unchanged => self.bus.publish(EventKind::NoChange, note),
            Verdict::Missing => self.bus.publish(
                EventKind::NoChange,
                format!("{}: {note}; the last good configuration serves", self.name),
            ),
        }
    }

    fn strike(&mut self, name: &str, fault: &Fault) {
        self.strikes += 1;
        self.bus.publish(
            EventKind::Error,
            format!("{fault}; the last good state serves"),
        );
        if self.strikes < STRIKES || self.resorted {
            return;
        }
        match self.detectors.last_resort() {
            Ok(detector) => {
                self.bus.publish(
                    EventKind::Degraded,
                    format!(
                        "`{name}` failed {STRIKES} times in a row; `{}` takes over",
                        detector.name()
                    ),
                );
                self.quarantined = Some(name.to_owned());
                self.replace(detector);
                self.resorted = true;
            }
            Err(error) => tracing::error!(error, "there is no last resort"),
        }
    }

    /// Tells when events stop or start being trusted.
    fn hear(&mut self, trouble: Option<String>) {
        if self.trouble == trouble {
            return;
        }
        match &trouble {
            Some(reason) => self.bus.publish(
                EventKind::Degraded,
                format!(
                    "events of the operating system cannot be trusted, polling instead: {reason}"
                ),
            ),
            None => self
                .bus
                .publish(EventKind::State, "events of the operating system are back"),
        }
        self.trouble = trouble;
    }

    fn tell_slow_look(&mut self) {
        let since = self.under_way.as_ref().map(|(_, since)| *since);
        if !self.told_slow && since.is_some_and(|since| since.elapsed() > SLOW_LOOK) {
            self.told_slow = true;
            self.bus.publish(
                EventKind::Degraded,
                format!(
                    "a look at the file has not come back for {} s: is its file system gone?",
                    SLOW_LOOK.as_secs()
                ),
            );
        }
    }
}

/// The look under way, once it ends; never, while there is none. Cancel safe.
async fn look_ends(
    under_way: &mut Option<(JoinHandle<(Look, Looked)>, Instant)>,
) -> (Look, Looked) {
    loop {
        let Some((handle, _)) = under_way else {
            return std::future::pending().await;
        };
        let ended = handle.await;
        *under_way = None;
        match ended {
            Ok(looked) => return looked,
            // Only a defect of the host or the end of the runtime brings us here.
            Err(error) => tracing::error!(%error, "a look was lost, and watching with it"),
        }
    }
}

#[cfg(test)]
mod tests;
