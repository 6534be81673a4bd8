//! When to try again what failed, a detector here or a reload above: `on_failure`. Pure: answers
//! with a delay, and sleeps never.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::config::OnFailure;

/// No backoff waits longer than this.
const CAP: Duration = Duration::from_secs(300);

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this long.
    After(Duration),
    /// Stop watching, go on serving.
    Stop,
}

/// Remembers how often in a row it has failed.
#[derive(Debug)]
pub struct Retry {
    /// Of the jitter: hosts that failed together do not try again together.
    seed: u64,
    backoff: Option<ExponentialBackoff>,
}

impl Retry {
    /// Has not failed yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            backoff: None,
        }
    }

    /// What follows one more failure.
    pub fn failed(&mut self, policy: OnFailure, poll_interval: Duration) -> Next {
        match policy {
            OnFailure::Stop => Next::Stop,
            OnFailure::Fixed => Next::After(poll_interval),
            OnFailure::Backoff => {
                let backoff = self.backoff.get_or_insert_with(|| {
                    ExponentialBuilder::default()
                        .with_min_delay(poll_interval)
                        .with_max_delay(CAP)
                        .with_factor(2.0)
                        .without_max_times()
                        .with_jitter()
                        .with_jitter_seed(self.seed)
                        .build()
                });
                // The jitter comes on top of the cap.
                Next::After(backoff.next().unwrap_or(CAP).min(CAP))
            }
        }
    }

    /// It worked, or something new is to be tried.
    pub fn reset(&mut self) {
        self.backoff = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLL: Duration = Duration::from_secs(2);

    #[test]
    fn backoff_grows_to_its_cap_and_begins_anew_after_success() {
        let mut retry = Retry::new(7);
        let delay = |retry: &mut Retry| match retry.failed(OnFailure::Backoff, POLL) {
            Next::After(delay) => delay,
            Next::Stop => panic!("backoff never stops"),
        };
        let first = delay(&mut retry);
        assert!((POLL..=POLL * 2).contains(&first), "{first:?}");
        for _ in 0..20 {
            assert!(delay(&mut retry) <= CAP);
        }
        assert_eq!(delay(&mut retry), CAP);
        retry.reset();
        assert!(delay(&mut retry) <= POLL * 2);
    }

    #[test]
    fn fixed_waits_for_the_poll_interval_and_stop_stops() {
        let mut retry = Retry::new(7);
        assert_eq!(retry.failed(OnFailure::Fixed, POLL), Next::After(POLL));
        assert_eq!(retry.failed(OnFailure::Fixed, POLL), Next::After(POLL));
        assert_eq!(retry.failed(OnFailure::Stop, POLL), Next::Stop);
    }

    proptest! {
        /// Any run of failures and successes, under any policy: never a wait below the poll
        /// interval or above the cap, and never two in a row that shrink.
        #[test]
        fn waits_stay_within_bounds_and_grow_until_something_works(
            seed in any::<u64>(),
            poll in 10_u64..600_000,
            worked in proptest::collection::vec(any::<bool>(), 1..60),
        ) {
            let poll = Duration::from_millis(poll);
            let mut retry = Retry::new(seed);
            let mut least = Duration::ZERO;
            for worked in worked {
                if worked {
                    retry.reset();
                    least = Duration::ZERO;
                }
                let Next::After(wait) = retry.failed(OnFailure::Backoff, poll) else {
                    panic!("backoff never stops");
                };
                prop_assert!(wait <= CAP && wait >= poll.min(CAP) && wait >= least);
                // The jitter is at most the delay itself, and delays double.
                least = wait / 2;
            }
        }
    }
}
