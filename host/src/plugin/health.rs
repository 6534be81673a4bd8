//! What became of the calls of one component: its strikes, and when it may be asked again. Pure:
//! `now` is an argument. Another component of the same name begins anew.

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
    /// Faults in a row.
    strikes: u32,
    /// Faults since it was loaded.
    faults: u64,
    calls: u64,
    last: Option<Fault>,
    again_at: Option<Instant>,
}

/// What is known of a plugin's calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) calls: u64,
    pub(super) faults: u64,
    pub(super) strikes: u32,
    /// The last fault, if it was the last that happened.
    pub(super) last: Option<String>,
}

impl Health {
    /// It was called.
    pub(super) fn called(&mut self) {
        self.calls += 1;
    }

    /// The call went well.
    pub(super) fn worked(&mut self) {
        self.strikes = 0;
        self.again_at = None;
        self.last = None;
    }

    /// The call did not.
    pub(super) fn failed(&mut self, fault: &Fault, now: Instant) {
        self.faults += 1;
        self.strikes = self.strikes.saturating_add(1);
        self.last = Some(fault.clone());
        self.again_at = self.strikes.checked_sub(STRIKES).map(|beyond| {
            let wait = FIRST_WAIT.saturating_mul(1 << beyond.min(16));
            now + wait.min(LAST_WAIT)
        });
    }

    /// How long it must not be asked, and why; nothing, if it may be.
    pub(super) fn quarantine(&self, now: Instant) -> Option<(Duration, &Fault)> {
        let left = self.again_at?.checked_duration_since(now)?;
        let left = Some(left).filter(|left| !left.is_zero())?;
        Some((left, self.last.as_ref()?))
    }

    pub(super) fn account(&self) -> Account {
        Account {
            calls: self.calls,
            faults: self.faults,
            strikes: self.strikes,
            last: self.last.as_ref().map(ToString::to_string),
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
        Fault {
            plugin: "p".to_owned(),
            call: "observe",
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
        health.worked();
        assert!(!health.account().is_quarantined());
        health.failed(&fault(), now);
        assert_eq!(health.quarantine(now), None);
        assert_eq!(health.account().faults, 13);
    }
}
