//! The next snapshot while it is being built. What the old one has and the new one wants alike is
//! shared, well or not; the rest is started side by side, so that the work grows with the
//! difference. Dropping a candidate stops what it started.

use std::sync::Arc;

use futures::stream;
use futures::{FutureExt, StreamExt};
use jiff::Zoned;
use tokio::task::spawn_blocking;

use super::backend::Backend;
use super::catalog::Catalog;
use super::ground::Ground;
use super::middleware::{Chain, MiddlewarePlugins};
use super::snapshot::Absent;
use super::swap::Before;
use super::{Entry, Offer, Snapshot};
use crate::config::{BackendSpec, MiddlewareSpec, Problem};
use crate::secrets::Secrets;

/// How many backends are started at the same time.
pub const SIDE_BY_SIDE: usize = 16;

/// What the handlers want to be served.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// In the order in which their offers rank.
    pub backends: Vec<(String, BackendSpec)>,
    /// Outermost first.
    pub middleware: Vec<MiddlewareSpec>,
}

/// How a candidate is built.
#[derive(Clone, Default)]
pub struct Terms<'a> {
    /// What served before and is kept warm is taken as well.
    pub warm: Option<&'a Before>,
    /// Backends that do not start are left out instead of failing the build, required or not.
    pub lenient: bool,
    /// What placeholders stand for.
    pub secrets: Arc<Secrets>,
    /// What was made of other secrets is not taken, but made anew.
    pub renew: bool,
    /// Where middleware from plugins comes from, if not from those at hand.
    pub plugins: Option<&'a Arc<dyn MiddlewarePlugins>>,
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

/// Where the backends of a candidate come from when they need not be started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stock<'a> {
    /// What serves now.
    pub(super) current: &'a Snapshot,
    /// What served before it and is kept warm.
    pub(super) warm: Option<&'a Snapshot>,
}

/// What becomes of one wanted backend.
enum Fate {
    /// It serves already, or did until it ended by itself: whoever restarts it will.
    Kept(Arc<Backend>),
    /// It was missing before, and goes on missing until it is restarted.
    Missing(Box<Absent>),
    /// It is new or changed.
    Started(Result<Arc<Backend>, String>),
}

impl Stock<'_> {
    /// What needs no start. Whether it is well is no concern of whoever changes something else.
    fn find(&self, name: &str, spec: &BackendSpec, terms: &Terms<'_>) -> Option<Fate> {
        let is_outdated = |backend: &Backend| terms.renew && backend.is_outdated(&terms.secrets);
        let serves =
            |backend: &&Arc<Backend>| backend.spec().connects_like(spec) && !is_outdated(backend);
        let absent = |absent: &&Absent| absent.name == name && absent.spec.connects_like(spec);
        let warm = self.warm.and_then(|warm| warm.backend(name));
        let warm = warm.filter(|warm| serves(warm) && !warm.has_ended());
        if let Some(backend) = self.current.backend(name).filter(serves).or(warm) {
            return Some(Fate::Kept(Arc::clone(backend)));
        }
        let missing = self.current.absent.iter().find(absent)?;
        Some(Fate::Missing(Box::new(missing.clone())))
    }
}

impl Candidate {
    /// Builds from `stock`, and starts side by side what is not there. A backend that is started
    /// must start, unless it is not required, or that does not matter.
    pub(super) async fn build(
        stock: Stock<'_>,
        wanted: &Wanted,
        terms: &Terms<'_>,
        ground: &Arc<Ground>,
    ) -> Result<Self, Vec<Problem>> {
        let (specs, before, on, plugins) = (
            wanted.middleware.clone(),
            stock.current.chain.clone(),
            Arc::clone(ground),
            terms.plugins.cloned(),
        );
        let (secrets, renew) = (Arc::clone(&terms.secrets), terms.renew);
        // A plugin that takes its settings may use its whole time limit.
        let build = move || {
            let plugins = plugins.as_ref().unwrap_or(&on.plugins).as_ref();
            Chain::build(&specs, &before, (&secrets, renew), &on, plugins)
        };
        let chain = spawn_blocking(build)
            .await
            .map_err(|error| vec![Problem::error("middleware", error.to_string())])?
            .map_err(|(index, error)| {
                vec![Problem::error(format!("middleware[{index}]"), error)]
            })?;
        let starting: Vec<_> = wanted
            .backends
            .iter()
            .enumerate()
            .map(|(rank, (name, spec))| {
                let found = stock.find(name, spec, terms);
                let start = async move {
                    let fate = match found {
                        Some(fate) => fate,
                        None => {
                            let secrets = terms.secrets.as_ref();
                            Fate::Started(Backend::start(name, spec, secrets, ground).await)
                        }
                    };
                    (rank, name, spec, fate)
                };
                start.boxed()
            })
            .collect();
        let mut fates: Vec<_> = stream::iter(starting)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        fates.sort_by_key(|(rank, ..)| *rank);

        let mut candidate = Self {
            backends: Vec::new(),
            absent: Vec::new(),
            chain,
            catalog: Catalog::default(),
            started: Vec::new(),
        };
        let mut problems = Vec::new();
        for (_, name, spec, fate) in fates {
            match fate {
                Fate::Kept(backend) => candidate.backends.push(backend),
                Fate::Started(Ok(backend)) => {
                    candidate.started.push(name.clone());
                    candidate.backends.push(backend);
                }
                Fate::Started(Err(reason)) if spec.required && !terms.lenient => {
                    problems.push(Problem::error(
                        format!("backends.{name}"),
                        format!("it does not start: {reason}"),
                    ));
                }
                Fate::Started(Err(reason)) => candidate.absent.push(Absent {
                    name: name.clone(),
                    spec: spec.clone(),
                    reason,
                    since: Zoned::now(),
                }),
                // What is wanted of it beside its connection may be something else by now.
                Fate::Missing(missing) => candidate.absent.push(Absent {
                    spec: spec.clone(),
                    ..*missing
                }),
            }
        }
        if problems.is_empty() {
            Ok(candidate)
        } else {
            Err(problems)
        }
    }

    /// What served before the current snapshot, made anew of what is well of both. Starts
    /// nothing. Its catalog is the one that clients saw then.
    pub(super) fn back_to(before: &Snapshot, current: &Snapshot) -> Self {
        let well = |backend: &Arc<Backend>| {
            current
                .backend(backend.name())
                .filter(|other| other.spec().connects_like(backend.spec()) && !other.has_ended())
        };
        let mut backends = Vec::new();
        for backend in &before.backends {
            backends.push(Arc::clone(well(backend).unwrap_or(backend)));
        }
        let mut absent = Vec::new();
        for missing in &before.absent {
            let back = current.backend(&missing.name);
            match back.filter(|back| back.spec().connects_like(&missing.spec)) {
                Some(back) => backends.push(Arc::clone(back)),
                None => absent.push(missing.clone()),
            }
        }
        Self {
            backends,
            absent,
            chain: before.chain.back_from(&current.chain),
            catalog: before.catalog.clone(),
            started: Vec::new(),
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
            .flat_map(|backend| backend.offers().each.clone())
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
        for backend in &self.backends {
            self.catalog.remainder.add(&backend.offers().remainder);
        }
        self.catalog
            .hide(|kind, name| !self.chain.shows(kind, name));
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
