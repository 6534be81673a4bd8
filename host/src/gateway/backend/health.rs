//! How a backend is: asked at an interval, and when something makes one wonder. One that does not
//! answer several times in a row is taken to be down, and its connection is ended: whoever
//! restarts backends does the rest. One that has calls under way is not, for it may be at work;
//! unless nothing listens there any more.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::peer::Peer;
use crate::config::HealthSettings;

/// Between two questions, while it does not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// How a backend is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Ready,
    /// It did not answer when it was last asked; why.
    Degraded(String),
    /// It did not answer several times in a row; why.
    Down(String),
    /// It is wanted no more, and ends its last calls.
    Draining,
}

impl Health {
    /// One word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded(_) => "degraded",
            Self::Down(_) => "down",
            Self::Draining => "draining",
        }
    }

    /// Why, where there is something to say.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Degraded(why) | Self::Down(why) => Some(why),
            Self::Ready | Self::Draining => None,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Decides how it is and when it is asked next. Pure.
#[derive(Debug)]
pub(super) struct Machine {
    settings: HealthSettings,
    health: Health,
    /// Questions without an answer, in a row.
    unanswered: u32,
    /// When it is asked next; never, where it is not asked.
    next: Option<Instant>,
}

impl Machine {
    pub(super) fn new(settings: HealthSettings, now: Instant) -> Self {
        let mut machine = Self {
            settings,
            health: Health::Ready,
            unanswered: 0,
            next: None,
        };
        machine.next = machine.in_the_usual_time(now);
        machine
    }

    fn in_the_usual_time(&self, now: Instant) -> Option<Instant> {
        let interval = self.settings.interval;
        (!interval.is_zero()).then(|| now + interval)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// It was asked. `is_busy`: calls are under way.
    pub(super) fn asked(&mut self, answer: Result<(), String>, is_busy: bool, now: Instant) {
        let Err(why) = answer else {
            self.unanswered = 0;
            self.health = Health::Ready;
            self.next = self.in_the_usual_time(now);
            return;
        };
        self.unanswered = self.unanswered.saturating_add(1);
        let is_down = self.unanswered >= self.settings.failures && !is_busy;
        self.health = if is_down {
            Health::Down(why)
        } else {
            Health::Degraded(why)
        };
        self.next = Some(now + AGAIN);
    }
}

/// Asks the backend how it is, until its connection ends, or it is `retired`; then it drains.
pub(super) async fn watch(
    peer: Arc<Peer>,
    settings: HealthSettings,
    patience: Duration,
    retired: CancellationToken,
    shown: Arc<ArcSwap<Health>>,
) {
    let mut machine = Machine::new(settings, Instant::now());
    loop {
        let next = async {
            match machine.next() {
                Some(next) => tokio::time::sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = next => {}
            () = peer.doubted.notified() => {}
            () = peer.ended.cancelled() => return,
            () = retired.cancelled() => {
                shown.store(Arc::new(Health::Draining));
                return;
            }
        }
        let answer = tokio::select! {
            answer = super::ping(&peer, patience) => answer,
            () = peer.ended.cancelled() => return,
        };
        let before = machine.health().clone();
        machine.asked(answer, peer.is_busy(), Instant::now());
        let health = machine.health().clone();
        if health.as_str() != before.as_str() {
            let reason = health.reason();
            tracing::info!(backend = peer.backend, %health, reason, "its health");
        }
        let is_down = matches!(health, Health::Down(_));
        shown.store(Arc::new(health));
        if is_down {
            peer.end();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(now: Instant) -> Machine {
        let settings = HealthSettings {
            interval: Duration::from_secs(30),
            failures: 3,
        };
        Machine::new(settings, now)
    }

    fn silent() -> Result<(), String> {
        Err("it is silent".to_owned())
    }

    #[test]
    fn three_questions_without_an_answer_are_too_many() {
        let now = Instant::now();
        let mut machine = machine(now);
        assert_eq!(machine.next(), Some(now + Duration::from_secs(30)));
        for _ in 0..2 {
            machine.asked(silent(), false, now);
            assert_eq!(machine.health().as_str(), "degraded");
            assert_eq!(machine.next(), Some(now + AGAIN));
        }
        machine.asked(silent(), false, now);
        assert_eq!(machine.health(), &Health::Down("it is silent".to_owned()));
    }

    #[test]
    fn an_answer_makes_it_well_and_one_at_work_is_never_down() {
        let now = Instant::now();
        let mut machine = machine(now);
        for _ in 0..10 {
            machine.asked(silent(), true, now);
            assert_eq!(machine.health().as_str(), "degraded");
        }
        machine.asked(Ok(()), true, now);
        assert_eq!(machine.health(), &Health::Ready);
        machine.asked(silent(), false, now);
        assert_eq!(machine.health().as_str(), "degraded", "counted anew");
    }
}
