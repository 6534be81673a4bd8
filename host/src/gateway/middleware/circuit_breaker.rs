//! Circuit breaker: a backend that gives no answer again and again is left alone for a while, and
//! its calls are refused at once. Then one call may try, and another where that takes as long
//! again; if one is answered, all may.
//!
//! No answer: the connection is gone, or a `timeout` further in ended the call. An error that the
//! backend itself gives is an answer. A backend that is started anew begins with a closed breaker.

pub(super) mod machine;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::{Middleware, Next};
use crate::config::BreakerSettings;
use crate::gateway::backend::Backend;
use crate::gateway::{BackendNotice, Call, CallError, ErrorOrigin, NoticeKind, Reply};
use machine::{Ended, Machine, Pass, Turn};

pub(super) struct CircuitBreaker {
    settings: BreakerSettings,
    notices: UnboundedSender<BackendNotice>,
    backends: Mutex<HashMap<String, Watched>>,
}

struct Watched {
    /// The one that the machine is about: another of its name has another machine.
    backend: Weak<Backend>,
    machine: Machine,
}

impl CircuitBreaker {
    pub(super) fn new(settings: BreakerSettings, notices: UnboundedSender<BackendNotice>) -> Self {
        Self {
            settings,
            notices,
            backends: Mutex::default(),
        }
    }

    fn backends(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the call through, or says how long its backend is left alone.
    fn ask(&self, name: &str, backend: Weak<Backend>) -> Result<Trial<'_>, Duration> {
        let mut backends = self.backends();
        // Those that serve no longer.
        backends.retain(|other, watched| other == name || watched.backend.strong_count() > 0);
        let machine = Machine::new(self.settings);
        let new = Watched {
            backend: backend.clone(),
            machine,
        };
        let watched = match backends.get_mut(name) {
            Some(watched) if watched.backend.ptr_eq(&backend) => watched,
            Some(watched) => {
                *watched = new;
                watched
            }
            None => backends.entry(name.to_owned()).or_insert(new),
        };
        let pass = watched.machine.ask(Instant::now())?;
        Ok(Trial {
            breaker: self,
            pass,
            name: name.to_owned(),
            backend,
            ended: Ended::GivenUp,
        })
    }

    fn tell(&self, backend: String, kind: NoticeKind) {
        // Nobody listens once the host stops.
        let _ = self.notices.send(BackendNotice { backend, kind });
    }
}

/// A call that was let through. The machine learns how it ended, also when it is dropped.
struct Trial<'a> {
    breaker: &'a CircuitBreaker,
    pass: Pass,
    name: String,
    backend: Weak<Backend>,
    ended: Ended,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        let mut backends = self.breaker.backends();
        let watched = backends.get_mut(&self.name);
        // How one ended that has been replaced says nothing of its successor.
        let Some(watched) = watched.filter(|it| it.backend.ptr_eq(&self.backend)) else {
            return;
        };
        let turn = watched.machine.ended(self.pass, self.ended, Instant::now());
        drop(backends);
        let kind = match turn {
            None => return,
            Some(Turn::Opened) => NoticeKind::LeftAlone(self.breaker.settings.open),
            Some(Turn::Closed) => NoticeKind::AnswersAgain,
        };
        self.breaker.tell(std::mem::take(&mut self.name), kind);
    }
}

impl Middleware for CircuitBreaker {
    fn left_alone(&self, backend: &Arc<Backend>) -> Option<Duration> {
        let backends = self.backends();
        let watched = backends.get(backend.name())?;
        let is_it = watched.backend.ptr_eq(&Arc::downgrade(backend));
        is_it.then(|| watched.machine.left_alone(Instant::now()))?
    }

    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let backend = next.snapshot.answering(&call.backend);
            let backend = backend.as_ref().map_or_else(Weak::new, Arc::downgrade);
            let mut trial = self.ask(&call.backend, backend).map_err(|wait| {
                let name = &call.backend;
                let message =
                    format!("backend `{name}` gave no answer lately and is left alone for now");
                CallError::try_later(message, Some(wait))
            })?;
            let cancelled = call.cancelled.clone();
            let reply = next.run(call).await;
            trial.ended = match &reply {
                _ if cancelled.is_cancelled() => Ended::GivenUp,
                Ok(_) => Ended::Answered,
                Err(error) => match error.origin {
                    ErrorOrigin::Backend => Ended::Answered,
                    ErrorOrigin::NoAnswer => Ended::Unanswered,
                    // It was not even asked.
                    ErrorOrigin::Gateway => Ended::GivenUp,
                },
            };
            reply
        })
    }
}
