//! The life of each backend from its first step to its last, for those who look: how it is and
//! since when. A look keeps no backend alive.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use jiff::Zoned;

use super::health::Health;

/// How a backend is, and since when.
#[derive(Debug, Clone)]
pub struct Condition {
    /// How.
    pub health: Health,
    /// Since when it is in this state; its reason may be a newer one.
    pub since: Zoned,
}

/// One backend, while it is anything at all.
#[derive(Debug)]
pub struct Life {
    /// Its name. Others may have the same: of what it replaces, or is replaced by.
    pub name: String,
    process: OnceLock<u32>,
    condition: ArcSwap<Condition>,
}

impl Life {
    /// Its process, if it is one of ours.
    pub fn process(&self) -> Option<u32> {
        self.process.get().copied()
    }

    /// How it is, as far as was seen.
    pub fn condition(&self) -> Arc<Condition> {
        self.condition.load_full()
    }

    pub(super) fn has_process(&self, process: Option<u32>) {
        if let Some(process) = process {
            let _ = self.process.set(process);
        }
    }

    /// From now on it is like this; true if it was in another state before. What is down or
    /// drains never gets well.
    pub(super) fn becomes(&self, health: Health) -> bool {
        let before = self.condition();
        let same = before.health.as_str() == health.as_str();
        if !same && matches!(before.health, Health::Down(_) | Health::Draining) {
            return false;
        }
        let since = match same {
            true => before.since.clone(),
            false => Zoned::now(),
        };
        self.condition.store(Arc::new(Condition { health, since }));
        !same
    }
}

/// Those of all backends.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Lives(Mutex<Vec<Weak<Life>>>);

impl Lives {
    /// One that begins.
    pub(super) fn begin(&self, name: &str) -> Arc<Life> {
        let condition = Condition {
            health: Health::Connecting,
            since: Zoned::now(),
        };
        let life = Arc::new(Life {
            name: name.to_owned(),
            process: OnceLock::new(),
            condition: ArcSwap::from_pointee(condition),
        });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|life| life.strong_count() > 0);
        all.push(Arc::downgrade(&life));
        life
    }

    /// Those that there are now, the oldest first.
    pub(in crate::gateway) fn all(&self) -> Vec<Arc<Life>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(why: &str) -> Health {
        Health::Degraded(why.to_owned())
    }

    #[test]
    fn a_state_has_its_beginning_and_the_newest_reason() {
        let lives = Lives::default();
        let life = lives.begin("one");
        assert!(life.becomes(Health::Ready) && life.becomes(silent("once")));
        let since = life.condition().since.clone();
        assert!(!life.becomes(silent("twice")));
        assert_eq!(life.condition().since, since);
        assert_eq!(life.condition().health.reason(), Some("twice"));
    }

    #[test]
    fn what_drains_never_gets_well_and_what_is_gone_is_not_seen() {
        let lives = Lives::default();
        let (old, new) = (lives.begin("one"), lives.begin("one"));
        assert!(old.becomes(Health::Draining) && !old.becomes(Health::Ready));
        assert_eq!(old.condition().health, Health::Draining);
        assert_eq!(lives.all().len(), 2);
        drop(old);
        assert!(lives.all().iter().all(|life| Arc::ptr_eq(life, &new)));
    }
}
