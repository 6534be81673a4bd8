//! The next snapshot while it is being built. What the old one has and the new one wants alike is
//! shared; the rest is started side by side. Dropping a candidate stops what it started.

use std::sync::Arc;

use futures::stream;
use futures::{FutureExt, StreamExt};

use super::backend::Backend;
use super::catalog::Catalog;
use super::middleware::Chain;
use super::snapshot::Absent;
use super::swap::Ground;
use super::{Entry, Offer, Snapshot};
use crate::config::{BackendSpec, MiddlewareSpec, Problem};

/// How many backends are started at the same time.
const SIDE_BY_SIDE: usize = 16;

/// What the handlers want to be served.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// In the order in which their offers rank.
    pub backends: Vec<(String, BackendSpec)>,
    /// Outermost first.
    pub middleware: Vec<MiddlewareSpec>,
}

/// The next snapshot, not served yet.
#[derive(Debug)]
pub struct Candidate {
    pub(super) backends: Vec<Arc<Backend>>,
    pub(super) absent: Vec<Absent>,
    chain: Chain,
    pub(super) catalog: Catalog,
    /// Names of the backends that this candidate started.
    pub started: Vec<String>,
}

impl Candidate {
    /// Builds on `before`. A backend that is new or changed must start, unless `lenient`; one
    /// that `before` was already missing may go on missing.
    pub(super) async fn build(
        before: &Snapshot,
        wanted: &Wanted,
        lenient: bool,
        ground: &Ground,
    ) -> Result<Self, Vec<Problem>> {
        let chain =
            Chain::build(&wanted.middleware, &before.chain, ground).map_err(|(index, error)| {
                vec![Problem::error(format!("middleware[{index}]"), error)]
            })?;
        let kept = |name: &str, spec: &BackendSpec| {
            before
                .backend(name)
                .filter(|old| old.spec() == spec && !old.has_ended())
        };
        let starting: Vec<_> = wanted
            .backends
            .iter()
            .map(|(name, spec)| {
                let kept = kept(name, spec).cloned();
                let start = async move {
                    match kept {
                        Some(backend) => (name, spec, Ok(backend)),
                        None => (name, spec, Backend::start(name, spec, ground).await),
                    }
                };
                start.boxed()
            })
            .collect();
        let results: Vec<_> = stream::iter(starting)
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await;

        let mut candidate = Self {
            backends: Vec::new(),
            absent: Vec::new(),
            chain,
            catalog: Catalog::default(),
            started: Vec::new(),
        };
        let mut problems = Vec::new();
        for (name, spec, result) in results {
            match result {
                Ok(backend) => {
                    if kept(name, spec).is_none() {
                        candidate.started.push(name.clone());
                    }
                    candidate.backends.push(backend);
                }
                Err(reason) if lenient || was_wanted(before, name, spec) => {
                    candidate.absent.push(Absent {
                        name: name.clone(),
                        spec: spec.clone(),
                        reason,
                    });
                }
                Err(reason) => {
                    problems.push(Problem::error(
                        format!("backends.{name}"),
                        format!("it does not start: {reason}"),
                    ));
                }
            }
        }
        if problems.is_empty() {
            Ok(candidate)
        } else {
            Err(problems)
        }
    }

    /// A candidate that differs from `before` in nothing but its catalog.
    pub(super) fn recompose(before: &Snapshot) -> Self {
        Self {
            backends: before.backends.clone(),
            absent: before.absent.clone(),
            chain: before.chain.clone(),
            catalog: Catalog::default(),
            started: Vec::new(),
        }
    }

    /// What its backends offer, in their order.
    pub fn offers(&self) -> Vec<Offer> {
        self.backends
            .iter()
            .flat_map(|backend| backend.offers().as_ref().clone())
            .collect()
    }

    /// The backends that should be in it and are not.
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// Sets what clients will see; without `entries` everything that is offered.
    ///
    /// # Errors
    /// Entries that would lead a call astray.
    pub fn compose(&mut self, entries: Option<Vec<Entry>>, offers: &[Offer]) -> Result<(), String> {
        let entries = entries.unwrap_or_else(|| Catalog::as_offered(offers));
        self.catalog = Catalog::compose(&entries, offers)?;
        Ok(())
    }

    pub(super) fn into_snapshot(self, generation: u64) -> Snapshot {
        let Self {
            backends,
            absent,
            chain,
            catalog,
            ..
        } = self;
        Snapshot {
            generation,
            backends,
            absent,
            chain,
            catalog,
        }
    }
}

fn was_wanted(before: &Snapshot, name: &str, spec: &BackendSpec) -> bool {
    before
        .absent
        .iter()
        .any(|absent| absent.name == name && absent.spec == *spec)
        || before.backend(name).is_some_and(|old| old.spec() == spec)
}
