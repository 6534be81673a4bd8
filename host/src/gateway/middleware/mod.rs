//! The chain that every call runs through, outermost first. Recovery is always the outermost:
//! whatever goes wrong inside becomes a well-formed error. A middleware that a reload leaves as
//! it was is shared between snapshots, with all it knows.

mod audit;
mod auth;
mod circuit_breaker;
mod concurrency_limit;
mod gate;
mod key;
mod plugged;
mod plugin;
mod rate_limit;
mod recovery;
mod redact;
mod retry;
#[cfg(test)]
mod tests;
mod timeout;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::backend::Backend;
use super::ground::Ground;
use super::{Call, Capability, Reply, Snapshot};
use crate::config::{MiddlewareSettings, MiddlewareSpec, Seal};
use crate::secrets::Secrets;
use audit::Audit;
pub(super) use auth::{Auth, METADATA, Refused};
use circuit_breaker::CircuitBreaker;
use concurrency_limit::ConcurrencyLimit;
use gate::Gate;
use plugged::Plugged;
pub use plugin::{
    Decision, MiddlewarePlugin, MiddlewarePlugins, NoPlugins, Refusal, Revision, Shown, Unusable,
    Ways,
};
use rate_limit::RateLimit;
use redact::Redact;
use retry::Retry;
use timeout::Timeout;

/// One link of the chain.
pub(super) trait Middleware: Send + Sync {
    /// Does its part and hands the call on, or answers itself.
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply>;

    /// Whether clients see what has this name.
    fn shows(&self, _kind: Capability, _name: &str) -> bool {
        true
    }

    /// How much longer it refuses the calls of this backend, if it does.
    fn left_alone(&self, _backend: &Arc<Backend>) -> Option<Duration> {
        None
    }

    /// Whether it would be made of the same again.
    fn is_current(&self, _plugins: &dyn MiddlewarePlugins) -> bool {
        true
    }

    /// Who stands at the door, if that is its work.
    fn guard(&self) -> Option<&Auth> {
        None
    }
}

/// The rest of the chain. It can be run more than once.
#[derive(Clone, Copy)]
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
    /// What it was made of.
    seal: Seal,
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
    /// The chain of `specs`, sharing what `before` has already; if it shall `renew`, what was made
    /// of the same secrets.
    ///
    /// # Errors
    /// What cannot be set up, as the place in `specs` and the reason.
    pub(super) fn build(
        specs: &[MiddlewareSpec],
        before: &Self,
        (secrets, renew): (&Secrets, bool),
        ground: &Ground,
        plugins: &dyn MiddlewarePlugins,
    ) -> Result<Self, (usize, String)> {
        let mut links = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            let known = before.links.iter().find(|link| link.spec == *spec);
            let seal = spec.seal(&|name| secrets.value_of(name));
            let is_current = |it: &&Link| {
                it.middleware.is_current(plugins) && !(renew && it.seal.is_broken_by(&seal))
            };
            if let Some(link) = known.filter(is_current) {
                links.push(link.clone());
                continue;
            }
            let set_up = set_up(spec, before, secrets, ground, plugins);
            let Some(middleware) = set_up.map_err(|error| (index, error))? else {
                continue;
            };
            links.push(Link {
                spec: spec.clone(),
                seal,
                middleware,
            });
        }
        Ok(Self { links })
    }

    /// The same, with those that `current` has of the same kind: a token that was changed since
    /// stays changed.
    pub(super) fn back_from(&self, current: &Self) -> Self {
        let links = self.links.iter().map(|link| {
            let mut others = current.links.iter();
            others.find(|it| it.spec == link.spec).unwrap_or(link)
        });
        Self {
            links: links.cloned().collect(),
        }
    }

    /// Whether one of them would be made of other secrets now, or could not be for want of one.
    pub(super) fn is_outdated(&self, secrets: &Secrets) -> bool {
        let value_of = |name: &str| secrets.value_of(name);
        let mut links = self.links.iter();
        links.any(|link| link.seal.is_outdated_by(&link.spec.seal(&value_of)))
    }

    /// Whether clients see what has this name.
    pub(super) fn shows(&self, kind: Capability, name: &str) -> bool {
        let mut links = self.links.iter();
        links.all(|link| link.middleware.shows(kind, name))
    }

    /// How much longer calls of this backend are refused, if they are.
    pub(super) fn left_alone(&self, backend: &Arc<Backend>) -> Option<Duration> {
        let links = self.links.iter();
        links
            .filter_map(|link| link.middleware.left_alone(backend))
            .max()
    }

    /// Who stands at the door.
    pub(super) fn guard(&self) -> Option<&Auth> {
        self.links.iter().find_map(|link| link.middleware.guard())
    }

    pub(super) async fn run(&self, call: Call, snapshot: &Snapshot) -> Reply {
        let next = Next {
            links: &self.links,
            snapshot,
        };
        recovery::recover(call.id, next.run(call)).await
    }
}

/// The middleware that `spec` asks for; recovery is always there.
fn set_up(
    spec: &MiddlewareSpec,
    before: &Chain,
    secrets: &Secrets,
    ground: &Ground,
    plugins: &dyn MiddlewarePlugins,
) -> Result<Option<Arc<dyn Middleware>>, String> {
    Ok(Some(match &spec.settings {
        MiddlewareSettings::Allow(names) => Arc::new(Gate::allow(names)),
        MiddlewareSettings::Deny(names) => Arc::new(Gate::deny(names)),
        MiddlewareSettings::Audit(settings) => {
            let path = ground.base.join(&settings.file);
            Arc::new(Audit::open(&path, settings, &ground.tasks)?)
        }
        MiddlewareSettings::Auth(settings) => {
            let auth = Auth::new(settings, before.guard(), secrets, &ground.base, &ground.bus)?;
            if let Some(work) = auth.prepare() {
                ground.tasks.spawn(work);
            }
            Arc::new(auth)
        }
        MiddlewareSettings::CircuitBreaker(settings) => {
            Arc::new(CircuitBreaker::new(*settings, ground.notices.clone()))
        }
        MiddlewareSettings::ConcurrencyLimit(settings) => Arc::new(ConcurrencyLimit::new(settings)),
        MiddlewareSettings::RateLimit(settings) => Arc::new(RateLimit::new(settings)),
        MiddlewareSettings::Plugged(settings) => {
            let plugin = plugins.plugin(settings).map_err(told)?;
            Arc::new(Plugged::new(
                &spec.name,
                plugin,
                settings,
                ground.bus.clone(),
            ))
        }
        MiddlewareSettings::Recovery => return Ok(None),
        MiddlewareSettings::Redact(settings) => Arc::new(Redact::new(settings)),
        MiddlewareSettings::Retry(settings) => Arc::new(Retry::new(*settings)),
        MiddlewareSettings::Timeout { after } => Arc::new(Timeout::new(*after)),
    }))
}

/// Why there is no plugin, in one line.
fn told(unusable: Unusable) -> String {
    match unusable {
        Unusable::Fault(fault) => fault.to_string(),
        Unusable::Problems(problems) => {
            let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            lines.join("; ")
        }
    }
}
