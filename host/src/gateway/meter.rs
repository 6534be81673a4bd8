//! How the calls of a backend go: how many, how many a second, how long they take, and how often
//! the backend had to be started again. Kept by name, so over restarts and reloads. Pure but for
//! its locks: time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The rate is that of so many seconds.
const WINDOW: u64 = 60;
/// Latencies that are kept: enough for one of 20 to mean something.
const LATENCIES: usize = 256;

/// The meters of all backends that there ever were in this process.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<BTreeMap<String, Arc<Meter>>>);

impl Meters {
    /// The one for backends of this name.
    pub(super) fn of(&self, name: &str) -> Arc<Meter> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = meters.entry(name.to_owned()).or_default();
        Arc::clone(meter)
    }
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Calls that it was asked.
    pub calls: u64,
    /// Those of them that had no answer.
    pub unanswered: u64,
    /// Those under way.
    pub under_way: u64,
    /// Calls a second over the last minute, or since the first one.
    pub per_second: f64,
    /// How long answers took: half of the last ones, 95 of 100, and all of them.
    pub latency: Option<[Duration; 3]>,
    /// How often it was started again.
    pub restarts: u64,
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    unanswered: u64,
    under_way: u64,
    restarts: u64,
    first: Option<Instant>,
    /// How many calls began in which second after the first, the newest last.
    seconds: VecDeque<(u64, u64)>,
    latencies: VecDeque<Duration>,
}

/// A call that is under way; one that is dropped had no answer.
#[derive(Debug)]
pub(super) struct Timing {
    meter: Arc<Meter>,
    began: Instant,
    answered: bool,
}

impl Meter {
    /// A call begins.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Timing {
        self.counts().begin(now);
        Timing {
            meter: Arc::clone(self),
            began: now,
            answered: false,
        }
    }

    /// It was started again.
    pub(super) fn restarted(&self) {
        self.counts().restarts += 1;
    }

    pub(super) fn read(&self, now: Instant) -> Measured {
        self.counts().read(now)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timing {
    /// The answer has come.
    pub(super) fn answered(mut self, now: Instant) {
        self.answered = true;
        let took = now.saturating_duration_since(self.began);
        let mut counts = self.meter.counts();
        if counts.latencies.len() == LATENCIES {
            counts.latencies.pop_front();
        }
        counts.latencies.push_back(took);
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        let mut counts = self.meter.counts();
        counts.under_way -= 1;
        counts.unanswered += u64::from(!self.answered);
    }
}

impl Counts {
    fn begin(&mut self, now: Instant) {
        self.calls += 1;
        self.under_way += 1;
        let second = self.second(now);
        match self.seconds.back_mut() {
            Some((newest, count)) if *newest == second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        self.forget(second);
    }

    /// Seconds since the first call.
    fn second(&mut self, now: Instant) -> u64 {
        let first = *self.first.get_or_insert(now);
        now.saturating_duration_since(first).as_secs()
    }

    fn forget(&mut self, second: u64) {
        while let Some((oldest, _)) = self.seconds.front()
            && oldest + WINDOW <= second
        {
            self.seconds.pop_front();
        }
    }

    fn read(&mut self, now: Instant) -> Measured {
        let mut measured = Measured {
            calls: self.calls,
            unanswered: self.unanswered,
            under_way: self.under_way,
            restarts: self.restarts,
            ..Measured::default()
        };
        if self.calls > 0 {
            let second = self.second(now);
            self.forget(second);
            let count: u64 = self.seconds.iter().map(|(_, count)| count).sum();
            #[expect(clippy::cast_precision_loss, reason = "2^53 calls are enough")]
            let rate = count as f64 / (second + 1).min(WINDOW) as f64;
            measured.per_second = rate;
        }
        let mut sorted: Vec<_> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get((sorted.len() * share).div_ceil(100).max(1) - 1);
        measured.latency = match (at(50), at(95), at(100)) {
            (Some(half), Some(most), Some(all)) => Some([*half, *most, *all]),
            _ => None,
        };
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn calls_are_counted_and_those_without_an_answer_apart() {
        let (meter, now) = (Meters::default().of("one"), Instant::now());
        assert_eq!(meter.read(now), Measured::default());
        let (one, other) = (meter.begin(now), meter.begin(now));
        one.answered(now + SECOND);
        assert_eq!(meter.read(now).under_way, 1);
        drop(other);
        let read = meter.read(now);
        assert_eq!((read.calls, read.unanswered, read.under_way), (2, 1, 0));
        assert_eq!(read.latency, Some([SECOND; 3]));
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let (meter, start) = (Meters::default().of("one"), Instant::now());
        for n in 0..120 {
            meter.begin(start + SECOND * (n / 2)).answered(start);
        }
        assert_eq!(meter.read(start + 59 * SECOND).per_second, 2.0);
        assert_eq!(meter.read(start + 89 * SECOND).per_second, 1.0);
        assert_eq!(meter.read(start + 600 * SECOND).per_second, 0.0);
        assert_eq!(meter.read(start + 600 * SECOND).calls, 120);
    }

    #[test]
    fn of_the_last_latencies_the_middle_and_the_worst_are_told() {
        let (meter, now) = (Meters::default().of("one"), Instant::now());
        for n in 1..=1000 {
            meter.begin(now).answered(now + n * SECOND);
        }
        let [half, most, all] = meter.read(now).latency.unwrap();
        assert_eq!(all, 1000 * SECOND);
        assert_eq!(half, (1000 - 256 + 128) * SECOND);
        assert_eq!(most, (1000 - 256 + 244) * SECOND);
    }

    #[test]
    fn a_name_keeps_its_meter() {
        let meters = Meters::default();
        meters.of("one").restarted();
        assert_eq!(meters.of("one").read(Instant::now()).restarts, 1);
        assert_eq!(meters.of("two").read(Instant::now()).restarts, 0);
    }
}
