//! The course of one attempt: which phase it is in, how long each took, what became known on the
//! way. Measures with the clock of tokio, which tests hold still; decides nothing.

use jiff::Zoned;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Difference, Phase, PhaseTime};
use crate::config;
use crate::events::timestamp;

/// What becomes known while an attempt runs, kept even when it is cut short.
#[derive(Debug)]
pub(super) struct Course {
    /// RFC 3339, for people.
    pub(super) started: String,
    /// The strategy by which the watcher looks while it begins.
    pub(super) detector: Option<String>,
    /// What the file says, right or wrong, once it could be parsed.
    pub(super) sections: Option<Map<String, Value>>,
    /// How that differs from what serves, leaf by leaf.
    pub(super) differences: Vec<Difference>,
    done: Vec<PhaseTime>,
    current: Option<(Phase, Instant)>,
}

impl Course {
    /// It begins now.
    pub(super) fn begin() -> Self {
        Self {
            started: timestamp(&Zoned::now()),
            detector: None,
            sections: None,
            differences: Vec::new(),
            done: Vec::new(),
            current: None,
        }
    }

    /// Finds out how the file differs from what serves, as far as it could be read.
    pub(super) fn compare(&mut self, serves: &Map<String, Value>) {
        if let Some(sections) = &self.sections {
            self.differences = config::differences(serves, sections);
        }
    }

    /// The phase before is over, this one begins.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.end();
        tracing::trace!(target: "config_sync::phase", %phase, "begins");
        self.current = Some((phase, Instant::now()));
    }

    /// Whether it came that far.
    pub(super) fn reached(&self, phase: Phase) -> bool {
        let current = self.current.iter().map(|(phase, _)| *phase);
        let done = self.done.iter().map(|it| it.phase);
        done.chain(current).any(|reached| reached == phase)
    }

    /// The last phase is over.
    pub(super) fn end(&mut self) {
        if let Some((phase, since)) = self.current.take() {
            self.done.push(PhaseTime::new(phase, since.elapsed()));
        }
    }

    /// The phases that are over, in their order.
    pub(super) fn phases(&self) -> &[PhaseTime] {
        &self.done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_time() {
        let mut course = Course::begin();
        course.enter(Phase::Read);
        tokio::time::advance(Duration::from_millis(3)).await;
        course.enter(Phase::Parse);
        tokio::time::advance(Duration::from_millis(5)).await;
        course.end();
        let times = course.phases().iter().map(|it| (it.phase, it.ms));
        assert_eq!(
            times.collect::<Vec<_>>(),
            [(Phase::Read, 3.0), (Phase::Parse, 5.0)]
        );
    }
}
