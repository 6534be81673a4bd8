//! An entry that a plugin serves. The plugin decides; here its decisions are followed, its faults
//! are told, and calls get their turn: so many are asked about at the same time, off the async
//! threads. After three faults in a row the plugin is left alone for a while, so that one that
//! runs to its deadline does not do so with every call. What then becomes of calls says `fail`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::circuit_breaker::machine::{Ended, Machine, Pass, Turn};
use super::plugin::{Decision, MiddlewarePlugin, MiddlewarePlugins, Refusal, Revision, Shown};
use super::{Middleware, Next};
use crate::config::{BreakerSettings, OnFault, PluggedSettings};
use crate::events::{EventBus, EventKind, Fault, FaultKind};
use crate::gateway::{Call, CallError, ErrorOrigin, Reply};
use crate::mcp::Members;

/// A plugin that has so many faults in a row is left alone for so long.
const REST: BreakerSettings = BreakerSettings {
    failures: 3,
    within: None,
    open: Duration::from_secs(5),
};

/// How long a call waits for its turn. Each guest has seconds for each call, and there may be
/// many calls; a client waits about a minute for an answer.
const TURN: Duration = Duration::from_secs(10);

/// A guest ends with its time, a minute at most, and so does what the host does for it. One that
/// has not answered by now stands in the host, most likely on a file system that is gone.
pub(super) const LOST: Duration = Duration::from_secs(180);

pub(super) struct Plugged {
    /// The entry's.
    name: String,
    plugin: Arc<dyn MiddlewarePlugin>,
    fail: OnFault,
    turns: Arc<Semaphore>,
    there: Way,
    back: Way,
    bus: EventBus,
}

/// To the backend or back. A plugin may fail on one and do well on the other.
struct Way {
    /// The function that is called.
    call: &'static str,
    breaker: Mutex<Breaker>,
}

struct Breaker {
    machine: Machine,
    /// When a fault was told. A plugin with a fault in every other call would fill the events.
    told: Option<Instant>,
}

/// Why a plugin gave no answer.
enum Silence {
    Fault,
    LeftAlone(Duration),
    Busy,
    Cancelled,
}

impl Plugged {
    pub(super) fn new(
        name: &str,
        plugin: Arc<dyn MiddlewarePlugin>,
        settings: &PluggedSettings,
        bus: EventBus,
    ) -> Self {
        // A guest that computes needs a processor; more than those would only share them.
        let turns = std::thread::available_parallelism().map_or(2, |it| it.get().clamp(2, 16));
        Self {
            name: name.to_owned(),
            plugin,
            fail: settings.fail,
            turns: Arc::new(Semaphore::new(turns)),
            there: Way::new("on-request"),
            back: Way::new("on-response"),
            bus,
        }
    }

    /// What the plugin says of so many bytes; nothing, if it says nothing and calls go on without it.
    async fn ask<T: Send + 'static>(
        &self,
        way: &Way,
        cancelled: &CancellationToken,
        bytes: usize,
        ask: impl FnOnce(&dyn MiddlewarePlugin) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Option<T>, CallError> {
        let silence = match self.answer(way, cancelled, bytes, ask).await {
            Ok(answer) => return Ok(Some(answer)),
            Err(Silence::Cancelled) => return Err(CallError::cancelled()),
            Err(_) if self.fail == OnFault::Open => return Ok(None),
            Err(silence) => silence,
        };
        let name = &self.name;
        Err(match silence {
            Silence::Busy => CallError::try_later(format!("the middleware `{name}` is busy"), None),
            Silence::LeftAlone(wait) => {
                let message = format!("the middleware `{name}` fails, and no call passes it");
                CallError::try_later(message, Some(wait))
            }
            Silence::Fault | Silence::Cancelled => CallError::internal(format!(
                "the middleware `{name}` failed, so this call did not pass"
            )),
        })
    }

    async fn answer<T: Send + 'static>(
        &self,
        way: &Way,
        cancelled: &CancellationToken,
        bytes: usize,
        ask: impl FnOnce(&dyn MiddlewarePlugin) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Silence> {
        let asked = way.breaker().machine.ask(Instant::now());
        let pass = asked.map_err(Silence::LeftAlone)?;
        let mut trial = Trial {
            of: self,
            way,
            pass,
            ended: Ended::GivenUp,
            fault: None,
        };
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::select! {
            turn = timeout(TURN, turn) => turn.map_err(|_elapsed| Silence::Busy)?,
            () = cancelled.cancelled() => return Err(Silence::Cancelled),
        };
        let plugin = Arc::clone(&self.plugin);
        let asked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            ask(plugin.as_ref())
        });
        let fault = |kind, message| Fault {
            plugin: self.plugin.name().to_owned(),
            call: way.call,
            kind,
            message,
        };
        let answer = match timeout(LOST, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(fault(FaultKind::Trap, error.to_string())),
            Err(_elapsed) => Err(fault(
                FaultKind::Deadline,
                format!("it has not come back for {} s", LOST.as_secs()),
            )),
        };
        match answer {
            Ok(answer) => {
                trial.ended = Ended::Answered;
                Ok(answer)
            }
            Err(fault) => {
                let too_large = fault.kind == FaultKind::Memory && self.plugin.is_much(bytes);
                // That is the message's doing, and no other call's concern.
                if !too_large {
                    trial.ended = Ended::Unanswered;
                }
                trial.fault = Some(fault);
                Err(Silence::Fault)
            }
        }
    }

    fn tell(&self, way: &Way, turn: Option<Turn>, fault: Option<Fault>, now: Instant) {
        let (name, seconds) = (&self.name, REST.open.as_secs());
        let then = match self.fail {
            OnFault::Closed => "its calls are refused (fail: closed)",
            OnFault::Open => "calls go on without it (fail: open)",
        };
        match (turn, fault) {
            (Some(Turn::Opened), Some(fault)) => self.bus.publish(
                EventKind::Degraded,
                format!(
                    "middleware `{name}` is left alone for {seconds} s after {} faults in a row; \
                     meanwhile {then}; the last: {fault}",
                    REST.failures
                ),
            ),
            (Some(Turn::Closed), _) => self
                .bus
                .publish(EventKind::State, format!("middleware `{name}` works again")),
            (_, Some(fault)) => {
                let told = way.breaker().told.replace(now);
                if told.is_none_or(|told| now.duration_since(told) >= REST.open) {
                    let details = format!("middleware `{name}`: {fault}; {then}");
                    self.bus.publish(EventKind::Error, details);
                } else {
                    tracing::debug!(middleware = name, %fault, "one more fault");
                }
            }
            (_, None) => {}
        }
    }
}

impl Way {
    fn new(call: &'static str) -> Self {
        Self {
            call,
            breaker: Mutex::new(Breaker {
                machine: Machine::new(REST),
                told: None,
            }),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that the plugin is asked about. How it ended is counted, also when it is dropped.
struct Trial<'a> {
    of: &'a Plugged,
    way: &'a Way,
    pass: Pass,
    ended: Ended,
    fault: Option<Fault>,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let turn = self.way.breaker().machine.ended(self.pass, self.ended, now);
        self.of.tell(self.way, turn, self.fault.take(), now);
    }
}

impl Middleware for Plugged {
    fn is_current(&self, plugins: &dyn MiddlewarePlugins) -> bool {
        plugins.edition(self.plugin.name()) == self.plugin.edition()
    }

    fn handle<'a>(&'a self, mut call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        if !call.method.is_call() {
            return next.run(call);
        }
        Box::pin(async move {
            let ways = self.plugin.ways();
            let cancelled = call.cancelled.clone();
            if ways.request {
                let shown = show(&call);
                let way = &self.there;
                let bytes = shown.params.len();
                let asked = self.ask(way, &cancelled, bytes, move |it| it.on_request(&shown));
                match asked.await? {
                    None | Some(Decision::Pass) => {}
                    Some(Decision::Change(params)) => put(&mut call, params),
                    Some(Decision::Answer(result)) => return Ok(result.to_raw()),
                    Some(Decision::Refuse(refusal)) => return Err(refused(refusal)),
                }
            }
            let shown = ways.response.then(|| show(&call));
            let reply = next.run(call).await;
            let Some(shown) = shown else {
                return reply;
            };
            let told = written(&reply);
            let way = &self.back;
            let bytes = shown.params.len() + told.as_ref().map_or(0, String::len);
            let asked = self.ask(way, &cancelled, bytes, move |it| {
                it.on_response(&shown, told)
            });
            match asked.await? {
                None | Some(Revision::Pass) => reply,
                Some(Revision::Change(result)) => Ok(result.to_raw()),
                Some(Revision::Refuse(refusal)) => Err(refused(refusal)),
            }
        })
    }
}

fn refused(refusal: Refusal) -> CallError {
    CallError {
        code: refusal.code,
        message: refusal.message,
        data: refusal.data,
        beside: Members::default(),
        origin: ErrorOrigin::Gateway,
    }
}

fn show(call: &Call) -> Shown {
    Shown {
        id: call.id,
        client: call.client.name().to_owned(),
        caller: call.caller.clone(),
        method: call.method.clone(),
        name: call.shown_as.clone(),
        backend: call.backend.clone(),
        params: String::from(Box::<str>::from(call.params.to_raw())),
    }
}

/// Other parameters for the same thing: where the call goes is decided already.
fn put(call: &mut Call, mut params: Members) {
    if let Some(name) = call.method.name_in(&call.params) {
        call.method.rename(&mut params, &name);
    }
    call.params = params;
}

fn written(reply: &Reply) -> Result<String, Refusal> {
    match reply {
        Ok(result) => Ok(result.get().to_owned()),
        Err(error) => Err(Refusal {
            code: error.code,
            message: error.message.clone(),
            data: error.data.clone(),
        }),
    }
}
