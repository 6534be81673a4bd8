//! When to ask a backend again what it offers. Pure: `now` is an argument. At once when it says that
//! this changed, but one asking at a time, so that no older answer wins; one that says so without
//! pause is asked ever more rarely, and so is one that gives no answer.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Between two askings that follow each other, the first time; doubled each time.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// One that said nothing for so many times as long as it would be waited for has come to rest.
const QUIET: u32 = 10;

/// All backends that are asked again, or were until a moment ago.
#[derive(Debug, Default)]
pub(super) struct Refreshes(BTreeMap<String, Asking>);

#[derive(Debug)]
struct Asking {
    /// The next wait.
    pause: Duration,
    /// The last time it gave no answer.
    fails: bool,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It is to be asked at this time.
    Due(Instant),
    /// It is being asked; and once more afterwards, if something changed meanwhile.
    UnderWay { again: bool },
    /// It answered at this time.
    Answered(Instant),
}

impl Refreshes {
    /// It says that it offers something else.
    pub(super) fn changed(&mut self, name: &str, now: Instant) {
        self.0.retain(|_, it| !it.rests(now));
        let Some(asking) = self.0.get_mut(name) else {
            let asking = Asking {
                pause: PAUSE,
                fails: false,
                state: State::Due(now),
            };
            self.0.insert(name.to_owned(), asking);
            return;
        };
        match &mut asking.state {
            State::Due(_) => {}
            State::UnderWay { again } => *again = true,
            State::Answered(since) => {
                let since = *since;
                asking.wait(since);
            }
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.0.values().filter_map(|it| match it.state {
            State::Due(at) => Some(at),
            _ => None,
        });
        due.min()
    }

    /// Those that are due; they are under way from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<String> {
        let due = self.0.iter_mut();
        let due = due.filter(|(_, it)| matches!(it.state, State::Due(at) if at <= now));
        let taken = due.map(|(name, asking)| {
            asking.state = State::UnderWay { again: false };
            name.clone()
        });
        taken.collect()
    }

    /// There is nobody to be asked.
    pub(super) fn gone(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// It was asked, and answered or did not, which is asked again then. True: that is news.
    pub(super) fn ended(&mut self, name: &str, answered: bool, now: Instant) -> bool {
        let Some(asking) = self.0.get_mut(name) else {
            return !answered;
        };
        let is_news = asking.fails == answered;
        asking.fails = !answered;
        if is_news && answered {
            asking.pause = PAUSE;
        }
        if answered && !matches!(asking.state, State::UnderWay { again: true }) {
            asking.state = State::Answered(now);
        } else {
            asking.wait(now);
        }
        is_news
    }

    /// What became of those under way will never be known.
    pub(super) fn lost(&mut self, now: Instant) {
        for asking in self.0.values_mut() {
            if let State::UnderWay { .. } = asking.state {
                asking.wait(now);
            }
        }
    }
}

impl Asking {
    fn wait(&mut self, since: Instant) {
        self.state = State::Due(since + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Whether it is quiet for so long that its past no longer counts.
    fn rests(&self, now: Instant) -> bool {
        let quiet = self.pause * QUIET;
        matches!(self.state, State::Answered(since) if now.duration_since(since) >= quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long until the next is due; it is taken then.
    fn wait(refreshes: &mut Refreshes, now: &mut Instant) -> Duration {
        let due = refreshes.next().unwrap();
        let delay = due.duration_since(*now);
        *now = (*now).max(due);
        assert_eq!(refreshes.take_due(*now), ["a"]);
        delay
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_while_it_is_asked_for_is_asked_for_once_more_and_not_beside() {
        let mut now = Instant::now();
        let mut refreshes = Refreshes::default();
        refreshes.changed("a", now);
        refreshes.changed("a", now);
        assert_eq!(wait(&mut refreshes, &mut now), Duration::ZERO);
        for _ in 0..3 {
            refreshes.changed("a", now);
            assert_eq!(refreshes.next(), None, "it is under way");
        }
        assert!(!refreshes.ended("a", true, now));
        assert_eq!(wait(&mut refreshes, &mut now), PAUSE);
        assert!(!refreshes.ended("a", true, now));
        assert_eq!(refreshes.next(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_changes_without_pause_is_asked_ever_more_rarely_until_it_rests() {
        let mut now = Instant::now();
        let mut refreshes = Refreshes::default();
        let mut times = 0;
        let end = now + Duration::from_secs(60);
        while now < end {
            refreshes.changed("a", now);
            wait(&mut refreshes, &mut now);
            refreshes.ended("a", true, now);
            times += 1;
        }
        assert!((10..20).contains(&times), "{times}");
        now += LONGEST_PAUSE * QUIET;
        refreshes.changed("a", now);
        assert_eq!(wait(&mut refreshes, &mut now), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gives_no_answer_is_asked_again_and_that_is_said_once() {
        let mut now = Instant::now();
        let mut refreshes = Refreshes::default();
        refreshes.changed("a", now);
        wait(&mut refreshes, &mut now);
        assert!(refreshes.ended("a", false, now));
        for _ in 0..20 {
            assert!(wait(&mut refreshes, &mut now) <= LONGEST_PAUSE);
            assert!(!refreshes.ended("a", false, now));
        }
        assert_eq!(wait(&mut refreshes, &mut now), LONGEST_PAUSE);
        assert!(refreshes.ended("a", true, now));
        assert_eq!(refreshes.next(), None);
        refreshes.changed("a", now);
        assert_eq!(wait(&mut refreshes, &mut now), PAUSE, "forgiven");
        refreshes.gone("a");
        refreshes.lost(now);
        assert_eq!(refreshes.next(), None);
    }
}
