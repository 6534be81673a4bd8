//! The start with a file that will not do: what an earlier run applied last serves instead. Writes
//! nothing over the file.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Trigger;
use super::attempt::Ended;
use super::course::Course;
use super::reloader::Reloader;
use crate::events::EventKind;
use crate::target::Digest;

impl Reloader {
    /// Whether there was one, and it serves.
    pub(super) async fn serve_last_good(&mut self, reasons: &[String]) -> bool {
        let Some(good) = self.keeper.last_good().await else {
            return false;
        };
        let digest = Digest::of(&good.bytes);
        let (trigger, mut course) = (Trigger::LastGood, Course::begin());
        self.keeper.began(course.started.clone(), trigger).await;
        let Ended {
            outcome, applied, ..
        } = self
            .attempt_at()
            .run(good.bytes.into(), digest, &mut course)
            .await;
        self.applied = applied;
        if let Some(applied) = &self.applied {
            let generation = self.gateway.current().generation;
            let bytes = Arc::clone(&applied.bytes);
            self.keeper.serves(generation, bytes).await;
        }
        self.keep(trigger, course, &outcome, Some(digest)).await;
        let Some(applied) = &self.applied else {
            let reasons = outcome.reasons().join("; ");
            tracing::error!("the last good configuration serves no more either: {reasons}");
            return false;
        };
        self.command(applied, false);
        self.bus.set_generation(self.gateway.current().generation);
        self.bus.publish(
            EventKind::Degraded,
            format!(
                "the last good configuration serves (generation {} of an earlier run), not {}: {}; \
                 mend the file, or run `config-sync restore` to write that configuration over it",
                good.generation,
                self.source,
                reasons.first().map_or("", String::as_str)
            ),
        );
        self.tell_missing(&BTreeSet::new());
        self.attend(false);
        true
    }
}
