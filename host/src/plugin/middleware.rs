//! A middleware component behind the port `gateway::MiddlewarePlugin`: instances that are kept
//! warm, each configured once. There are as many as calls have been asked about at the same time;
//! whoever asks bounds those. One that has a fault is dropped, and the next call gets a fresh one.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use serde_json::value::RawValue;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::detector::config_sync::plugin::types;
use super::bindings::middleware::MiddlewarePlugin as MiddlewareWorld;
use super::bindings::middleware::exports::config_sync::plugin::middleware as wit;
use super::edition::{Description, Edition};
use super::handler::problem;
use super::instance::{Instance, World};
use super::library::Library;
use super::output::cut;
use super::state::State;
use crate::config::{PluggedSettings, Problem};
use crate::events::{Fault, FaultKind};
use crate::gateway::{
    Decision, Method, MiddlewarePlugin, MiddlewarePlugins, Refusal, Revision, Shown, Unusable, Ways,
};
use crate::mcp::{Members, Raw};

/// Bytes of JSON that one answer may have. It stands in the host's memory, not in the guest's.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

impl World for MiddlewareWorld {
    fn bind(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        let instance = pre.instantiate(&mut *store)?;
        Self::new(store, &instance)
    }
}

pub(super) struct WasmMiddleware {
    edition: Arc<Edition>,
    settings: String,
    idle: Mutex<Vec<Instance<MiddlewareWorld>>>,
}

/// A guest that reads JSON needs some dozens of times its bytes, in the worst of cases.
const READING: usize = 64;

/// What a guest answers, or why that is none.
type Judged<T> = Result<T, (FaultKind, String)>;

impl WasmMiddleware {
    /// What a component says of itself.
    pub(super) fn describe(edition: &Arc<Edition>) -> Result<Description, Fault> {
        let mut instance = Instance::<MiddlewareWorld>::new(Arc::clone(edition));
        let describe = |world: &MiddlewareWorld, store: &mut Store<State>| {
            world.config_sync_plugin_middleware().call_describe(store)
        };
        instance.call("describe", describe, |descriptor| {
            Ok(Description::Middleware {
                ways: Ways {
                    request: descriptor.ways.contains(wit::Ways::REQUEST),
                    response: descriptor.ways.contains(wit::Ways::RESPONSE),
                },
                summary: cut(descriptor.summary),
                section: ["middleware".to_owned()],
            })
        })
    }

    /// A middleware of this component, once it has taken its settings.
    pub(super) fn new(
        edition: Arc<Edition>,
        settings: &serde_json::Map<String, Value>,
    ) -> Result<Self, Unusable> {
        let middleware = Self {
            edition,
            settings: Value::Object(settings.clone()).to_string(),
            idle: Mutex::default(),
        };
        let (first, taken) = middleware.configured(Ok).map_err(Unusable::Fault)?;
        taken.map_err(|found| {
            let found: Vec<Problem> = found.into_iter().map(problem).collect();
            Unusable::Problems(found)
        })?;
        middleware.put_back(first);
        Ok(middleware)
    }

    /// A fresh instance that was told its settings, and what it says of them.
    fn configured<U>(
        &self,
        judge: impl FnOnce(Result<(), Vec<types::Problem>>) -> Judged<U>,
    ) -> Result<(Instance<MiddlewareWorld>, U), Fault> {
        let mut instance = Instance::new(Arc::clone(&self.edition));
        let configure = |world: &MiddlewareWorld, store: &mut Store<State>| {
            world
                .config_sync_plugin_middleware()
                .call_configure(store, &self.settings)
        };
        let said = instance.call("configure", configure, judge)?;
        Ok((instance, said))
    }

    fn put_back(&self, instance: Instance<MiddlewareWorld>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(instance);
    }

    fn ask<T: Send, U>(
        &self,
        name: &'static str,
        call: impl FnOnce(&MiddlewareWorld, &mut Store<State>) -> wasmtime::Result<Result<T, String>>
        + Send,
        judge: impl FnOnce(T) -> Judged<U>,
    ) -> Result<U, Fault> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut instance = match idle.filter(|it| !it.is_outdated()) {
            Some(instance) => instance,
            None => {
                // It took them before.
                let message = "it takes its settings no more";
                let judge = |taken: Result<_, _>| {
                    taken.map_err(|_| (FaultKind::BadAnswer, message.to_owned()))
                };
                self.configured(judge)?.0
            }
        };
        let answer = instance.call(name, call, |answer| {
            judge(answer.map_err(|reason| (FaultKind::Refusal, cut(reason)))?)
        });
        // One that trapped is gone, and the next call finds a fresh one behind it that has not
        // taken its settings.
        if answer.is_ok() {
            self.put_back(instance);
        }
        answer
    }
}

/// The JSON of an answer, if it is not too much.
fn bounded(json: String) -> Judged<String> {
    if json.len() <= MAX_ANSWER {
        return Ok(json);
    }
    let message = format!("{} bytes of JSON, {MAX_ANSWER} allowed", json.len());
    Err((FaultKind::Output, message))
}

fn object(what: &str, json: String) -> Judged<Members> {
    Members::parse(&bounded(json)?).map_err(|error| {
        let message = format!("{what} must be a JSON object: {error}");
        (FaultKind::BadAnswer, message)
    })
}

fn data(json: String) -> Judged<Raw> {
    RawValue::from_string(bounded(json)?).map_err(|error| {
        let message = format!("the data of the error: {error}");
        (FaultKind::BadAnswer, message)
    })
}

fn refusal(refusal: wit::Refusal) -> Judged<Refusal> {
    Ok(Refusal {
        code: refusal.code.into(),
        message: cut(refusal.message),
        data: refusal.data.map(data).transpose()?,
    })
}

impl MiddlewarePlugin for WasmMiddleware {
    fn name(&self) -> &str {
        &self.edition.name
    }

    fn edition(&self) -> u64 {
        self.edition.number
    }

    fn ways(&self) -> Ways {
        self.edition.ways()
    }

    fn is_much(&self, bytes: usize) -> bool {
        bytes.saturating_mul(READING) > self.edition.limits.memory
    }

    fn on_request(&self, call: &Shown) -> Result<Decision, Fault> {
        let request = request(call);
        let ask = |world: &MiddlewareWorld, store: &mut Store<State>| {
            world
                .config_sync_plugin_middleware()
                .call_on_request(store, &request)
        };
        self.ask("on-request", ask, |decision| {
            Ok(match decision {
                wit::Decision::Pass => Decision::Pass,
                wit::Decision::Change(params) => {
                    Decision::Change(object("the parameters", params)?)
                }
                wit::Decision::Answer(result) => Decision::Answer(object("the result", result)?),
                wit::Decision::Refuse(reason) => Decision::Refuse(refusal(reason)?),
            })
        })
    }

    fn on_response(&self, call: &Shown, reply: Result<String, Refusal>) -> Result<Revision, Fault> {
        let request = request(call);
        let reply = match reply {
            Ok(result) => wit::Reply::Result(result),
            Err(error) => wit::Reply::Error(wit::Refusal {
                code: error.code.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
                message: error.message,
                data: error.data.map(|data| data.get().to_owned()),
            }),
        };
        let ask = |world: &MiddlewareWorld, store: &mut Store<State>| {
            world
                .config_sync_plugin_middleware()
                .call_on_response(store, &request, &reply)
        };
        self.ask("on-response", ask, |revision| {
            Ok(match revision {
                wit::Revision::Pass => Revision::Pass,
                wit::Revision::Change(result) => Revision::Change(object("the result", result)?),
                wit::Revision::Refuse(reason) => Revision::Refuse(refusal(reason)?),
            })
        })
    }
}

fn request(call: &Shown) -> wit::Request {
    wit::Request {
        id: call.id,
        client: call.client.clone(),
        caller: call.caller.clone(),
        method: match call.method {
            Method::GetPrompt => wit::Method::GetPrompt,
            Method::ReadResource => wit::Method::ReadResource,
            _ => wit::Method::CallTool,
        },
        name: call.name.clone(),
        backend: call.backend.clone(),
        params: call.params.clone(),
    }
}

impl MiddlewarePlugins for Library {
    fn names(&self) -> Vec<String> {
        self.middleware_names()
    }

    fn edition(&self, name: &str) -> u64 {
        let edition = self.middleware_edition(name);
        edition.map_or(0, |edition| edition.number)
    }

    fn plugin(&self, entry: &PluggedSettings) -> Result<Arc<dyn MiddlewarePlugin>, Unusable> {
        let edition = self.middleware_edition(&entry.plugin).map_err(unknown)?;
        let middleware = WasmMiddleware::new(edition, &entry.settings)?;
        Ok(Arc::new(middleware))
    }

    fn try_out(&self, entry: &PluggedSettings) -> Result<(), Unusable> {
        let edition = self.middleware_edition(&entry.plugin).map_err(unknown)?;
        WasmMiddleware::new(edition.with_own_health(), &entry.settings).map(drop)
    }
}

fn unknown(error: String) -> Unusable {
    Unusable::Problems(vec![Problem::error("", error)])
}
