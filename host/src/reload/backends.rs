//! What backends do by themselves, and what follows: one that offers something else is asked and
//! the catalog follows it, one that ended is started again. All of it beside the reloads, which
//! wait for none of it; only a catalog is composed and swapped in their turn.

use std::collections::BTreeSet;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::Refused;
use super::composed;
use super::reloader::Reloader;
use crate::events::EventKind;
use crate::gateway::{BackendNotice, Candidate, Capability, Health, NoticeKind, Restarted};

/// Something that went on beside the reloads, and has ended.
#[derive(Debug)]
pub(super) enum Job {
    /// A missing backend was started.
    Restarted(Restarted),
    /// A backend was asked again what it offers.
    Refreshed(String, Result<(), String>),
    /// A backend was asked how it is, on the probation of this generation.
    Probed(u64, String, Result<(), String>),
}

impl Reloader {
    /// What backends did by themselves.
    pub(super) async fn hear(&mut self, notices: Vec<BackendNotice>) {
        let (mut changed, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut wanted = BTreeSet::new();
        for BackendNotice { backend, kind } in notices {
            match kind {
                NoticeKind::OffersChanged => changed.insert(backend),
                NoticeKind::Ended => ended.insert(backend),
                NoticeKind::Wanted => wanted.insert(backend),
                NoticeKind::HealthChanged => {
                    self.tell_health(&backend);
                    continue;
                }
                NoticeKind::LeftAlone(time) => {
                    let seconds = time.as_secs_f64();
                    self.bus.publish(
                        EventKind::Degraded,
                        format!(
                            "backend `{backend}` gives no answer; its calls are refused for \
                             {seconds} s, then one may try (circuit-breaker)"
                        ),
                    );
                    continue;
                }
                NoticeKind::AnswersAgain => {
                    let details = format!("backend `{backend}` answers again (circuit-breaker)");
                    self.bus.publish(EventKind::State, details);
                    continue;
                }
            };
        }
        // The notice may be of one that serves no longer.
        let current = self.gateway.current();
        ended.retain(|name| current.ended().any(|other| other == name));
        for backend in &ended {
            let condition = current.condition(backend);
            let why = condition.as_ref().and_then(|it| it.health.reason());
            let why = why.unwrap_or("it ended");
            self.bus.publish(
                EventKind::Degraded,
                format!(
                    "backend `{backend}` is down: {why}; its tools answer with an error until it \
                     is back"
                ),
            );
        }
        for backend in &ended {
            if self.condemns(backend) {
                let reason = format!("backend `{backend}` ended during its probation");
                self.go_back(reason).await;
            }
        }
        self.attend(false);
        self.restarts
            .hurry(Instant::now(), |name| wanted.contains(name));
        for backend in changed.difference(&ended) {
            self.refreshes.changed(backend, Instant::now());
        }
        self.refresh_due();
    }

    /// A backend that serves does not answer any more, or does again.
    fn tell_health(&self, backend: &str) {
        let current = self.gateway.current();
        let Some(condition) = current.condition(backend) else {
            return;
        };
        match &condition.health {
            Health::Degraded(why) => {
                let details = format!("backend `{backend}` is not well: {why}");
                self.bus.publish(EventKind::Degraded, details);
            }
            Health::Ready => {
                let details = format!("backend `{backend}` answers again");
                self.bus.publish(EventKind::State, details);
            }
            // Of these others tell.
            Health::Connecting | Health::Down(_) | Health::Draining => {}
        }
    }

    /// Sees to it that every missing backend is started again, in time; at once, in a `hurry`.
    pub(super) fn attend(&mut self, hurry: bool) {
        let (current, now) = (self.gateway.current(), Instant::now());
        let shortest = self.shortest_wait();
        self.restarts.missing(current.missing(), shortest, now);
        if hurry {
            self.restarts.hurry(now, |_| true);
        }
    }

    /// When a backend is to be started again, or to be asked again what it offers.
    pub(super) fn next_job(&self) -> Option<Instant> {
        let next = [self.restarts.next(), self.refreshes.next()];
        next.into_iter().flatten().min()
    }

    /// Begins with those whose time has come.
    pub(super) fn begin_jobs(&mut self) {
        self.restart_due();
        self.refresh_due();
    }

    fn refresh_due(&mut self) {
        for name in self.refreshes.take_due(Instant::now()) {
            match self.gateway.refresh(&name) {
                Some(refresh) => {
                    self.jobs
                        .spawn(async move { Job::Refreshed(name, refresh.await) });
                }
                None => self.refreshes.gone(&name),
            }
        }
    }

    fn restart_due(&mut self) {
        self.attend(false);
        for name in self.restarts.take_due(Instant::now()) {
            if let Some(restart) = self.gateway.restart(&name) {
                self.jobs
                    .spawn(async move { Job::Restarted(restart.await) });
            }
        }
    }

    /// Asks those on probation how they are.
    pub(super) fn probe(&mut self) {
        let Some(probation) = &self.probation else {
            return;
        };
        let generation = probation.fallback.generation;
        for name in probation.touched().to_vec() {
            if let Some(probe) = self.gateway.probe(&name) {
                self.jobs.spawn(async move {
                    let (name, well) = probe.await;
                    Job::Probed(generation, name, well)
                });
            }
        }
    }

    /// Takes what has ended, and all that ended with it: one catalog for all.
    pub(super) async fn take(&mut self, ended: Result<Job, JoinError>) {
        let mut jobs = vec![ended];
        while let Some(ended) = self.jobs.try_join_next() {
            jobs.push(ended);
        }
        let (mut restarted, mut refreshed) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Ok(Job::Restarted(it)) => restarted.push(it),
                Ok(Job::Refreshed(name, result)) => {
                    let now = Instant::now();
                    let is_news = self.refreshes.ended(&name, result.is_ok(), now);
                    match result {
                        Ok(()) => refreshed.push(name),
                        Err(error) if is_news => self.bus.publish(
                            EventKind::Error,
                            format!(
                                "backend `{name}`: {error}; the catalog stays, and it is asked again"
                            ),
                        ),
                        Err(error) => tracing::debug!(backend = name, error, "asked in vain again"),
                    }
                }
                // What is said of another probation concerns backends that are replaced by now.
                Ok(Job::Probed(generation, name, Err(illness)))
                    if self.is_on_probation(generation) && self.condemns(&name) =>
                {
                    // That it has ended a question may find before anybody tells.
                    let has_ended = self.gateway.current().ended().any(|it| it == name);
                    let what = match has_ended {
                        true => "ended during its probation".to_owned(),
                        false => format!("got ill during its probation: {illness}"),
                    };
                    self.go_back(format!("backend `{name}` {what}")).await;
                }
                Ok(Job::Probed(..)) => {}
                Err(error) => {
                    tracing::error!(%error, "a defect of the host: something beside the reloads was lost");
                    self.restarts.lost(self.shortest_wait(), Instant::now());
                    self.refreshes.lost(Instant::now());
                }
            }
        }
        if !restarted.is_empty() {
            self.mend(restarted).await;
        }
        if !refreshed.is_empty() {
            self.follow(&refreshed).await;
        }
    }

    /// Takes the backends that came back into what serves, and gives up those that did not.
    async fn mend(&mut self, restarted: Vec<Restarted>) {
        let names: Vec<_> = restarted.iter().map(|it| it.name.clone()).collect();
        let order = self.applied.as_ref().map(|applied| applied.order());
        let missed: BTreeSet<_> = absent(&self.gateway.current()).collect();
        let (mut candidate, mended) = self.gateway.mend(restarted, &order.unwrap_or_default());
        let (now, shortest) = (Instant::now(), self.shortest_wait());
        for name in names.iter().filter(|name| !mended.back.contains(name)) {
            self.restarts.failed(name, shortest, now);
        }
        if mended.back.is_empty() && !mended.given_up {
            return;
        }
        if let Err(error) = self.compose(&mut candidate).await {
            let names = names.join("`, `");
            let details = format!("the catalog cannot follow backend `{names}`: {error}; it stays");
            self.bus.publish(EventKind::Error, details);
            for name in &mended.back {
                self.restarts.failed(name, shortest, now);
            }
            return;
        }
        let (swapped, _gone) = self.gateway.swap(candidate);
        self.bus.set_generation(swapped.generation);
        for name in &mended.back {
            self.restarts.back(name, now);
        }
        if !mended.back.is_empty() {
            let names = mended.back.join("`, `");
            let details = match mended.back.len() {
                1 => format!("backend `{names}` serves again"),
                _ => format!("backends `{names}` serve again"),
            };
            self.bus.publish(EventKind::Changed, details);
        }
        for (name, reason) in &mended.missing {
            if !missed.contains(name) {
                self.tell_absent(name, reason);
            }
        }
        self.attend(false);
    }

    /// The catalog follows backends that offer something else than before.
    async fn follow(&mut self, backends: &[String]) {
        let mut candidate = self.gateway.recompose();
        let names = backends.join("`, `");
        match self.compose(&mut candidate).await {
            Err(error) => {
                let details =
                    format!("the catalog cannot follow backend `{names}`: {error}; it stays");
                self.bus.publish(EventKind::Error, details);
            }
            Ok(()) if !self.gateway.differs(&candidate) => {}
            Ok(()) => {
                let (swapped, _gone) = self.gateway.swap(candidate);
                self.bus.set_generation(swapped.generation);
                let tools = self.gateway.current().count(Capability::Tool);
                self.bus.publish(
                    EventKind::Changed,
                    format!("the catalog follows backend `{names}`: {tools} tools"),
                );
            }
        }
    }

    /// The catalog of a candidate, by what serves.
    pub(super) async fn compose(&self, candidate: &mut Candidate) -> Result<(), String> {
        let Some(applied) = &self.applied else {
            return Ok(());
        };
        let config = std::sync::Arc::clone(&applied.checked.config);
        match self.handlers.compose(config, candidate.offers()).await {
            Ok((composed, offers)) => composed::serve(candidate, composed, &offers),
            Err(Refused::Problems(problems)) => {
                let problems = problems.iter().map(ToString::to_string);
                Err(problems.collect::<Vec<_>>().join("; "))
            }
            Err(Refused::Fault(fault)) => Err(fault.to_string()),
        }
    }
}

fn absent(snapshot: &crate::gateway::Snapshot) -> impl Iterator<Item = String> {
    snapshot.absent().iter().map(|absent| absent.name.clone())
}
