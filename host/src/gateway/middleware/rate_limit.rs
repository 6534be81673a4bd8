//! Rate limit: so many calls in a time, and so many at once. A call beyond that is refused and
//! told when to try again.
//!
//! The machine is the "virtual scheduling" form of the generic cell rate algorithm: one moment
//! for each key, and no timer. (governor has the same algorithm, on a clock of its own and with
//! its own idea of keys; this is shorter than what would fit it to paused time.)

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::key::Key;
use super::{Middleware, Next};
use crate::config::RateSettings;
use crate::gateway::{Call, CallError, Reply};

/// So many keys are remembered. Clients name themselves, so there may be any number; beyond this
/// those that are new share one limit.
const MOST_KEYS: usize = 10_000;

pub(super) struct RateLimit {
    settings: RateSettings,
    machine: Mutex<Machine>,
}

impl RateLimit {
    pub(super) fn new(settings: &RateSettings) -> Self {
        Self {
            machine: Mutex::new(Machine::new(settings)),
            settings: settings.clone(),
        }
    }
}

impl Middleware for RateLimit {
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        let Some(key) = Key::of(&call, self.settings.per, self.settings.tools.as_ref()) else {
            return next.run(call);
        };
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = machine.take(key, Instant::now());
        drop(machine);
        match taken {
            Ok(()) => next.run(call),
            Err(wait) => Box::pin(async move {
                let RateSettings { calls, time, .. } = self.settings;
                let time = time.as_secs_f64();
                Err(CallError::try_later(
                    format!("too many calls of `{}`: {calls} in {time} s", call.shown_as),
                    Some(wait),
                ))
            }),
        }
    }
}

/// Who may call when. Pure.
struct Machine {
    /// What one call costs.
    interval: Duration,
    /// How far ahead of its time a key may be.
    tolerance: Duration,
    /// When each key has paid for what it called; a moment that is past says nothing.
    paid: HashMap<Key, Instant>,
}

impl Machine {
    fn new(settings: &RateSettings) -> Self {
        let interval = settings.time.div_f64(settings.calls as f64);
        Self {
            interval,
            tolerance: interval.mul_f64(settings.burst as f64),
            paid: HashMap::new(),
        }
    }

    /// Takes one call, or says how long to wait for it.
    fn take(&mut self, key: Key, now: Instant) -> Result<(), Duration> {
        let key = self.room_for(key, now);
        let paid = self.paid.get(&key).map_or(now, |paid| (*paid).max(now));
        let next = paid + self.interval;
        match next.duration_since(now).checked_sub(self.tolerance) {
            // Rounding of a nanosecond.
            Some(wait) if wait > Duration::from_nanos(1) => Err(wait),
            _ => {
                self.paid.insert(key, next);
                Ok(())
            }
        }
    }

    fn room_for(&mut self, key: Key, now: Instant) -> Key {
        if self.paid.len() < MOST_KEYS || self.paid.contains_key(&key) {
            return key;
        }
        self.paid.retain(|_, paid| *paid > now);
        if self.paid.len() < MOST_KEYS {
            key
        } else {
            Key::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Per;

    fn machine(calls: u64, seconds: u64, burst: u64) -> Machine {
        Machine::new(&RateSettings {
            calls,
            time: Duration::from_secs(seconds),
            burst,
            per: Per::All,
            tools: None,
        })
    }

    fn key(client: &str) -> Key {
        Key::new(client, "")
    }

    #[test]
    fn a_burst_passes_then_one_for_each_interval() {
        let (mut machine, now) = (machine(60, 60, 3), Instant::now());
        for _ in 0..3 {
            assert_eq!(machine.take(key("a"), now), Ok(()));
        }
        assert_eq!(machine.take(key("a"), now), Err(Duration::from_secs(1)));
        let later = now + Duration::from_millis(400);
        assert_eq!(
            machine.take(key("a"), later),
            Err(Duration::from_millis(600))
        );
        let later = now + Duration::from_secs(1);
        assert_eq!(machine.take(key("a"), later), Ok(()));
        assert_eq!(machine.take(key("a"), later), Err(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let (mut machine, now) = (machine(1, 10, 1), Instant::now());
        assert_eq!(machine.take(key("a"), now), Ok(()));
        for _ in 0..100 {
            assert!(machine.take(key("a"), now).is_err());
        }
        let later = now + Duration::from_secs(10);
        assert_eq!(machine.take(key("a"), later), Ok(()));
    }

    #[test]
    fn one_key_takes_nothing_from_another() {
        let (mut machine, now) = (machine(1, 10, 1), Instant::now());
        assert_eq!(machine.take(key("a"), now), Ok(()));
        assert_eq!(machine.take(key("b"), now), Ok(()));
        assert!(machine.take(key("a"), now).is_err());
    }

    #[test]
    fn however_many_name_themselves_memory_is_bounded_and_old_keys_keep_their_limit() {
        let (mut machine, now) = (machine(1, 10, 1), Instant::now());
        for client in 0..MOST_KEYS {
            assert_eq!(machine.take(key(&client.to_string()), now), Ok(()));
        }
        assert_eq!(machine.take(key("new"), now), Ok(()));
        assert!(machine.take(key("newer"), now).is_err(), "they share one");
        assert!(machine.take(key("0"), now).is_err());
        assert!(machine.paid.len() <= MOST_KEYS + 1);
        let later = now + Duration::from_secs(10);
        assert_eq!(machine.take(key("newer"), later), Ok(()));
        assert_eq!(machine.paid.len(), 1, "what is past is forgotten");
    }

    #[test]
    fn the_most_and_the_fastest_that_the_file_can_say_do_not_overflow() {
        let now = Instant::now();
        let mut most = machine(1, 86_400, 1_000_000);
        assert_eq!(most.take(key("a"), now), Ok(()));
        let mut fastest = machine(1_000_000, 1, 1_000_000);
        for _ in 0..1_000_000 {
            assert_eq!(fastest.take(key("a"), now), Ok(()));
        }
        assert!(
            fastest
                .take(key("a"), now + Duration::from_nanos(1))
                .is_err()
        );
    }
}
