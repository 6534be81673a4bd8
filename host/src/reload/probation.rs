//! The time after a swap in which what the change touched must stay well, or what served before
//! serves again. Pure: says what is to be done at which time; the reloader does it.

use std::time::Duration;

use tokio::time::Instant;

/// A change on probation, with what is needed to go back: `F`.
#[derive(Debug)]
pub(super) struct Probation<F> {
    pub(super) fallback: F,
    /// The backends that the change started.
    touched: Vec<String>,
    until: Instant,
    next_probe: Instant,
    every: Duration,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It stood its probation.
    Passed,
    /// Ask the backends whether they are well.
    Probe,
    /// Nothing, for now.
    Wait,
}

impl<F> Probation<F> {
    /// Begins now, for `length`; the backends are asked how they are at this interval, and at
    /// least twice.
    pub(super) fn begin(
        fallback: F,
        touched: Vec<String>,
        length: Duration,
        interval: Duration,
        now: Instant,
    ) -> Self {
        let every = interval.min(length / 3);
        Self {
            fallback,
            touched,
            until: now + length,
            next_probe: now + every,
            every,
        }
    }

    pub(super) fn touched(&self) -> &[String] {
        &self.touched
    }

    /// When there is something to be done.
    pub(super) fn next(&self) -> Instant {
        self.until.min(self.next_probe)
    }

    /// What is to be done.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        if now >= self.until {
            return Step::Passed;
        }
        if now >= self.next_probe {
            self.next_probe = now + self.every;
            return Step::Probe;
        }
        Step::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_probes_at_its_interval_and_ends() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let touched = vec!["a".to_owned()];
        let mut probation = Probation::begin((), touched, 5 * second, 2 * second, start);
        let mut steps = Vec::new();
        loop {
            let now = probation.next();
            let step = probation.step(now);
            steps.push((now.duration_since(start).as_millis(), step));
            if step == Step::Passed {
                break;
            }
        }
        assert_eq!(
            steps,
            [
                (1666, Step::Probe),
                (3333, Step::Probe),
                (4999, Step::Probe),
                (5000, Step::Passed)
            ]
        );
        assert_eq!(probation.touched(), ["a"]);
    }
}
