//! `ConfigWatcher`: the motor around the debounce machines. Wakes by the poll interval and by
//! events, has the detector look, and says when a change has settled. One look at a time, beside
//! everything else, so a dead file system delays nothing but the next look. What it does at each
//! wake grows with the files concerned, not with all that are watched.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::detection::{Choice, Detection};
use super::due::{Afresh, Due, Job};
use super::files::Files;
use super::hearing::Ears;
use super::inbox::About;
use super::look::{Findings, Look, Looked};
use super::under_way::{self, UnderWay, in_place};
use super::watched::Watched;
use super::{
    Baseline, Debounce, FileEvent, FoundBy, Inbox, Observation, Open, Orders, Settled, Settling,
    Verdict, Wires,
};
use crate::config::SyncSettings;
use crate::events::{EventBus, EventKind};
use crate::target::{LocalFile, Rest};

/// Stands for "no deadline" where one is needed: a day, after which it is asked again.
const FAR: Duration = Duration::from_secs(86_400);

/// Watches until it is cancelled.
pub struct ConfigWatcher {
    bus: EventBus,
    detection: Detection,
    inbox: Arc<Inbox>,
    orders: watch::Receiver<Option<Orders>>,
    settled: mpsc::UnboundedSender<Settled>,
    ears: Ears,
    files: Files,
    /// Due at every file.
    all: Due,
    afresh: Afresh,
    /// Here between two looks, away during one.
    look: Option<Look>,
    under_way: UnderWay,
    /// What the orders said when they last changed.
    baseline: Baseline,
    reads: u64,
    resumed: u64,
    settings: SyncSettings,
    /// Everything lies on file systems that answer at once.
    local: bool,
    /// The detector wants to hear of events.
    by_events: bool,
    /// The first look has not ended yet: it takes the baseline.
    first: bool,
}

impl ConfigWatcher {
    /// A watcher, which starts when it is [run](Self::run).
    ///
    /// # Errors
    /// When there is no detector of the name that the orders give.
    pub fn new(wires: Wires) -> Result<Self, String> {
        let orders = wires
            .orders
            .borrow()
            .clone()
            .ok_or("nothing has been applied yet")?;
        let Orders {
            settings,
            baseline,
            reads,
            resumed,
            ..
        } = orders;
        let seed = RandomState::new().hash_one(std::process::id());
        let mut detection = Detection::new(wires.detectors, seed);
        let detector = detection.first(&settings)?;
        let by_events = detector.wakes().events;
        let debounce = Debounce::new(settings.debounce, settings.max_debounce);
        let mut files = Files::default();
        for (number, target) in wires.targets.iter().enumerate() {
            let path = target.path().into();
            files.add(
                number,
                Watched::new(path, debounce.clone(), baseline.content()),
            );
        }
        let open: Open = |path| Arc::new(LocalFile::new(path));
        Ok(Self {
            bus: wires.bus,
            detection,
            inbox: wires.inbox,
            orders: wires.orders,
            settled: wires.settled,
            ears: Ears::new(wires.hearing, wires.settling),
            files,
            all: Due::from_scratch(),
            afresh: Afresh::Everything,
            look: Some(Look::new(wires.arm, detector, wires.targets, open)),
            under_way: UnderWay::default(),
            baseline,
            reads,
            resumed,
            settings,
            local: false,
            by_events,
            first: true,
        })
    }

    /// Watches until cancelled, or until nobody gives orders any more.
    pub async fn run(mut self, cancel: CancellationToken) {
        // The first look, at once, is due anyway.
        let mut next_tick = Instant::now() + FAR;
        let mut next_by_content = next_tick;
        let inbox = Arc::clone(&self.inbox);
        loop {
            let Some(orders) = self.orders.borrow_and_update().clone() else {
                return;
            };
            self.obey(&orders);
            let told_to = orders.settings.enabled && !orders.stopped && !orders.paused;
            let watching = told_to && !self.ears.given_up;
            let settings = orders.settings;
            let now = Instant::now();
            let mut turn = None;
            if watching {
                self.start_look(now);
                turn = self.turn(Instant::now());
            }
            let first = self.files.first();
            self.ears
                .settles(first.and_then(|file| file.debounce.look_at()));
            next_tick = next_tick.min(now + settings.poll_interval);
            let safety = settings.safety_interval;
            next_by_content =
                next_by_content.min(now + if safety.is_zero() { FAR } else { safety });
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                changed = self.orders.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                (look, findings, was_slow) = self.under_way.ends() => {
                    self.judge((look, findings));
                    if was_slow {
                        self.bus.publish(EventKind::State, "the look at the file has come back");
                    }
                }
                () = inbox.arrived(), if watching => self.hear(Instant::now()),
                () = sleep_until(turn.unwrap_or(now)), if turn.is_some() => {}
                () = sleep_until(next_tick), if watching => {
                    next_tick = Instant::now() + settings.poll_interval;
                    self.all.tick = true;
                    self.afresh = Afresh::Everything;
                    self.tell_slow_look();
                }
                () = sleep_until(next_by_content), if watching && !safety.is_zero() => {
                    next_by_content = Instant::now() + safety;
                    self.all.by_content = true;
                    // The detector looks first: what it has missed is what it cannot see.
                    self.all.tick = true;
                }
            }
        }
    }

    /// Takes over new settings; a new detector begins with a look by content, so that no change
    /// falls between the two. That, or somebody who wants it, ends what a failing one has stopped.
    fn obey(&mut self, orders: &Orders) {
        let resumed = std::mem::replace(&mut self.resumed, orders.resumed) != orders.resumed;
        if (self.choose(orders) || resumed) && self.ears.given_up {
            self.ears.given_up = false;
            self.tell_hearing();
        }
    }

    /// Whether another detector looks from now on.
    fn choose(&mut self, orders: &Orders) -> bool {
        let settings = &orders.settings;
        if self.reads != orders.reads {
            self.reads = orders.reads;
            self.baseline = orders.baseline;
            if let Some(file) = self.files.first() {
                file.seen = orders.baseline.content();
            }
        }
        if self.settings != *settings {
            self.settings = settings.clone();
            for file in self.files.iter_mut() {
                file.debounce.set(settings.debounce, settings.max_debounce);
            }
        }
        let Some(look) = &mut self.look else {
            return false;
        };
        let trusted = self.ears.trouble().is_none();
        let present = look.detector.name().to_owned();
        match self
            .detection
            .choose(settings, trusted, &present, Instant::now())
        {
            Choice::Keep => false,
            Choice::Take(detector) => {
                tracing::info!(from = present, to = detector.name(), "detection");
                self.by_events = detector.wakes().events;
                look.replace(detector);
                self.all = Due::from_scratch();
                true
            }
            Choice::Swap(detector) => {
                self.by_events = detector.wakes().events;
                look.swap(detector);
                self.all.add(&Due::after_a_swap());
                true
            }
            Choice::Refused(why) => {
                self.bus.publish(EventKind::Error, why);
                false
            }
        }
    }

    /// When something must be done although nothing happens: never, while a look is under way.
    fn turn(&self, now: Instant) -> Option<Instant> {
        self.look.as_ref()?;
        if self.afresh != Afresh::Nothing || self.all.any() {
            return Some(now);
        }
        self.files.deadline(now)
    }

    /// Starts the look that is due, if none is under way.
    fn start_look(&mut self, now: Instant) {
        let Some(mut look) = self.look.take() else {
            return;
        };
        let some = self.files.take_due(now, self.all.any());
        // What has happened is looked at first. Arming comes after it: it takes longer, and leads
        // to another look where it was needed.
        let afresh = match some.is_empty() || self.all.any() {
            true => std::mem::take(&mut self.afresh),
            false => Afresh::Nothing,
        };
        let job = Job {
            some,
            all: std::mem::take(&mut self.all),
            afresh,
            at_once: self.settings.debounce.is_zero(),
            mistrust: self.ears.trouble().is_some(),
        };
        if !job.all.any() && job.some.is_empty() && job.afresh == Afresh::Nothing {
            self.look = Some(look);
            return;
        }
        // What concerns all files may take its time, and arming may, too.
        let quick = !job.all.any() && job.afresh == Afresh::Nothing;
        if self.local && quick {
            // Within a moment: not worth the way to another thread and back.
            let findings = in_place(|| look.run(&job));
            return self.judge((look, findings));
        }
        self.under_way.start(look, job, now);
    }

    /// Events have come.
    fn hear(&mut self, now: Instant) {
        let waiting = self.inbox.take();
        if waiting.overflow {
            self.ears.lost(now);
            self.all.overflow = true;
            self.all.by_content = true;
            self.afresh = Afresh::Everything;
            self.tell_hearing();
        }
        for (about, event) in waiting.events {
            // These may lead the way elsewhere, or bring what is not known yet.
            let moves = !matches!(event, FileEvent::Written | FileEvent::Closed);
            let number = match &about {
                About::All => None,
                About::File(path) => self.files.number(path),
                About::Inside(path) => self.files.number(path),
            };
            match (number, about) {
                (Some(number), about) => {
                    if let Some(file) = self.files.touch(number) {
                        file.hear(event, self.by_events, now);
                    }
                    if let (About::File(path), true) = (about, moves) {
                        self.afresh.add(path.to_path_buf());
                    }
                }
                // Whatever it is that happens there: it is not known yet.
                (None, About::Inside(path)) => self.afresh.add(path),
                (None, _) => {
                    // Once is enough: what it is about, each must look for itself.
                    if self.by_events && !self.all.events.contains(&event) {
                        self.all.events.push(event);
                    }
                    self.afresh = Afresh::Everything;
                }
            }
        }
    }

    fn judge(&mut self, (look, findings): (Look, Findings)) {
        let now = Instant::now();
        let detector = look.detector.name().to_owned();
        self.look = Some(look);
        for (number, path) in findings.appeared {
            let debounce = Debounce::new(self.settings.debounce, self.settings.max_debounce);
            self.files.add(number, Watched::new(path, debounce, None));
        }
        if findings.good > 0 {
            self.detection.worked();
        }
        let all_failed = findings.good == 0;
        for looked in findings.looked {
            self.judge_file(looked, &detector, all_failed, now);
        }
        for number in findings.vanished {
            self.files.remove(number);
        }
        if let Some(armed) = findings.armed {
            self.ears.armed(armed.trouble);
            self.local = armed.local;
        }
        self.ears.looked(now, self.settings.poll_interval);
        self.first = false;
        self.tell_hearing();
    }

    fn judge_file(&mut self, looked: Looked, detector: &str, all_failed: bool, now: Instant) {
        match looked.observation {
            Some(Ok(observation)) => self.observe(looked.file, observation, now),
            // One that fails at some files and not at others is no reason to give it up.
            Some(Err(fault)) => self.strike(detector, &fault, all_failed),
            None => {}
        }
        let adopts = self.first && self.baseline == Baseline::Found;
        let Some(file) = self.files.touch(looked.file) else {
            return;
        };
        if let Some(digest) = looked.digest {
            if adopts {
                file.settled(digest);
            } else if file.seen != Some(digest) && !file.debounce.is_under_way() {
                tracing::info!(detector, "the look by content found a change");
                let found_by = match looked.afresh {
                    true => FoundBy::Afresh,
                    false => FoundBy::Content,
                };
                file.change(found_by, now);
            }
        }
        match looked.rest {
            Some(Ok(rest)) => self.settle(looked.file, detector, rest, now),
            // It is gone or not readable: what comes back is compared by content.
            Some(Err(_)) => file.debounce.forget(),
            None => {}
        }
    }

    fn settle(&mut self, number: usize, detector: &str, rest: Rest, now: Instant) {
        let Some(file) = self.files.touch(number) else {
            return;
        };
        match (file.debounce.rest(now, rest), rest) {
            (Settling::Waits, _) => {}
            // Nothing that could be read: it begins anew.
            (Settling::Settled, Rest::Moving) => file.change(file.found_by, now),
            (
                Settling::Settled,
                Rest::Still(digest) | Rest::Empty(digest) | Rest::Written(digest),
            ) => {
                let settled = Settled {
                    path: Arc::clone(&file.path),
                    digest,
                    found_by: file.found_by,
                    detector: detector.to_owned(),
                    same: file.seen == Some(digest),
                };
                file.settled(digest);
                // Nobody listens any more: the host stops.
                let _ = self.settled.send(settled);
            }
            (Settling::StillWritten, _) => {
                let name = file.name();
                self.bus.publish(
                    EventKind::Degraded,
                    format!("{name} is still being written; it is read once it is stable"),
                );
            }
        }
    }

    fn observe(&mut self, number: usize, observation: Observation, now: Instant) {
        let Some(file) = self.files.touch(number) else {
            return;
        };
        let Observation { verdict, note, .. } = observation;
        match verdict {
            Verdict::Changed => {
                tracing::info!(note, "a change was seen");
                file.change(FoundBy::Detector, now);
            }
            Verdict::Unchanged | Verdict::Missing if note.is_empty() => {}
            Verdict::Unchanged => self.bus.publish(EventKind::NoChange, note),
            Verdict::Missing => {
                let name = file.name();
                self.bus.publish(
                    EventKind::NoChange,
                    format!("{name}: {note}; the last good configuration serves"),
                );
            }
        }
    }

    fn tell_hearing(&mut self) {
        if let Some(look) = self.look.as_ref().filter(|_| !self.first) {
            self.ears.tell(look.detector.as_ref(), &self.bus);
        }
    }

    fn tell_slow_look(&mut self) {
        if self.under_way.became_slow(Instant::now()) {
            let seconds = under_way::SLOW.as_secs();
            self.bus.publish(
                EventKind::Degraded,
                format!(
                    "a look at the file has not come back for {seconds} s: is its file system gone?"
                ),
            );
        }
    }
}

mod strikes;
#[cfg(test)]
mod tests;
