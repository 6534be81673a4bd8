//! When to start a backend again that should serve and does not. Pure: one patience for each
//! backend, `now` is an argument. One that dies again soon after it came back is given ever more
//! time; one that stayed is forgiven.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::OnFailure;
use crate::gateway::SIDE_BY_SIDE;
use crate::watch::{Next, Retry};

/// A backend that served so many times as long as it was last waited for has come back for good.
const STEADY: u32 = 10;
/// Or so long, however long it was waited for.
const STEADY_CAP: Duration = Duration::from_secs(600);

/// All backends that are missing, or were until a moment ago.
#[derive(Debug)]
pub(super) struct Restarts {
    seed: u64,
    patience: BTreeMap<String, Patience>,
}

#[derive(Debug)]
struct Patience {
    retry: Retry,
    /// The last wait.
    waited: Duration,
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
            let back = matches!(patience.state, State::Back(_));
            (back && !patience.forgiven(now)) || names.contains(&name.as_str())
        });
        for name in names {
            match self.patience.get_mut(name) {
                Some(patience) => match patience.state {
                    State::Due(_) | State::UnderWay => {}
                    State::Back(_) => {
                        if patience.forgiven(now) {
                            patience.retry.reset();
                        }
                        patience.wait(shortest, now);
                    }
                },
                None => {
                    let mut patience = Patience {
                        retry: Retry::new(self.seed.wrapping_add(self.patience.len() as u64)),
                        waited: Duration::ZERO,
                        state: State::UnderWay,
                    };
                    patience.wait(shortest, now);
                    self.patience.insert(name.to_owned(), patience);
                }
            }
        }
    }

    /// Waits no longer for these: somebody may have mended the world.
    pub(super) fn hurry(&mut self, now: Instant, these: impl Fn(&String) -> bool) {
        for (_, patience) in self.patience.iter_mut().filter(|(name, _)| these(name)) {
            if let State::Due(_) = patience.state {
                patience.retry.reset();
                patience.state = State::Due(now);
            }
        }
    }

    /// When the next one is due; nothing is while as many are under way as may be.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.room() == 0 {
            return None;
        }
        let due = self.patience.values().filter_map(|it| match it.state {
            State::Due(at) => Some(at),
            _ => None,
        });
        due.min()
    }

    /// Those that are due; they are under way from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<String> {
        let room = self.room();
        let due = self.patience.iter_mut();
        let due = due.filter(|(_, it)| matches!(it.state, State::Due(at) if at <= now));
        let taken = due.take(room).map(|(name, patience)| {
            patience.state = State::UnderWay;
            name.clone()
        });
        taken.collect()
    }

    fn room(&self) -> usize {
        let states = self.patience.values().map(|patience| patience.state);
        SIDE_BY_SIDE.saturating_sub(states.filter(|it| *it == State::UnderWay).count())
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
        self.waited = delay;
        self.state = State::Due(now + delay);
    }

    /// Whether it serves for so long that its past no longer counts.
    fn forgiven(&self, now: Instant) -> bool {
        let steady = (self.waited * STEADY).min(STEADY_CAP);
        matches!(self.state, State::Back(since) if now.duration_since(since) >= steady)
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
        now += STEADY_CAP;
        restarts.missing(["a"].into_iter(), POLL, now);
        assert!(restarts.next().unwrap() <= now + 2 * POLL, "forgiven");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_dies_now_and_then_is_not_given_more_time() {
        let mut now = Instant::now();
        let mut restarts = Restarts::new(7);
        for _ in 0..9 {
            restarts.missing(["a"].into_iter(), POLL, now);
            assert!(wait(&mut restarts, &mut now) <= 2 * POLL);
            restarts.back("a", now);
            now += Duration::from_secs(60);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_started_at_once_than_a_reload_starts() {
        let now = Instant::now();
        let names: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let mut restarts = Restarts::new(7);
        restarts.missing(names.iter().map(String::as_str), POLL, now);
        restarts.hurry(now, |_| true);
        let first = restarts.take_due(now);
        assert_eq!((first.len(), restarts.next()), (16, None));
        restarts.back(&first[0], now);
        assert_eq!(restarts.take_due(restarts.next().unwrap()).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_edit_ends_the_waiting_and_what_is_gone_is_forgotten() {
        let now = Instant::now();
        let mut restarts = Restarts::new(7);
        restarts.missing(["a", "b"].into_iter(), POLL, now);
        restarts.missing(["b"].into_iter(), POLL, now);
        assert!(restarts.take_due(now).is_empty());
        restarts.hurry(now, |_| true);
        assert_eq!(restarts.take_due(now), ["b"]);
    }
}
