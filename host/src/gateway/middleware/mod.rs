//! The chain that every call runs through, outermost first. Recovery is always the outermost:
//! whatever goes wrong inside becomes a well-formed error. A middleware that a reload leaves as
//! it was is shared between snapshots, with all it knows.

mod audit;
mod recovery;
mod timeout;

use std::sync::Arc;

use futures::future::BoxFuture;

use super::swap::Ground;
use super::{Call, Reply, Snapshot};
use crate::config::MiddlewareSpec;
use audit::Audit;
use timeout::Timeout;

/// One link of the chain.
pub(super) trait Middleware: Send + Sync {
    /// Does its part and hands the call on, or answers itself.
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply>;
}

/// The rest of the chain.
pub(super) struct Next<'a> {
    links: &'a [Link],
    snapshot: &'a Snapshot,
}

impl<'a> Next<'a> {
    pub(super) fn run(self, call: Call) -> BoxFuture<'a, Reply> {
        match self.links {
            [] => Box::pin(self.snapshot.dispatch(call)),
            [first, rest @ ..] => {
                let next = Next {
                    links: rest,
                    snapshot: self.snapshot,
                };
                first.middleware.handle(call, next)
            }
        }
    }
}

#[derive(Clone)]
struct Link {
    spec: MiddlewareSpec,
    middleware: Arc<dyn Middleware>,
}

/// The middleware of one snapshot.
#[derive(Clone, Default)]
pub(super) struct Chain {
    links: Vec<Link>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.links.iter().map(|link| &link.spec))
            .finish()
    }
}

impl Chain {
    /// The chain of `specs`, sharing what `before` has already.
    ///
    /// # Errors
    /// What cannot be set up, as the place in `specs` and the reason.
    pub(super) fn build(
        specs: &[MiddlewareSpec],
        before: &Self,
        ground: &Ground,
    ) -> Result<Self, (usize, String)> {
        let mut links = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            if let Some(link) = before.links.iter().find(|link| link.spec == *spec) {
                links.push(link.clone());
                continue;
            }
            let middleware: Arc<dyn Middleware> = match spec {
                MiddlewareSpec::Audit { file } => Arc::new(
                    Audit::open(&ground.base.join(file), &ground.tasks)
                        .map_err(|error| (index, error))?,
                ),
                MiddlewareSpec::Timeout { after } => Arc::new(Timeout::new(*after)),
                // Always there, outermost.
                MiddlewareSpec::Recovery => continue,
            };
            links.push(Link {
                spec: spec.clone(),
                middleware,
            });
        }
        Ok(Self { links })
    }

    pub(super) async fn run(&self, call: Call, snapshot: &Snapshot) -> Reply {
        let next = Next {
            links: &self.links,
            snapshot,
        };
        recovery::recover(call.id, next.run(call)).await
    }
}
