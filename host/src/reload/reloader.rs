//! The motor of reloading: one task that owns what was applied. Whatever asks for a reload comes
//! to it in turn, so no two run at once, and each reads the bytes that are newest then.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attempt::{Applied, Attempt, Ended};
use super::backends::Job;
use super::calls::{Calls, Cut};
use super::course::Course;
use super::keeper::Keeper;
use super::probation::Probation;
use super::read::read;
use super::refreshes::Refreshes;
use super::restarts::Restarts;
use super::revert::Fallback;
use super::{Ask, Handlers, InForce, Memory, OtherPlugins, Outcome, Phase, Standing, Trigger};
use crate::events::{EventBus, EventKind};
use crate::gateway::{BackendNotice, Gateway};
use crate::settings::LiveSettings;
use crate::target::{Digest, FileError, Target};
use crate::watch::{Baseline, Detectors, Next, Orders, Retry, Settled};

/// So many attempts in a row may be cut short for newer bytes. The next one runs to its end, so
/// that a file which is saved without pause is followed at all.
const MOST_CUTS: u32 = 3;

/// Where the reloader is wired to.
pub struct Ports {
    /// The file.
    pub target: Arc<dyn Target>,
    /// What serves.
    pub gateway: Arc<Gateway>,
    /// Who says what a change means.
    pub handlers: Handlers,
    /// What `sync.detection` may name.
    pub detectors: Arc<dyn Detectors>,
    /// What plugins there would be if the file said something else of them.
    pub others: Option<Arc<dyn OtherPlugins>>,
    /// Where events are published.
    pub bus: EventBus,
    /// Orders for the watcher come out here after the first reload that succeeds.
    pub orders: watch::Sender<Option<Orders>>,
    /// Where it says how reloading stands.
    pub standing: watch::Sender<Standing>,
    /// What outlives the process.
    pub memory: Box<dyn Memory>,
    /// What the configuration that serves says of plugins comes out here.
    pub in_force: watch::Sender<InForce>,
    /// Who else has a say in `sync`.
    pub settings: LiveSettings,
}

/// Owns what was applied, and reloads it.
pub struct Reloader {
    pub(super) source: String,
    pub(super) target: Arc<dyn Target>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) handlers: Handlers,
    pub(super) detectors: Arc<dyn Detectors>,
    others: Option<Arc<dyn OtherPlugins>>,
    pub(super) bus: EventBus,
    pub(super) orders: watch::Sender<Option<Orders>>,
    pub(super) standing: watch::Sender<Standing>,
    /// What the last attempt read, for the watcher to compare with.
    pub(super) baseline: Baseline,
    pub(super) reads: u64,
    pub(super) keeper: Keeper,
    pub(super) settings: LiveSettings,
    pub(super) applied: Option<Applied>,
    pub(super) rejected: Option<Rejected>,
    retry: Retry,
    pub(super) retry_at: Option<Instant>,
    /// Attempts cut short in a row.
    cuts: u32,
    pub(super) restarts: Restarts,
    pub(super) refreshes: Refreshes,
    pub(super) jobs: JoinSet<Job>,
    pub(super) probation: Option<Probation<Fallback>>,
    pub(super) in_force: watch::Sender<InForce>,
    /// Other handlers read sections of what serves, and have not been asked yet.
    pub(super) stale: bool,
    /// Somebody asked for changed secrets, which are not in use yet.
    pub(super) renews: bool,
}

/// Bytes that are not tried again before they change, and why.
#[derive(Debug, Clone)]
pub(super) struct Rejected {
    pub(super) digest: Digest,
    pub(super) reason: String,
}

impl Reloader {
    /// A reloader that has applied nothing yet.
    pub fn new(ports: Ports) -> Self {
        let Ports {
            target,
            gateway,
            handlers,
            detectors,
            others,
            bus,
            orders,
            standing,
            memory,
            in_force,
            settings,
        } = ports;
        let name = target
            .path()
            .file_name()
            .unwrap_or(target.path().as_os_str());
        let seed = RandomState::new().hash_one(std::process::id());
        Self {
            source: name.to_string_lossy().into_owned(),
            target,
            gateway,
            handlers,
            detectors,
            others,
            bus,
            orders,
            standing,
            baseline: Baseline::Nothing,
            reads: 0,
            keeper: Keeper::new(memory),
            settings,
            applied: None,
            rejected: None,
            retry: Retry::new(seed),
            retry_at: None,
            cuts: 0,
            restarts: Restarts::new(seed),
            refreshes: Refreshes::default(),
            jobs: JoinSet::new(),
            probation: None,
            in_force,
            stale: false,
            renews: false,
        }
    }

    /// The first load. Backends that do not start are left out and started later. Where the file
    /// will not do, what was applied last in an earlier run serves, loudly.
    ///
    /// # Errors
    /// Why nothing can be served, one line each.
    pub async fn start(&mut self) -> Result<(), Vec<String>> {
        let outcome = self.reload(Trigger::Start, None, None).await;
        if let Outcome::Applied { .. } = outcome {
            return Ok(());
        }
        let reasons = outcome.reasons();
        if self.serve_last_good(&reasons).await {
            if let Outcome::Failed(_) = outcome {
                self.retry_later(Trigger::Retry);
            }
            self.stands_still();
            return Ok(());
        }
        Err(reasons)
    }

    /// Reloads whenever there is a reason, until cancelled.
    pub async fn run(
        mut self,
        settled: mpsc::UnboundedReceiver<Settled>,
        asked: mpsc::Receiver<Ask>,
        mut notices: mpsc::UnboundedReceiver<BackendNotice>,
        cancel: CancellationToken,
    ) {
        let mut calls = Calls::new(settled, asked, cancel.clone());
        loop {
            let (retry_at, job_at) = (self.retry_at.filter(|_| !self.is_paused()), self.next_job());
            let probation_at = self.probation.as_ref().map(Probation::next);
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                (trigger, settled) = calls.next() => {
                    self.retry.reset();
                    let outcome = self.reload(trigger, settled, Some(&mut calls)).await;
                    self.catch_up(&outcome).await;
                }
                Some(notice) = notices.recv() => {
                    let mut heard = vec![notice];
                    while let Ok(notice) = notices.try_recv() {
                        heard.push(notice);
                    }
                    self.hear(heard).await;
                }
                Some(ended) = self.jobs.join_next() => self.take(ended).await,
                () = self.handlers.replaced() => self.follow_plugins(&mut calls).await,
                () = at(probation_at) => self.watch_probation(),
                () = at(job_at) => self.begin_jobs(),
                // Somebody may have paused it while it waited.
                () = at(retry_at) => if !self.is_paused() {
                    self.reload(Trigger::Retry, None, Some(&mut calls)).await;
                }
            }
        }
    }

    /// One reload, told to everybody concerned. `settled` is what the watcher saw come to rest.
    pub(super) async fn reload(
        &mut self,
        trigger: Trigger,
        settled: Option<Settled>,
        mut calls: Option<&mut Calls>,
    ) -> Outcome {
        self.retry_at = None;
        self.renew();
        if trigger.is_forced() {
            self.watch_again(trigger);
        }
        self.stands_in(trigger);
        let mut course = Course::begin();
        if trigger == Trigger::Detector {
            course.detector = settled.as_ref().map(|settled| settled.detector.clone());
        }
        self.keeper.began(course.started.clone(), trigger).await;
        let before = self.gateway.current();
        let missed = before.missing().map(str::to_owned).collect();
        let (ended, digest) = self
            .attempt(
                trigger,
                settled.map(|it| it.digest),
                &mut course,
                calls.as_deref_mut(),
            )
            .await;
        course.enter(Phase::Finish);
        let joined = calls.as_deref_mut().and_then(Calls::joined);
        if let Some(joined) = joined.filter(|it| it.is_forced()) {
            self.watch_again(joined);
        }
        let Ended {
            outcome,
            applied,
            before: snapshot_before,
        } = ended;
        if let Some(applied) = applied {
            let stale = std::mem::take(&mut self.stale);
            self.renews = false;
            let generation = self.gateway.current().generation;
            let bytes = Arc::clone(&applied.bytes);
            self.keeper.serves(generation, bytes).await;
            self.command(&applied, true);
            let fallback = self.applied.replace(applied);
            let fallback = fallback.map(|it| (it, stale));
            self.put_on_probation(&outcome, fallback, snapshot_before, before.generation + 1);
        }
        match (&outcome, digest) {
            (Outcome::Rejected(lines), Some(digest)) => {
                let reason = lines.first().cloned().unwrap_or_default();
                self.rejected = Some(Rejected { digest, reason });
            }
            // Other bytes than those: were they to come back, somebody would want to hear of it.
            (_, Some(digest)) if self.rejects(digest).is_none() => self.rejected = None,
            _ => {}
        }
        self.stands_after(trigger, &course, &outcome, digest);
        self.tell(&outcome, digest);
        if matches!(outcome, Outcome::Applied { .. }) {
            self.tell_missing(&missed);
        }
        // Who was not asked need not hear how it ended.
        if let Some(ending) = outcome.ending().filter(|_| course.reached(Phase::Propose)) {
            for fault in self.handlers.finished(before.generation + 1, ending).await {
                self.bus.publish(EventKind::Error, fault.to_string());
            }
        }
        self.attend(trigger != Trigger::Start && trigger != Trigger::Retry);
        match outcome {
            Outcome::Failed(_) => self.retry_later(trigger),
            _ => self.retry.reset(),
        }
        self.cuts = match outcome {
            Outcome::Abandoned(_) => self.cuts + 1,
            _ => 0,
        };
        self.keep(trigger, course, &outcome, digest).await;
        if let Some(joined) = joined {
            self.renew_for(joined).await;
        }
        self.stands_still();
        if let Some(calls) = calls
            && let Some(last) = &self.standing.borrow().last
            && !last.superseded
        {
            calls.answer(last);
        }
        outcome
    }

    async fn attempt(
        &mut self,
        trigger: Trigger,
        settled: Option<Digest>,
        course: &mut Course,
        mut calls: Option<&mut Calls>,
    ) -> (Ended, Option<Digest>) {
        course.enter(Phase::Read);
        let reading = read(&self.target, settled);
        let read = match &mut calls {
            None => reading.await,
            // The file system may never answer.
            Some(calls) => tokio::select! {
                read = reading => read,
                () = calls.stopping() => return (abandoned(Cut::Stopping).into(), None),
            },
        };
        self.tell_read(match &read {
            Ok((_, digest)) => Baseline::Content(*digest),
            Err(_) => Baseline::Nothing,
        });
        let (bytes, digest) = match read {
            Ok(read) => read,
            // These pass: the same file may be read in a moment.
            Err(error @ (FileError::Other(_) | FileError::Moving)) => {
                let path = self.target.path().display();
                let line = format!("{path} cannot be read: {error}");
                return (Outcome::Failed(vec![line]).into(), None);
            }
            Err(error) => {
                let path = self.target.path().display();
                let note =
                    format!("{path} cannot be read: {error}; the last good configuration serves");
                return (Outcome::Unchanged(note).into(), None);
            }
        };
        let secrets = Arc::default();
        let outdated = self.is_outdated(trigger, &secrets).await;
        let anew = self.stale || outdated;
        if !anew && self.applied.as_ref().is_some_and(|it| it.digest == digest) {
            let note = "same bytes as what serves".to_owned();
            return (Outcome::Unchanged(note).into(), Some(digest));
        }
        if let Some(reason) = self.rejects(digest).filter(|_| !trigger.is_forced()) {
            let note = format!(
                "same bytes as those that were rejected: {reason}; change them, or try them again by `config-sync reload` or SIGHUP"
            );
            return (Outcome::Unchanged(note).into(), Some(digest));
        }
        let attempt = Attempt {
            anew,
            renew: outdated,
            secrets,
            ..self.attempt_at()
        };
        let running = attempt.run(bytes.into(), digest, course);
        let Some(calls) = calls else {
            return (running.await, Some(digest));
        };
        let cut = async {
            if self.cuts < MOST_CUTS {
                return calls.cut(&self.target, digest).await;
            }
            calls.stopping().await;
            Cut::Stopping
        };
        // Who is dropped here has not swapped yet: after the swap nothing is awaited.
        let ended = tokio::select! {
            biased;
            ended = running => ended,
            cut = cut => abandoned(cut).into(),
        };
        (ended, Some(digest))
    }

    pub(super) fn attempt_at(&self) -> Attempt<'_> {
        Attempt {
            source: &self.source,
            gateway: &self.gateway,
            handlers: &self.handlers,
            detectors: self.detectors.as_ref(),
            others: self.others.as_ref(),
            applied: self.applied.as_ref(),
            warm: self.probation.as_ref().map(|it| &it.fallback.before),
            anew: self.stale,
            renew: false,
            secrets: Arc::default(),
        }
    }

    /// Why these bytes are not tried again.
    fn rejects(&self, digest: Digest) -> Option<&str> {
        let rejected = self.rejected.as_ref();
        let rejected = rejected.filter(|rejected| rejected.digest == digest);
        rejected.map(|rejected| rejected.reason.as_str())
    }

    fn retry_later(&mut self, trigger: Trigger) {
        if self.applied.is_none() {
            return;
        }
        let sync = self.settings.current();
        match self.retry.failed(sync.on_failure, sync.poll_interval) {
            Next::After(delay) => {
                tracing::info!(seconds = delay.as_secs_f64(), "the next try");
                self.retry_at = Some(Instant::now() + delay);
            }
            Next::Stop if trigger == Trigger::Start => {}
            Next::Stop => {
                self.orders.send_modify(|orders| {
                    if let Some(orders) = orders {
                        orders.stopped = true;
                    }
                });
                self.bus.publish(
                    EventKind::Degraded,
                    "watching has stopped (on_failure: stop); serving goes on; `config-sync resume` or SIGHUP reloads and watches again",
                );
            }
        }
    }

    /// The least time before something is tried again.
    pub(super) fn shortest_wait(&self) -> Duration {
        self.settings.current().poll_interval
    }
}

fn abandoned(cut: Cut) -> Outcome {
    let note = match cut {
        Cut::Newer => "given up for a newer edit",
        Cut::Stopping => "given up, for the host stops",
    };
    Outcome::Abandoned(note.to_owned())
}

/// At this time; never, without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
