//! Probation put into practice: what is kept of the time before a swap, and the way back to it.

use tokio::time::Instant;

use super::attempt::Applied;
use super::course::Course;
use super::probation::{Probation, Step};
use super::reloader::{Rejected, Reloader};
use super::{Ending, Outcome, Phase, Trigger};
use crate::events::EventKind;
use crate::gateway::Before;

/// Where to go back to.
#[derive(Debug)]
pub(super) struct Fallback {
    /// What served, kept warm.
    pub(super) before: Before,
    /// What it was made of.
    pub(super) applied: Applied,
    /// As [`Reloader::stale`], of this.
    pub(super) stale: bool,
    /// The generation on probation.
    pub(super) generation: u64,
}

impl Reloader {
    /// Whether the probation that goes on is that of this generation.
    pub(super) fn is_on_probation(&self, generation: u64) -> bool {
        let probation = self.probation.as_ref();
        probation.is_some_and(|it| it.fallback.generation == generation)
    }

    /// Watches what this change touched, if `sync.probation` says so. Whatever was on probation
    /// before has passed: somebody has built on it.
    pub(super) fn put_on_probation(
        &mut self,
        outcome: &Outcome,
        fallback: Option<(Applied, bool)>,
        before: Option<Before>,
        generation: u64,
    ) {
        let Outcome::Applied { swapped, .. } = outcome else {
            return;
        };
        if let (Some(mut passed), Some(before)) = (self.probation.take(), &before) {
            passed.fallback.before.spare(before);
        }
        let (Some((applied, stale)), Some(before)) = (fallback, before) else {
            return;
        };
        let sync = self.settings.current();
        if sync.probation.is_zero() || swapped.started.is_empty() {
            return;
        }
        let fallback = Fallback {
            before,
            applied,
            stale,
            generation,
        };
        self.probation = Some(Probation::begin(
            fallback,
            swapped.started.clone(),
            sync.probation,
            sync.poll_interval,
            Instant::now(),
        ));
    }

    /// Asks how those on probation are, or lets them go.
    pub(super) fn watch_probation(&mut self) {
        let step = self.probation.as_mut().map(|it| it.step(Instant::now()));
        match step {
            Some(Step::Passed) => {
                self.probation = None;
                self.bus.publish(
                    EventKind::State,
                    "probation passed; what served before is let go",
                );
            }
            Some(Step::Probe) => self.probe(),
            Some(Step::Wait) | None => {}
        }
    }

    /// Whether this backend's illness is a reason to go back.
    pub(super) fn condemns(&self, backend: &str) -> bool {
        let required = self.applied.as_ref().is_some_and(|applied| {
            let specs = applied.wanted.backends.iter();
            specs
                .filter(|(name, _)| name == backend)
                .any(|(_, spec)| spec.required)
        });
        let touched = self.probation.iter().flat_map(Probation::touched);
        required && touched.into_iter().any(|name| name == backend)
    }

    /// Serves what served before; its backends need not be started.
    pub(super) async fn go_back(&mut self, reason: String) {
        let Some(probation) = self.probation.take() else {
            return;
        };
        let Fallback {
            before,
            applied,
            stale,
            generation,
        } = probation.fallback;
        self.stale = stale;
        let mut course = Course::begin();
        self.keeper
            .began(course.started.clone(), Trigger::Probation)
            .await;
        course.enter(Phase::Build);
        let mut candidate = self.gateway.back_to(&before);
        let opened = self.gateway.open(&applied.checked.config.server).await;
        let (server, bytes) = (opened, std::sync::Arc::clone(&applied.bytes));
        let condemned = self.applied.replace(applied);
        course.enter(Phase::Compose);
        if let Err(error) = self.compose(&mut candidate).await {
            tracing::error!("going back with the catalog as it was then: {error}");
        }
        course.enter(Phase::Swap);
        let (swapped, _ill) = self.gateway.swap(candidate);
        match server {
            Ok(opened) => self.gateway.serve(opened),
            Err(problem) => self.bus.publish(EventKind::Error, problem.to_string()),
        }
        course.enter(Phase::Finish);
        if let Some(applied) = &self.applied {
            self.command(applied, false);
        }
        let digest = condemned.map(|condemned| condemned.digest);
        self.rejected = digest.map(|digest| Rejected {
            digest,
            reason: reason.clone(),
        });
        self.keeper.serves(swapped.generation, bytes).await;
        let outcome = Outcome::Reverted { swapped, reason };
        self.stands_after(Trigger::Probation, &course, &outcome, digest);
        self.tell(&outcome, digest);
        for fault in self.handlers.finished(generation, Ending::Reverted).await {
            self.bus.publish(EventKind::Error, fault.to_string());
        }
        drop(before);
        self.attend(false);
        self.keep(Trigger::Probation, course, &outcome, digest)
            .await;
        self.stands_still();
        self.make_anew().await;
    }
}
