//! What of the configuration that serves is of concern to plugins, and what other plugins mean
//! for it: they may read it in another way.

use std::sync::Arc;

use super::attempt::{Applied, Ended};
use super::calls::Calls;
use super::course::Course;
use super::reloader::Reloader;
use super::{Outcome, Phase, Trigger};
use crate::config::PluginSettings;
use crate::events::EventKind;
use crate::watch::Baseline;

/// What the configuration that serves says of plugins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InForce {
    /// Where they are, and what they may use.
    pub plugins: PluginSettings,
    /// The sections that it has.
    pub sections: Vec<String>,
}

impl Reloader {
    /// Handlers that have come, changed or gone take effect from here on.
    pub(super) fn renew(&mut self) {
        let Some(concerned) = self.handlers.renew() else {
            return;
        };
        let concerns = |applied: &Applied| {
            let sections = &applied.checked.config.sections;
            concerned.iter().any(|name| sections.contains_key(name))
        };
        self.stale |= self.applied.as_ref().is_some_and(concerns);
        if let Some(probation) = &mut self.probation {
            let fallback = &mut probation.fallback;
            fallback.stale |= concerns(&fallback.applied);
        }
    }

    /// Other plugins are at hand: what serves is made anew where that is of concern, and what could
    /// not be served is tried again.
    pub(super) async fn follow_plugins(&mut self, calls: &mut Calls) {
        self.renew();
        if self.is_paused() {
            return self.make_anew().await;
        }
        if self.stale || self.rejected.is_some() || self.retry_at.is_some() {
            let outcome = self.reload(Trigger::Plugins, None, Some(calls)).await;
            self.catch_up(&outcome).await;
        }
    }

    /// The file would not do: what serves follows other plugins all the same.
    pub(super) async fn catch_up(&mut self, outcome: &Outcome) {
        let applied = self.applied.as_ref();
        let was_it = applied.is_some_and(|it| self.baseline == Baseline::Content(it.digest));
        // What was cut short is tried again at once; what serves itself has been tried.
        if !was_it && !matches!(outcome, Outcome::Abandoned(_)) {
            self.make_anew().await;
        }
    }

    /// Makes what serves anew from its own bytes, whatever the file holds, if others read it now.
    pub(super) async fn make_anew(&mut self) {
        let Some(serves) = self.applied.clone().filter(|_| self.stale) else {
            return;
        };
        let (trigger, mut course) = (Trigger::Plugins, Course::begin());
        self.keeper.began(course.started.clone(), trigger).await;
        let generation = self.gateway.current().generation;
        let attempt = self.attempt_at();
        let running = attempt.run(serves.bytes, serves.digest, &mut course);
        let Ended {
            outcome,
            applied,
            before,
        } = running.await;
        course.enter(Phase::Finish);
        if let (Some(mut before), Some(probation)) = (before, &self.probation) {
            before.spare(&probation.fallback.before);
        }
        if let Some(applied) = applied {
            self.stale = false;
            let generation = self.gateway.current().generation;
            let bytes = Arc::clone(&applied.bytes);
            self.keeper.serves(generation, bytes).await;
            self.applied = Some(applied);
            self.tell(&outcome, Some(serves.digest));
        } else {
            let why = outcome.reasons().join("; ");
            let details = format!(
                "other plugins are at hand, and what serves cannot be made anew with them: {why}; \
                 it serves as it is"
            );
            self.bus.publish(EventKind::Error, details);
        }
        if let Some(ending) = outcome.ending().filter(|_| course.reached(Phase::Propose)) {
            for fault in self.handlers.finished(generation + 1, ending).await {
                self.bus.publish(EventKind::Error, fault.to_string());
            }
        }
        self.attend(false);
        self.keep(trigger, course, &outcome, Some(serves.digest))
            .await;
        self.stands_still();
    }
}
