//! When to start a backend again that should serve and does not. Pure: one patience for each
//! backend, `now` is an argument. One that dies again soon after it came back is given ever more
//! time; one that stayed is forgiven.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::retry::{Next, Retry};
use crate::config::OnFailure;

/// A backend that served so long has come back for good: longer than most servers need to find
/// out that what they depend on is not there.
const STEADY: Duration = Duration::from_secs(60);

/// All backends that are missing, or were until a moment ago.
#[derive(Debug)]
pub(super) struct Restarts {
    seed: u64,
    patience: BTreeMap<String, Patience>,
}

#[derive(Debug)]
struct Patience {
    retry: Retry,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is to be started at this time.
    Due(Instant),
    /// It is being started.
    UnderWay,
    /// It came back at this time.
    Back(Instant),
}

impl Restarts {
    /// Nothing is missing.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            patience: BTreeMap::new(),
        }
    }

    /// These are missing now, and no others. Those that were not before are started after a
    /// while, which begins at `shortest` and grows with each failure.
    pub(super) fn missing<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        shortest: Duration,
        now: Instant,
    ) {
        let names: Vec<_> = names.collect();
        self.patience.retain(|name, patience| {
            let recent = |since| now.duration_since(since) < STEADY;
            match patience.state {
                State::Back(since) => recent(since) || names.contains(&name.as_str()),
                _ => names.contains(&name.as_str()),
            }
        });
        for name in names {
            match self.patience.get_mut(name) {
                Some(patience) => match patience.state {
                    State::Due(_) | State::UnderWay => {}
                    State::Back(since) => {
                        if now.duration_since(since) >= STEADY {
                            patience.retry.reset();
                        }
                        patience.wait(shortest, now);
                    }
                },
                None => {
                    let mut patience = Patience {
                        retry: Retry::new(self.seed.wrapping_add(self.patience.len() as u64)),
                        state: State::UnderWay,
                    };
                    patience.wait(shortest, now);
                    self.patience.insert(name.to_owned(), patience);
                }
            }
        }
    }

    /// Waits no longer for any: somebody may have mended the world.
    pub(super) fn hurry(&mut self, now: Instant) {
        for patience in self.patience.values_mut() {
            if let State::Due(_) = patience.state {
                patience.retry.reset();
                patience.state = State::Due(now);
            }
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.patience.values().filter_map(|it| match it.state {
            State::Due(at) => Some(at),
            _ => None,
        });
        due.min()
    }

    /// Those that are due; they are under way from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<String> {
        let due = self.patience.iter_mut().filter_map(|(name, patience)| {
            matches!(patience.state, State::Due(at) if at <= now).then(|| {
                patience.state = State::UnderWay;
                name.clone()
            })
        });
        due.collect()
    }

    /// It serves again.
    pub(super) fn back(&mut self, name: &str, now: Instant) {
        if let Some(patience) = self.patience.get_mut(name) {
            patience.state = State::Back(now);
        }
    }

    /// It does not; or what became of it is not known.
    pub(super) fn failed(&mut self, name: &str, shortest: Duration, now: Instant) {
        if let Some(patience) = self.patience.get_mut(name) {
            patience.wait(shortest, now);
        }
    }

    /// What became of those under way will never be known.
    pub(super) fn lost(&mut self, shortest: Duration, now: Instant) {
        for patience in self.patience.values_mut() {
            if patience.state == State::UnderWay {
                patience.wait(shortest, now);
            }
        }
    }
}

impl Patience {
    fn wait(&mut self, shortest: Duration, now: Instant) {
        let delay = match self.retry.failed(OnFailure::Backoff, shortest) {
            Next::After(delay) => delay,
            Next::Stop => shortest,
        };
        self.state = State::Due(now + delay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(2);

    /// How long until the next is due; it is taken then.
    fn wait(restarts: &mut Restarts, now: &mut Instant) -> Duration {
        let due = restarts.next().unwrap();
        let delay = due.duration_since(*now);
        *now = due;
        assert_eq!(restarts.take_due(*now), ["a"]);
        assert_eq!(restarts.next(), None, "it is under way");
        delay
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_again_and_again_is_given_ever_more_time() {
        let mut now = Instant::now();
        let mut restarts = Restarts::new(7);
        restarts.missing(["a"].into_iter(), POLL, now);
        let mut before = Duration::ZERO;
        for _ in 0..4 {
            let delay = wait(&mut restarts, &mut now);
            assert!(delay > before, "{delay:?} after {before:?}");
            before = delay / 2;
            restarts.failed("a", POLL, now);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_dies_soon_after_it_came_back_is_not_trusted_yet() {
        let mut now = Instant::now();
        let mut restarts = Restarts::new(7);
        restarts.missing(["a"].into_iter(), POLL, now);
        for _ in 0..4 {
            wait(&mut restarts, &mut now);
            restarts.back("a", now);
            restarts.missing(std::iter::empty(), POLL, now);
            restarts.missing(["a"].into_iter(), POLL, now);
        }
        assert!(restarts.next().unwrap() > now + 4 * POLL);

        wait(&mut restarts, &mut now);
        restarts.back("a", now);
        now += STEADY;
        restarts.missing(["a"].into_iter(), POLL, now);
        assert!(restarts.next().unwrap() <= now + 2 * POLL, "forgiven");
    }

    #[tokio::test(start_paused = true)]
    async fn an_edit_ends_the_waiting_and_what_is_gone_is_forgotten() {
        let now = Instant::now();
        let mut restarts = Restarts::new(7);
        restarts.missing(["a", "b"].into_iter(), POLL, now);
        restarts.missing(["b"].into_iter(), POLL, now);
        assert!(restarts.take_due(now).is_empty());
        restarts.hurry(now);
        assert_eq!(restarts.take_due(now), ["b"]);
    }
}
