//! The debounce machine: a change has settled when nothing changed for `quiet` and nobody is at
//! work on the file any more, or when `cap` has passed since the first of a series that does not
//! end. Pure: time is an argument, and what the file looks like is told.

use std::time::Duration;

use tokio::time::Instant;

use crate::target::Rest;

/// How long a writer that has the file open and writes nothing holds up a reload. Longer than the
/// pauses of a program that is still at it, short enough for one that never closes.
pub const WRITER_PATIENCE: Duration = Duration::from_secs(1);
/// How long an empty file is taken for one that is about to be written, where there is no cap.
const EMPTY_PATIENCE: Duration = Duration::from_secs(10);
/// How much longer than `cap` a file that is still being written is waited for, at most.
const GRACE: Duration = Duration::from_secs(10);
/// Between two looks at a file that is not at rest: at first (a writer that has just closed still
/// counts for some microseconds), and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(250));

/// Trailing-edge debounce with a cap, which waits for writers.
#[derive(Debug, Clone)]
pub struct Debounce {
    quiet: Duration,
    cap: Option<Duration>,
    series: Option<Series>,
}

#[derive(Debug, Clone, Copy)]
struct Series {
    first: Instant,
    last: Instant,
    /// When to look whether it has come to rest.
    look_at: Instant,
    /// Between the last two such looks, if it was not at rest.
    waited: Option<Duration>,
    /// It has been told that the file is still being written at the cap.
    told: bool,
}

/// What a look at the file means for the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// The series has ended: this is what the file says.
    Settled,
    /// It goes on.
    Waits,
    /// It goes on although the cap is reached, since somebody is still writing. Said once.
    StillWritten,
}

impl Debounce {
    /// Waits for `quiet` after the last change, and no longer than `cap` after the first; a cap
    /// of zero stands for none.
    pub fn new(quiet: Duration, cap: Duration) -> Self {
        let mut machine = Self {
            quiet,
            cap: None,
            series: None,
        };
        machine.set(quiet, cap);
        machine
    }

    /// New waiting times; a series that is under way goes on under them.
    pub fn set(&mut self, quiet: Duration, cap: Duration) {
        self.quiet = quiet;
        self.cap = (!cap.is_zero()).then_some(cap.max(quiet));
        if let Some(series) = self.series {
            let look_at = self.due(series);
            self.series = Some(Series { look_at, ..series });
        }
    }

    /// Something changed: a series begins, or the window starts anew.
    pub fn change(&mut self, now: Instant) {
        let mut series = self.series.unwrap_or(Series {
            first: now,
            last: now,
            look_at: now,
            waited: None,
            told: false,
        });
        series.last = now;
        if !series.told {
            series.waited = None;
        }
        series.look_at = self.due(series).max(now);
        self.series = Some(series);
    }

    /// Whether a series is under way.
    pub fn is_under_way(&self) -> bool {
        self.series.is_some()
    }

    /// When to look whether the file has come to rest.
    pub fn look_at(&self) -> Option<Instant> {
        self.series.map(|series| series.look_at)
    }

    /// The file went away: what comes back is looked at for itself.
    pub fn forget(&mut self) {
        self.series = None;
    }

    /// The file has been looked at.
    pub fn rest(&mut self, now: Instant, rest: Rest) -> Settling {
        let Some(mut series) = self.series else {
            return Settling::Waits;
        };
        if now < self.due(series) {
            return Settling::Waits;
        }
        let capped = self.cap.is_some_and(|cap| now >= series.first + cap);
        let given_up = self
            .cap
            .is_some_and(|cap| now >= series.first + cap + cap.min(GRACE));
        let waits = match rest {
            Rest::Still(_) => false,
            Rest::Empty(_) => now < series.first + self.cap.unwrap_or(EMPTY_PATIENCE),
            Rest::Written(_) => now < series.last + WRITER_PATIENCE.max(self.quiet) && !given_up,
            Rest::Moving => !given_up,
        };
        if !waits {
            self.series = None;
            return Settling::Settled;
        }
        let wait = series
            .waited
            .map_or(LOOK_AGAIN.0, |waited| (waited * 4).min(LOOK_AGAIN.1));
        series.waited = Some(wait);
        series.look_at = now + wait;
        let tell = capped && !series.told;
        series.told |= tell;
        self.series = Some(series);
        if tell {
            Settling::StillWritten
        } else {
            Settling::Waits
        }
    }

    /// When the series has been quiet, or is capped.
    fn due(&self, series: Series) -> Instant {
        let quiet = series.last + self.quiet;
        self.cap.map_or(quiet, |cap| quiet.min(series.first + cap))
    }
}

#[cfg(test)]
mod tests;
