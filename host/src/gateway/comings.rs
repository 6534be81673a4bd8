//! Who comes and goes, as people are told. A client that connects anew for each of its calls must
//! not push everything else out of what they look back on: some are told at once, and then one in a
//! while, with how many were not. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// So many are told in a row: those that are there when the day begins.
const AT_ONCE: u32 = 20;
/// One more in this time: some hours go by before the list of events is full of them.
const EACH: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Comings {
    /// So many may be told now.
    left: u32,
    /// Since when there is one more in the making.
    since: Instant,
    untold: u64,
}

impl Comings {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: AT_ONCE,
            since: now,
            untold: 0,
        }
    }

    /// What to tell of this, if anything.
    pub(super) fn tell(&mut self, what: String, now: Instant) -> Option<String> {
        while self.left < AT_ONCE && now.duration_since(self.since) >= EACH {
            self.left += 1;
            self.since += EACH;
        }
        if self.left == 0 {
            self.untold += 1;
            return None;
        }
        if self.left == AT_ONCE {
            self.since = now;
        }
        self.left -= 1;
        match std::mem::take(&mut self.untold) {
            0 => Some(what),
            untold => Some(format!("{what}; {untold} more came or went meanwhile")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_come_and_go_are_counted_and_not_told_one_by_one() {
        let start = Instant::now();
        let mut comings = Comings::new(start);
        let mut tell = |seconds| comings.tell("x".to_owned(), start + Duration::from_secs(seconds));
        for _ in 0..AT_ONCE {
            assert_eq!(tell(0).as_deref(), Some("x"));
        }
        for _ in 0..3 {
            assert_eq!(tell(59), None);
        }
        let told = tell(60);
        assert_eq!(told.as_deref(), Some("x; 3 more came or went meanwhile"));
        assert_eq!(tell(61), None);
        // After a quiet time it is as in the beginning.
        let told: Vec<_> = (0..=AT_ONCE).map(|_| tell(100_000)).collect();
        assert_eq!(told[0].as_deref(), Some("x; 1 more came or went meanwhile"));
        assert_eq!(told[AT_ONCE as usize], None);
    }
}
