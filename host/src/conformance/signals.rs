//! What a case's two threads tell each other: the runner that the watcher is up, that a reload
//! has read the file, that the case is called off; and the clock by which a script waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
struct Facts {
    started: bool,
    reloads: u32,
    abandoned: bool,
}

/// Facts that one thread sets and another waits for. A wait is on a condition variable, not a
/// sleep, so that calling the case off ends it at once.
#[derive(Debug, Default)]
pub(super) struct Signals {
    facts: Mutex<Facts>,
    changed: Condvar,
}

/// The case is over: the script should return.
pub(super) struct Abandoned;

impl Signals {
    pub(super) fn start(&self) {
        self.facts().started = true;
        self.changed.notify_all();
    }

    pub(super) fn reload(&self) {
        self.facts().reloads += 1;
        self.changed.notify_all();
    }

    pub(super) fn abandon(&self) {
        self.facts().abandoned = true;
        self.changed.notify_all();
    }

    /// Waits for the watcher, for so long at most; says whether it is up.
    pub(super) fn started(&self, most: Duration) -> Result<bool, Abandoned> {
        self.wait(most, |facts| facts.started)
    }

    /// Waits for the first reload, for so long at most; says whether there was one.
    pub(super) fn reloaded(&self, most: Duration) -> Result<bool, Abandoned> {
        self.wait(most, |facts| facts.reloads > 0)
    }

    /// Waits, whatever happens.
    pub(super) fn pass(&self, time: Duration) -> Result<(), Abandoned> {
        self.wait(time, |_| false).map(drop)
    }

    fn wait(&self, most: Duration, fact: fn(&Facts) -> bool) -> Result<bool, Abandoned> {
        let deadline = Instant::now() + most;
        let mut facts = self.facts();
        loop {
            if facts.abandoned {
                return Err(Abandoned);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if fact(&facts) || left.is_zero() {
                return Ok(fact(&facts));
            }
            // May wake for no reason, hence the loop.
            let woken = self.changed.wait_timeout(facts, left);
            facts = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
