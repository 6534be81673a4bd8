//! The debounce machine: a change has settled when nothing changed for `quiet`, or when `cap`
//! has passed since the first of a series that does not end. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Trailing-edge debounce with a cap.
#[derive(Debug, Clone)]
pub struct Debounce {
    quiet: Duration,
    cap: Duration,
    series: Option<Series>,
}

#[derive(Debug, Clone, Copy)]
struct Series {
    first: Instant,
    last: Instant,
}

impl Debounce {
    /// Waits for `quiet` after the last change, and no longer than `cap` after the first.
    pub fn new(quiet: Duration, cap: Duration) -> Self {
        Self {
            quiet,
            cap,
            series: None,
        }
    }

    /// New waiting times; a series that is under way goes on under them.
    pub fn set(&mut self, quiet: Duration, cap: Duration) {
        self.quiet = quiet;
        self.cap = cap;
    }

    /// Something changed: a series begins, or the window starts anew.
    pub fn change(&mut self, now: Instant) {
        let first = self.series.map_or(now, |series| series.first);
        self.series = Some(Series { first, last: now });
    }

    /// When the series will have settled, if one is under way.
    pub fn deadline(&self) -> Option<Instant> {
        let series = self.series?;
        Some((series.last + self.quiet).min(self.cap_of(series)))
    }

    /// Whether waiting longer is not allowed, quiet or not.
    pub fn is_capped(&self, now: Instant) -> bool {
        self.series.is_some_and(|series| now >= self.cap_of(series))
    }

    /// Ends the series if it has settled, and says whether it had.
    pub fn settle(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|deadline| now >= deadline);
        if due {
            self.series = None;
        }
        due
    }

    fn cap_of(&self, series: Series) -> Instant {
        series.first + self.cap.max(self.quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn machine() -> (Debounce, Instant) {
        (Debounce::new(1000 * MS, 3000 * MS), Instant::now())
    }

    #[test]
    fn a_change_settles_after_the_quiet_time() {
        let (mut debounce, start) = machine();
        debounce.change(start);
        assert!(!debounce.settle(start + 999 * MS));
        assert!(debounce.settle(start + 1000 * MS));
        assert_eq!(debounce.deadline(), None);
        assert!(!debounce.settle(start + 5000 * MS), "it settles once");
    }

    #[test]
    fn a_second_edit_inside_the_window_starts_it_anew() {
        let (mut debounce, start) = machine();
        debounce.change(start);
        debounce.change(start + 900 * MS);
        assert!(!debounce.settle(start + 1000 * MS));
        assert!(debounce.settle(start + 1900 * MS));
    }

    #[test]
    fn edits_that_never_end_settle_at_the_cap() {
        let (mut debounce, start) = machine();
        for step in 0..6 {
            debounce.change(start + step * 500 * MS);
        }
        assert_eq!(debounce.deadline(), Some(start + 3000 * MS));
        assert!(debounce.is_capped(start + 3000 * MS));
        assert!(debounce.settle(start + 3000 * MS));
    }

    #[test]
    fn no_debounce_settles_at_once() {
        let start = Instant::now();
        let mut debounce = Debounce::new(Duration::ZERO, Duration::ZERO);
        debounce.change(start);
        assert!(debounce.settle(start));
    }
}
