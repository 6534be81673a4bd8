//! What became of the calls of one component: its strikes, and when it may be asked again. Pure:
//! `now` is an argument. Another component of the same name begins anew.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::events::Fault;

/// After so many faults in a row a plugin is no longer asked.
pub const STRIKES: u32 = 3;
/// Then it is tried again after so long, twice as long after each further fault,
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// and never later than this.
const LAST_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Health {
    /// Faults since it was loaded.
    faults: u64,
    calls: u64,
    /// The functions that failed when they were asked last: one may fail while another works.
    failing: BTreeMap<&'static str, Failing>,
}

#[derive(Debug)]
struct Failing {
    /// Faults in a row.
    strikes: u32,
    last: Fault,
    at: Instant,
    again_at: Option<Instant>,
}

/// What is known of a plugin's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) calls: u64,
    pub(super) faults: u64,
    /// In a row, of the function that has most.
    pub(super) strikes: u32,
    /// The last fault of it.
    pub(super) last: Option<String>,
}

impl Health {
    /// It was called.
    pub(super) fn called(&mut self) {
        self.calls += 1;
    }

    /// The call of this function went well.
    pub(super) fn worked(&mut self, call: &str) {
        self.failing.remove(call);
    }

    /// The call did not.
    pub(super) fn failed(&mut self, fault: &Fault, now: Instant) {
        self.faults += 1;
        let before = self.failing.get(fault.call).map_or(0, |it| it.strikes);
        let strikes = before.saturating_add(1);
        let again_at = strikes.checked_sub(STRIKES).map(|beyond| {
            let wait = FIRST_WAIT.saturating_mul(1 << beyond.min(16));
            now + wait.min(LAST_WAIT)
        });
        let failing = Failing {
            strikes,
            last: fault.clone(),
            at: now,
            again_at,
        };
        self.failing.insert(fault.call, failing);
    }

    /// The call did not, of a function for whose sake it is not left alone.
    pub(super) fn failed_aside(&mut self) {
        self.faults += 1;
    }

    /// How long it must not be asked, and why; nothing, if it may be.
    pub(super) fn quarantine(&self, now: Instant) -> Option<(Duration, &Fault)> {
        let failing = self.failing.values();
        let left = failing.filter_map(|it| {
            let left = it.again_at?.checked_duration_since(now)?;
            (!left.is_zero()).then_some((left, &it.last))
        });
        left.max_by_key(|(left, _)| *left)
    }

    pub(super) fn account(&self) -> Account {
        let worst = self.failing.values().max_by_key(|it| (it.strikes, it.at));
        Account {
            calls: self.calls,
            faults: self.faults,
            strikes: worst.map_or(0, |it| it.strikes),
            last: worst.map(|it| it.last.to_string()),
        }
    }
}

impl Account {
    /// It failed so often in a row that something else stands in for it.
    pub(super) fn is_quarantined(&self) -> bool {
        self.strikes >= STRIKES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::FaultKind;

    fn fault() -> Fault {
        fault_in("observe")
    }

    fn fault_in(call: &'static str) -> Fault {
        Fault {
            plugin: "p".to_owned(),
            call,
            kind: FaultKind::Trap,
            message: "as commanded".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_strikes_in_a_row_and_it_waits_ever_longer() {
        let (mut health, mut now) = (Health::default(), Instant::now());
        for _ in 1..STRIKES {
            health.failed(&fault(), now);
            assert_eq!(health.quarantine(now), None);
        }
        for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            health.failed(&fault(), now);
            let wait = Duration::from_secs(seconds);
            assert_eq!(health.quarantine(now).unwrap().0, wait);
            assert!(health.account().is_quarantined());
            now += wait;
            assert_eq!(health.quarantine(now), None, "one try");
        }
        health.worked("observe");
        assert!(!health.account().is_quarantined());
        health.failed(&fault(), now);
        assert_eq!(health.quarantine(now), None);
        assert_eq!(health.account().faults, 13);
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_works_does_not_excuse_another() {
        let (mut health, now) = (Health::default(), Instant::now());
        for strike in 1..=STRIKES {
            health.worked("on-request");
            health.failed(&fault_in("on-response"), now);
            assert_eq!(health.account().strikes, strike);
        }
        assert!(health.account().is_quarantined());
        health.failed(&fault_in("on-request"), now);
        health.worked("on-response");
        assert_eq!(
            (health.account().strikes, health.quarantine(now)),
            (1, None)
        );
        health.failed_aside();
        assert_eq!((health.account().strikes, health.account().faults), (1, 5));
    }
}
