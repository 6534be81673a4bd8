//! The motor of reloading: one task that owns what was applied. Whatever asks for a reload comes
//! to it in turn, so no two run at once, and each reads the bytes that are newest then.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::attempt::{Aim, Applied, Attempt};
use super::read::read;
use super::retry::{Next, Retry};
use super::{Handlers, Outcome, Trigger, outcome};
use crate::events::{EventBus, EventKind};
use crate::gateway::{BackendNotice, Capability, Gateway, NoticeKind};
use crate::target::{Digest, Target};
use crate::watch::{Detectors, Orders, Settled};

/// Owns what was applied, and reloads it.
pub struct Reloader {
    source: String,
    target: Arc<dyn Target>,
    gateway: Arc<Gateway>,
    handlers: Handlers,
    detectors: Arc<dyn Detectors>,
    bus: EventBus,
    orders: watch::Sender<Option<Orders>>,
    seen: watch::Sender<Option<Digest>>,
    applied: Option<Applied>,
    retry: Retry,
    retry_at: Option<Instant>,
}

impl Reloader {
    /// A reloader that has applied nothing yet. Orders for the watcher come out of `orders` after
    /// the first reload that succeeds, the digest last read out of `seen`.
    pub fn new(
        target: Arc<dyn Target>,
        gateway: Arc<Gateway>,
        handlers: Handlers,
        detectors: Arc<dyn Detectors>,
        bus: EventBus,
        orders: watch::Sender<Option<Orders>>,
        seen: watch::Sender<Option<Digest>>,
    ) -> Self {
        let name = target
            .path()
            .file_name()
            .unwrap_or(target.path().as_os_str());
        Self {
            source: name.to_string_lossy().into_owned(),
            target,
            gateway,
            handlers,
            detectors,
            bus,
            orders,
            seen,
            applied: None,
            retry: Retry::new(RandomState::new().hash_one(std::process::id())),
            retry_at: None,
        }
    }

    /// The first load. Backends that do not start are left out and tried again later.
    ///
    /// # Errors
    /// Why nothing can be served, one line each.
    pub async fn start(&mut self) -> Result<(), Vec<String>> {
        match self.reload(Trigger::Start).await {
            Outcome::Applied { .. } => Ok(()),
            Outcome::Unchanged(note) => Err(vec![note]),
            Outcome::Rejected(lines) | Outcome::Failed(lines) => Err(lines),
        }
    }

    /// Reloads whenever there is a reason, until cancelled.
    pub async fn run(
        mut self,
        mut settled: mpsc::Receiver<Settled>,
        mut asked: mpsc::Receiver<()>,
        mut notices: mpsc::UnboundedReceiver<BackendNotice>,
        cancel: CancellationToken,
    ) {
        loop {
            let retry_at = self.retry_at;
            let trigger = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                Some(()) = asked.recv() => Trigger::Hangup,
                Some(Settled) = settled.recv() => Trigger::Detector,
                Some(notice) = notices.recv() => {
                    let mut heard = vec![notice];
                    while let Ok(notice) = notices.try_recv() {
                        heard.push(notice);
                    }
                    self.hear(heard).await;
                    continue;
                }
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => Trigger::Retry,
            };
            // Whoever else asked meanwhile is served by the same reload: it reads the newest bytes.
            while asked.try_recv().is_ok() {}
            while settled.try_recv().is_ok() {}
            if trigger != Trigger::Retry {
                self.retry.reset();
            }
            self.reload(trigger).await;
        }
    }

    /// One reload, told to everybody concerned.
    async fn reload(&mut self, trigger: Trigger) -> Outcome {
        self.retry_at = None;
        let generation = self.gateway.current().generation + 1;
        let (outcome, digest) = self.attempt(trigger).await;
        self.tell(trigger, &outcome, digest);
        if let Some(ending) = outcome.ending() {
            for fault in self.handlers.finished(generation, ending).await {
                self.bus.publish(EventKind::Error, fault.to_string());
            }
        }
        let incomplete = !self.gateway.current().absent().is_empty();
        match outcome {
            Outcome::Failed(_) => self.retry_later(trigger),
            _ if incomplete => self.retry_later(trigger),
            _ => self.retry.reset(),
        }
        outcome
    }

    async fn attempt(&mut self, trigger: Trigger) -> (Outcome, Option<Digest>) {
        let (bytes, digest) = match read(&self.target).await {
            Ok(read) => read,
            Err(error) => {
                let path = self.target.path().display();
                let note =
                    format!("{path} cannot be read: {error}; the last good configuration serves");
                return (Outcome::Unchanged(note), None);
            }
        };
        self.seen.send_replace(Some(digest));
        let (outcome, applied) = match &self.applied {
            Some(applied) if applied.digest == digest => (self.repair(applied).await, None),
            Some(_) => self.prepare(Aim::Follow).run(bytes, digest).await,
            None => self.prepare(Aim::Start).run(bytes, digest).await,
        };
        if let Some(applied) = applied {
            self.command(&applied);
            self.applied = Some(applied);
        } else if trigger == Trigger::Hangup {
            self.watch_again();
        }
        (outcome, Some(digest))
    }

    /// The bytes are those that serve: whatever is missing of them is tried again.
    async fn repair(&self, applied: &Applied) -> Outcome {
        let note = "same bytes as what serves".to_owned();
        let current = self.gateway.current();
        let whole = current.absent().is_empty() && current.ended().next().is_none();
        if whole {
            return Outcome::Unchanged(note);
        }
        self.prepare(Aim::Repair)
            .build(&applied.checked, &applied.wanted, Vec::new())
            .await
    }

    fn prepare(&self, aim: Aim) -> Attempt<'_> {
        Attempt {
            source: &self.source,
            gateway: &self.gateway,
            handlers: &self.handlers,
            detectors: self.detectors.as_ref(),
            applied: self.applied.as_ref(),
            aim,
        }
    }

    /// Hands the settings of what serves to the watcher.
    fn command(&self, applied: &Applied) {
        let orders = Orders {
            settings: applied.checked.config.sync.clone(),
            stopped: false,
        };
        self.orders.send_replace(Some(orders));
    }

    /// Ends what `on_failure: stop` has stopped.
    fn watch_again(&self) {
        self.orders.send_if_modified(|orders| {
            orders
                .as_mut()
                .is_some_and(|orders| std::mem::take(&mut orders.stopped))
        });
    }

    fn tell(&self, trigger: Trigger, outcome: &Outcome, digest: Option<Digest>) {
        let current = self.gateway.current();
        self.bus.set_generation(current.generation);
        let publish = |kind, details: String| match digest {
            Some(digest) => self.bus.publish_about(kind, details, digest.to_string()),
            None => self.bus.publish(kind, details),
        };
        match outcome {
            Outcome::Unchanged(_) if trigger == Trigger::Retry => {}
            Outcome::Unchanged(note) => publish(EventKind::NoChange, note.clone()),
            Outcome::Applied {
                swapped,
                differences,
            } => {
                publish(EventKind::Changed, outcome::applied(swapped, differences));
                for absent in current.absent() {
                    let (name, reason) = (&absent.name, &absent.reason);
                    publish(
                        EventKind::Degraded,
                        format!("backend `{name}` is missing: {reason}"),
                    );
                }
            }
            Outcome::Rejected(lines) => {
                publish(EventKind::Error, brief("rejected", lines, trigger))
            }
            Outcome::Failed(lines) => publish(EventKind::Error, brief("failed", lines, trigger)),
        }
        if let Outcome::Rejected(lines) | Outcome::Failed(lines) = outcome {
            for line in lines.iter().skip(1) {
                tracing::error!("{line}");
            }
        }
    }

    fn retry_later(&mut self, trigger: Trigger) {
        let Some(applied) = &self.applied else { return };
        let sync = &applied.checked.config.sync;
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
                    "watching has stopped (on_failure: stop); serving goes on; SIGHUP reloads and watches again",
                );
            }
        }
    }

    /// What backends did by themselves.
    async fn hear(&mut self, notices: Vec<BackendNotice>) {
        let mut changed = BTreeSet::new();
        for BackendNotice { backend, kind } in notices {
            match kind {
                NoticeKind::OffersChanged => {
                    changed.insert(backend);
                }
                NoticeKind::Ended => {
                    self.bus.publish(
                        EventKind::Degraded,
                        format!("backend `{backend}` ended; its tools answer with an error until it is back"),
                    );
                    self.retry_later(Trigger::Retry);
                }
            }
        }
        for backend in changed {
            self.follow(&backend).await;
        }
    }

    /// The catalog follows a backend that offers something else than before.
    async fn follow(&mut self, backend: &str) {
        let Some(applied) = &self.applied else { return };
        let config = Arc::clone(&applied.checked.config);
        let mut candidate = match self.gateway.refresh(backend).await {
            Ok(candidate) => candidate,
            Err(error) => {
                self.bus.publish(
                    EventKind::Error,
                    format!("backend `{backend}`: {error}; the catalog stays"),
                );
                return;
            }
        };
        let composed = match self.handlers.compose(config, candidate.offers()).await {
            Ok((entries, offers)) => candidate.compose(entries, &offers),
            Err(super::Refused::Problems(problems)) => Err(problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")),
            Err(super::Refused::Fault(fault)) => Err(fault.to_string()),
        };
        match composed {
            Err(error) => {
                let details =
                    format!("the catalog cannot follow backend `{backend}`: {error}; it stays");
                self.bus.publish(EventKind::Error, details);
            }
            Ok(()) if !self.gateway.differs(&candidate) => {}
            Ok(()) => {
                let swapped = self.gateway.swap(candidate);
                self.bus.set_generation(swapped.generation);
                let tools = self.gateway.current().count(Capability::Tool);
                self.bus.publish(
                    EventKind::Changed,
                    format!("the catalog follows backend `{backend}`: {tools} tools"),
                );
            }
        }
    }
}

/// The first line, and how many more the log has.
fn brief(what: &str, lines: &[String], trigger: Trigger) -> String {
    let first = lines.first().map_or("", String::as_str);
    let rest = match lines.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more in the log)", count - 1),
    };
    let serving = match trigger {
        Trigger::Start => "nothing serves yet",
        _ => "the last good state serves",
    };
    format!("{what}: {first}{rest}; {serving}")
}
