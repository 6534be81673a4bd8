//! When a backend is left alone, and when it may be tried again. Pure: `now` is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::BreakerSettings;

/// One backend's breaker.
pub(in crate::gateway::middleware) struct Machine {
    settings: BreakerSettings,
    state: State,
    /// How often it has opened or closed.
    turns: u64,
}

/// That a call may pass; how often it had opened or closed by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::middleware) struct Pass(u64);

enum State {
    /// Calls pass. These, the newest last, had no answer.
    Closed { failures: VecDeque<Instant> },
    /// None passes until then.
    Open { until: Instant },
    /// One tries, and the others wait for how it ends. One that has not ended by then does not
    /// hold them up for ever: another tries beside it.
    HalfOpen { until: Instant },
}

/// How a call that was let through ended, as far as it says something about the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::middleware) enum Ended {
    Answered,
    Unanswered,
    /// It says nothing: the client took it back.
    GivenUp,
}

/// What people should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::middleware) enum Turn {
    Opened,
    Closed,
}

/// How long a call is told to wait while another one tries.
const WHILE_TRIED: Duration = Duration::from_secs(1);

impl Machine {
    pub(in crate::gateway::middleware) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: State::closed(),
            turns: 0,
        }
    }

    /// Whether a call may pass; otherwise how long to wait.
    pub(in crate::gateway::middleware) fn ask(&mut self, now: Instant) -> Result<Pass, Duration> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until } if now < until => return Err(until - now),
            State::HalfOpen { until } if now < until => {
                return Err(WHILE_TRIED.min(until - now));
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                let until = now + self.settings.open;
                self.state = State::HalfOpen { until };
            }
        }
        Ok(Pass(self.turns))
    }

    /// A call with this pass has ended. One from before it opened or closed says nothing of the
    /// backend now. Of several that try the first that ends says how it is.
    pub(in crate::gateway::middleware) fn ended(
        &mut self,
        pass: Pass,
        ended: Ended,
        now: Instant,
    ) -> Option<Turn> {
        if pass != Pass(self.turns) {
            return None;
        }
        match (&mut self.state, ended) {
            (State::Closed { failures }, Ended::Answered) => {
                if self.settings.within.is_none() {
                    failures.clear();
                }
                None
            }
            (State::Closed { failures }, Ended::Unanswered) => {
                failures.push_back(now);
                if let Some(within) = self.settings.within {
                    failures.retain(|at| now.duration_since(*at) <= within);
                }
                if (failures.len() as u64) < self.settings.failures {
                    return None;
                }
                self.open(now);
                Some(Turn::Opened)
            }
            (State::HalfOpen { .. } | State::Open { .. }, Ended::Answered) => {
                self.turns += 1;
                self.state = State::closed();
                Some(Turn::Closed)
            }
            // Said already.
            (State::HalfOpen { .. } | State::Open { .. }, Ended::Unanswered) => {
                self.open(now);
                None
            }
            // The next one may try.
            (State::HalfOpen { .. }, Ended::GivenUp) => {
                self.state = State::Open { until: now };
                None
            }
            (State::Open { .. } | State::Closed { .. }, Ended::GivenUp) => None,
        }
    }

    /// How much longer calls are refused, if they are; nothing is left when one may try, or does.
    pub(in crate::gateway::middleware) fn left_alone(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Closed { .. } => None,
            State::Open { until } => Some(until.saturating_duration_since(now)),
            State::HalfOpen { .. } => Some(Duration::ZERO),
        }
    }

    fn open(&mut self, now: Instant) {
        let until = now + self.settings.open;
        self.turns += 1;
        self.state = State::Open { until };
    }
}

impl State {
    fn closed() -> Self {
        Self::Closed {
            failures: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ended::{Answered, GivenUp, Unanswered};

    const OPEN: Duration = Duration::from_secs(30);

    fn machine(failures: u64, within: Option<u64>) -> Machine {
        Machine::new(BreakerSettings {
            failures,
            within: within.map(Duration::from_secs),
            open: OPEN,
        })
    }

    /// One ends that passed since it opened or closed last.
    fn ended(machine: &mut Machine, how: Ended, now: Instant) -> Option<Turn> {
        machine.ended(Pass(machine.turns), how, now)
    }

    fn opened(now: Instant) -> Machine {
        let mut machine = machine(1, None);
        assert_eq!(ended(&mut machine, Unanswered, now), Some(Turn::Opened));
        machine
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_begins_anew() {
        let (mut machine, now) = (machine(3, None), Instant::now());
        for how in [
            Unanswered, Unanswered, Answered, Unanswered, GivenUp, Unanswered,
        ] {
            assert_eq!(ended(&mut machine, how, now), None);
            assert!(machine.ask(now).is_ok());
        }
        assert_eq!(ended(&mut machine, Unanswered, now), Some(Turn::Opened));
        assert_eq!(machine.ask(now), Err(OPEN));
        let later = now + Duration::from_secs(10);
        assert_eq!(machine.ask(later), Err(Duration::from_secs(20)));
    }

    #[test]
    fn failures_within_a_time_open_it_whatever_is_answered_between() {
        let (mut machine, now) = (machine(3, Some(10)), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(ended(&mut machine, Unanswered, at(0)), None);
        assert_eq!(ended(&mut machine, Unanswered, at(8)), None);
        assert_eq!(ended(&mut machine, Answered, at(9)), None);
        assert_eq!(
            ended(&mut machine, Unanswered, at(11)),
            None,
            "the first is too old"
        );
        assert_eq!(ended(&mut machine, Unanswered, at(12)), Some(Turn::Opened));
    }

    #[test]
    fn one_call_tries_and_its_answer_closes_it() {
        let now = Instant::now();
        let mut machine = opened(now);
        let later = now + OPEN;
        assert!(machine.ask(later).is_ok());
        assert_eq!(machine.ask(later), Err(WHILE_TRIED), "one at a time");
        assert_eq!(ended(&mut machine, Answered, later), Some(Turn::Closed));
        assert!(machine.ask(later).is_ok());
    }

    #[test]
    fn one_call_tries_in_vain_and_it_stays_open_without_another_word() {
        let now = Instant::now();
        let mut machine = opened(now);
        let later = now + OPEN;
        assert!(machine.ask(later).is_ok());
        assert_eq!(ended(&mut machine, Unanswered, later), None);
        assert_eq!(machine.ask(later), Err(OPEN));
    }

    #[test]
    fn a_try_that_is_taken_back_leaves_the_turn_to_the_next() {
        let now = Instant::now();
        let mut machine = opened(now);
        let later = now + OPEN;
        assert!(machine.ask(later).is_ok());
        assert_eq!(ended(&mut machine, GivenUp, later), None);
        assert!(machine.ask(later).is_ok());
    }

    #[test]
    fn a_try_without_an_end_gives_way_to_others_and_the_first_that_ends_decides() {
        let now = Instant::now();
        for how in [Answered, Unanswered] {
            let mut machine = opened(now);
            let first = machine.ask(now + OPEN).unwrap();
            let nearly = now + OPEN * 2 - Duration::from_millis(1);
            assert_eq!(machine.ask(nearly), Err(Duration::from_millis(1)));
            let later = now + OPEN * 2;
            let second = machine.ask(later).unwrap();
            assert_eq!(machine.ask(later), Err(WHILE_TRIED), "one at a time");
            assert_eq!(machine.ended(first, GivenUp, later), None);
            let third = machine.ask(later).unwrap();
            assert_eq!(machine.ended(third, GivenUp, later), None);

            let turn = machine.ended(second, how, later);
            assert_eq!(turn, (how == Answered).then_some(Turn::Closed));
            assert_eq!(machine.ask(later).is_ok(), how == Answered);
        }
    }

    #[test]
    fn a_try_that_ends_after_another_one_closed_it_changes_nothing() {
        let now = Instant::now();
        let mut machine = opened(now);
        let slow = machine.ask(now + OPEN).unwrap();
        let later = now + OPEN * 2;
        let quick = machine.ask(later).unwrap();
        assert_eq!(machine.ended(quick, Answered, later), Some(Turn::Closed));
        assert_eq!(machine.ended(slow, Unanswered, later), None);
        assert!(machine.ask(later).is_ok());
    }

    #[test]
    fn what_passed_before_it_opened_changes_nothing() {
        let now = Instant::now();
        let mut machine = machine(1, None);
        let old = machine.ask(now).unwrap();
        let before = |machine: &mut Machine, now| {
            for how in [Answered, Unanswered, GivenUp] {
                assert_eq!(machine.ended(old, how, now), None);
            }
        };
        assert_eq!(ended(&mut machine, Unanswered, now), Some(Turn::Opened));
        before(&mut machine, now);
        assert_eq!(machine.ask(now), Err(OPEN));

        let later = now + OPEN;
        let tries = machine.ask(later).unwrap();
        before(&mut machine, later);
        assert_eq!(machine.ask(later), Err(WHILE_TRIED), "that one still tries");
        assert_eq!(machine.ended(tries, Answered, later), Some(Turn::Closed));
        before(&mut machine, later);
        assert!(machine.ask(later).is_ok());
    }
}
