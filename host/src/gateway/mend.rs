//! Backends that should serve and do not: starting them again one by one, beside everything
//! else, and taking those that came back into what serves. Decides nothing about when.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Zoned;

use super::backend::{Backend, BackendNotice, NoticeKind};
use super::ground::Ground;
use super::{Absent, Candidate, Gateway, Snapshot};
use crate::config::BackendSpec;
use crate::secrets::Secrets;

/// What became of a backend that was started again.
#[derive(Debug)]
pub struct Restarted {
    /// Its name.
    pub name: String,
    spec: Box<BackendSpec>,
    result: Result<Arc<Backend>, String>,
}

/// What a candidate has that the current snapshot has not, and the other way round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// They serve again.
    pub back: Vec<String>,
    /// They do not; with the reason.
    pub missing: Vec<(String, String)>,
    /// Clients saw them until now, though nothing answered any more.
    pub given_up: bool,
}

impl Snapshot {
    /// The names of all that should serve and do not.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let absent = self.absent.iter().map(|absent| absent.name.as_str());
        self.ended().chain(absent)
    }

    /// How the missing backend of this name is reached.
    fn missing_spec(&self, name: &str) -> Option<&BackendSpec> {
        let ended = self.backend(name).filter(|backend| backend.has_ended());
        let absent = self.absent.iter().find(|absent| absent.name == name);
        let absent = absent.map(|absent| &absent.spec);
        ended.map(|backend| backend.spec()).or(absent)
    }
}

impl Ground {
    /// Whether a backend of this name is missing now, and wanted like this.
    pub(super) fn misses(&self, name: &str, spec: &BackendSpec) -> bool {
        let serving = self.serving().filter(|_| !self.tasks.is_closed());
        let missing = serving.as_ref().and_then(|it| it.missing_spec(name));
        missing.is_some_and(|wanted| wanted.connects_like(spec))
    }
}

impl Gateway {
    /// Starts a missing backend, beside everything else; `None` if it is not missing.
    pub fn restart(&self, name: &str) -> Option<BoxFuture<'static, Restarted>> {
        let spec = self.current().missing_spec(name)?.clone();
        let (name, ground) = (name.to_owned(), Arc::clone(&self.ground));
        let restart = async move {
            let result = Backend::start(&name, &spec, &Secrets::default(), &ground).await;
            if result.is_ok() {
                ground.meters.of(&name).restarted();
            }
            let spec = Box::new(spec);
            Restarted { name, spec, result }
        };
        Some(restart.boxed())
    }

    /// Wants a missing backend back at once; false if it is not missing.
    pub fn want(&self, name: &str) -> bool {
        let missing = self.current().missing_spec(name).is_some();
        if missing {
            // Nobody listens once the host stops.
            let _ = self.ground.notices.send(BackendNotice {
                backend: name.to_owned(),
                kind: NoticeKind::Wanted,
            });
        }
        missing
    }

    /// What serves now, with what became of these. Those that are no longer wanted like this, or
    /// no longer missing, are dropped. `order` is that of the configuration.
    pub fn mend(&self, restarted: Vec<Restarted>, order: &[String]) -> (Candidate, Mended) {
        let current = self.current();
        let mut candidate = Candidate::recompose(&current);
        let mut mended = Mended::default();
        for Restarted { name, spec, result } in restarted {
            if !current
                .missing_spec(&name)
                .is_some_and(|wanted| wanted.connects_like(&spec))
            {
                continue;
            }
            let count = candidate.backends.len();
            let before = current.absent.iter().find(|absent| absent.name == name);
            candidate.backends.retain(|old| old.name() != name);
            candidate.absent.retain(|absent| absent.name != name);
            match result {
                Ok(backend) => {
                    candidate.started.push(name.clone());
                    candidate.backends.push(backend);
                    mended.back.push(name);
                }
                Err(reason) => {
                    mended.given_up |= candidate.backends.len() < count;
                    candidate.absent.push(Absent {
                        name: name.clone(),
                        spec: *spec,
                        reason: reason.clone(),
                        since: before.map_or_else(Zoned::now, |before| before.since.clone()),
                    });
                    mended.missing.push((name, reason));
                }
            }
        }
        let rank = |name: &str| order.iter().position(|other| other == name);
        candidate
            .backends
            .sort_by_key(|backend| rank(backend.name()));
        candidate.absent.sort_by_key(|absent| rank(&absent.name));
        (candidate, mended)
    }

    /// Asks the backend of this name again what it offers; `None` if there is none that lives.
    pub fn refresh(&self, name: &str) -> Option<BoxFuture<'static, Result<(), String>>> {
        let current = self.current();
        let backend = current.backend(name).filter(|it| !it.has_ended())?;
        let backend = Arc::clone(backend);
        Some(async move { backend.refresh().await }.boxed())
    }

    /// Whether the backend of this name answers; `None` if there is none.
    pub fn probe(&self, name: &str) -> Option<BoxFuture<'static, (String, Result<(), String>)>> {
        let backend = Arc::clone(self.current().backend(name)?);
        let probe = async move { (backend.name().to_owned(), backend.ping().await) };
        Some(probe.boxed())
    }
}
