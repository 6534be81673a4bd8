//! The swap: another snapshot serves from now on, clients are told which lists changed, and what is
//! gone stays warm for as long as somebody may want it back.

use std::sync::{Arc, Weak};

use super::backend::Backend;
use super::catalog::{Capability, Changes};
use super::{Candidate, Gateway, Snapshot};

/// What a swap changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swapped {
    /// The number of what serves now.
    pub generation: u64,
    /// Backends that were started for it.
    pub started: Vec<String>,
    /// Backends that went, or were replaced.
    pub stopped: Vec<String>,
}

/// What served before a swap. As long as it is there, its backends are kept warm.
#[derive(Debug)]
pub struct Before {
    pub(super) snapshot: Arc<Snapshot>,
    gateway: Weak<Gateway>,
    /// What keeps some of them warm as well.
    spared: Option<Arc<Snapshot>>,
}

impl Before {
    /// What `other` keeps warm stays so when this is dropped.
    pub fn spare(&mut self, other: &Self) {
        self.spared = Some(Arc::clone(&other.snapshot));
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        let current = self.gateway.upgrade().map(|gateway| gateway.current());
        let used = |backend: &Arc<Backend>| {
            let users = current.iter().chain(&self.spared);
            users
                .flat_map(|snapshot| &snapshot.backends)
                .any(|other| Arc::ptr_eq(other, backend))
        };
        let gone = self.snapshot.backends.iter();
        gone.filter(|backend| !used(backend))
            .for_each(|backend| backend.retire());
    }
}

impl Gateway {
    /// What served before, as a candidate: nothing has to be started for it. Until it is
    /// composed anew it has the catalog of then.
    pub fn back_to(&self, before: &Before) -> Candidate {
        Candidate::back_to(&before.snapshot, &self.current())
    }

    /// A candidate with what serves now, for a new catalog.
    pub fn recompose(&self) -> Candidate {
        Candidate::recompose(&self.current())
    }

    /// Serves the candidate from now on, in one atomic step, and tells connected clients which
    /// lists changed. What is gone is kept warm until [`Before`] is dropped; then it is stopped
    /// when the last call that began on it has ended, or its drain time is over.
    pub fn swap(self: &Arc<Self>, candidate: Candidate) -> (Swapped, Before) {
        let before = self.current();
        let started = candidate.started.clone();
        let next = Arc::new(candidate.into_snapshot(before.generation + 1));
        let generation = next.generation;
        let changes = next.catalog.changes_since(&before.catalog);
        let gone: Vec<_> = before
            .backends
            .iter()
            .filter(|old| !next.backends.iter().any(|kept| Arc::ptr_eq(old, kept)))
            .map(|old| old.name().to_owned())
            .collect();
        self.ground.serves(&next);
        self.current.store(Arc::clone(&next));
        let is_guarded_alike = match (next.guard(), before.guard()) {
            (Some(now), Some(then)) => std::ptr::eq(now, then),
            (now, _) => now.is_none(),
        };
        if !is_guarded_alike {
            self.guards.send_replace(());
        }
        let before = Before {
            snapshot: before,
            gateway: Arc::downgrade(self),
            spared: None,
        };
        if changes != Changes::default() {
            self.ground.clients.tell(changes);
        }
        let follow = |shown_as: &str| {
            let to = next.route(Capability::Resource, shown_as)?;
            Some((to.backend, to.name))
        };
        let moved_to = self.ground.subscriptions.follow_routes(follow);
        for backend in &next.backends {
            let before = before.snapshot.backend(backend.name());
            let is_new = !before.is_some_and(|before| Arc::ptr_eq(before, backend));
            if is_new {
                // What it said before it served is nothing that anybody could follow.
                backend.says_again();
            }
            if is_new || moved_to.contains(backend.name()) {
                backend.takes_over(before.filter(|_| is_new).cloned());
            }
        }
        let swapped = Swapped {
            generation,
            started,
            stopped: gone,
        };
        (swapped, before)
    }

    /// Whether clients would see anything else if the candidate served.
    pub fn differs(&self, candidate: &Candidate) -> bool {
        candidate.catalog.changes_since(&self.current().catalog) != Changes::default()
    }
}
