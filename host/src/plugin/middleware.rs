//! A middleware component behind the port `gateway::MiddlewarePlugin`: instances that are kept
//! warm, each configured once. There are as many as calls have been asked about at the same time;
//! whoever asks bounds those. One that has a fault is dropped, and the next call gets a fresh one.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::middleware::MiddlewarePlugin as MiddlewareWorld;
use super::bindings::middleware::exports::config_sync::plugin::middleware as wit;
use super::engine::PluginEngine;
use super::handler::problem;
use super::instance::{Instance, World};
use super::library::Library;
use super::output::cut;
use super::state::State;
use crate::config::{PluggedSettings, Problem};
use crate::events::{Fault, FaultKind};
use crate::gateway::{
    Capability, Decision, MiddlewarePlugin, MiddlewarePlugins, Refusal, Revision, Shown, Unusable,
    Ways,
};

/// Bytes of JSON that one answer may have. It stands in the host's memory, not in the guest's.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

impl World for MiddlewareWorld {
    fn bind(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        let instance = pre.instantiate(&mut *store)?;
        Self::new(store, &instance)
    }
}

pub(super) struct WasmMiddleware {
    name: String,
    engine: PluginEngine,
    pre: InstancePre<State>,
    settings: String,
    ways: Ways,
    idle: Mutex<Vec<Instance<MiddlewareWorld>>>,
}

/// What a component says of itself before it is configured.
pub(super) struct Descriptor {
    pub(super) summary: String,
    ways: Ways,
}

/// Asks the component what it is.
pub(super) fn describe(
    name: &str,
    engine: &PluginEngine,
    pre: &InstancePre<State>,
) -> Result<Descriptor, Fault> {
    let mut instance = Instance::<MiddlewareWorld>::new(name, engine.clone(), pre.clone());
    let descriptor = instance.call("describe", |world, store| {
        world.config_sync_plugin_middleware().call_describe(store)
    })?;
    Ok(Descriptor {
        ways: Ways {
            request: descriptor.ways.contains(wit::Ways::REQUEST),
            response: descriptor.ways.contains(wit::Ways::RESPONSE),
        },
        summary: cut(descriptor.summary),
    })
}

impl WasmMiddleware {
    /// A middleware of this component, once it has taken its settings.
    pub(super) fn new(
        name: &str,
        engine: PluginEngine,
        pre: InstancePre<State>,
        settings: &serde_json::Map<String, Value>,
    ) -> Result<Self, Unusable> {
        let ways = describe(name, &engine, &pre).map_err(Unusable::Fault)?.ways;
        let middleware = Self {
            name: name.to_owned(),
            engine,
            pre,
            settings: Value::Object(settings.clone()).to_string(),
            ways,
            idle: Mutex::default(),
        };
        let first = middleware.configured()?;
        middleware.put_back(first);
        Ok(middleware)
    }

    /// A fresh instance that has its settings.
    fn configured(&self) -> Result<Instance<MiddlewareWorld>, Unusable> {
        let mut instance = Instance::new(&self.name, self.engine.clone(), self.pre.clone());
        let configured = instance.call("configure", |world: &MiddlewareWorld, store| {
            world
                .config_sync_plugin_middleware()
                .call_configure(store, &self.settings)
        });
        configured.map_err(Unusable::Fault)?.map_err(|found| {
            let found: Vec<Problem> = found.into_iter().map(problem).collect();
            Unusable::Problems(found)
        })?;
        Ok(instance)
    }

    fn put_back(&self, instance: Instance<MiddlewareWorld>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(instance);
    }

    fn ask<T>(
        &self,
        name: &'static str,
        call: impl FnOnce(&MiddlewareWorld, &mut Store<State>) -> wasmtime::Result<Result<T, String>>,
    ) -> Result<T, Fault> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.configured().map_err(|unusable| match unusable {
                Unusable::Fault(fault) => fault,
                // It took them before.
                Unusable::Problems(_) => self.fault(
                    "configure",
                    FaultKind::BadAnswer,
                    "it takes its settings no more".to_owned(),
                ),
            })?,
        };
        let answer = instance.call(name, call)?;
        self.put_back(instance);
        answer.map_err(|reason| self.fault(name, FaultKind::Refusal, cut(reason)))
    }

    fn fault(&self, call: &'static str, kind: FaultKind, message: String) -> Fault {
        Fault {
            plugin: self.name.clone(),
            call,
            kind,
            message,
        }
    }

    /// The JSON of an answer, if it is not too much.
    fn json(&self, call: &'static str, json: String) -> Result<String, Fault> {
        if json.len() <= MAX_ANSWER {
            return Ok(json);
        }
        let message = format!("{} bytes of JSON, {MAX_ANSWER} allowed", json.len());
        Err(self.fault(call, FaultKind::BadAnswer, message))
    }

    fn refusal(&self, call: &'static str, refusal: wit::Refusal) -> Result<Refusal, Fault> {
        let data = refusal.data.map(|data| self.json(call, data));
        Ok(Refusal {
            code: refusal.code.into(),
            message: cut(refusal.message),
            data: data.transpose()?,
        })
    }
}

impl MiddlewarePlugin for WasmMiddleware {
    fn name(&self) -> &str {
        &self.name
    }

    fn ways(&self) -> Ways {
        self.ways
    }

    fn on_request(&self, call: &Shown) -> Result<Decision, Fault> {
        const CALL: &str = "on-request";
        let request = request(call);
        let decision = self.ask(CALL, |world, store| {
            world
                .config_sync_plugin_middleware()
                .call_on_request(store, &request)
        })?;
        Ok(match decision {
            wit::Decision::Pass => Decision::Pass,
            wit::Decision::Change(params) => Decision::Change(self.json(CALL, params)?),
            wit::Decision::Answer(result) => Decision::Answer(self.json(CALL, result)?),
            wit::Decision::Refuse(refusal) => Decision::Refuse(self.refusal(CALL, refusal)?),
        })
    }

    fn on_response(&self, call: &Shown, reply: Result<String, Refusal>) -> Result<Revision, Fault> {
        const CALL: &str = "on-response";
        let request = request(call);
        let reply = match reply {
            Ok(result) => wit::Reply::Result(result),
            Err(error) => wit::Reply::Error(wit::Refusal {
                code: error.code.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
                message: error.message,
                data: error.data,
            }),
        };
        let revision = self.ask(CALL, |world, store| {
            world
                .config_sync_plugin_middleware()
                .call_on_response(store, &request, &reply)
        })?;
        Ok(match revision {
            wit::Revision::Pass => Revision::Pass,
            wit::Revision::Change(result) => Revision::Change(self.json(CALL, result)?),
            wit::Revision::Refuse(refusal) => Revision::Refuse(self.refusal(CALL, refusal)?),
        })
    }
}

fn request(call: &Shown) -> wit::Request {
    wit::Request {
        id: call.id,
        client: call.client.clone(),
        caller: call.caller.clone(),
        method: match call.method.capability() {
            Capability::Tool => wit::Method::CallTool,
            Capability::Prompt => wit::Method::GetPrompt,
            Capability::Resource | Capability::ResourceTemplate => wit::Method::ReadResource,
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

    fn plugin(&self, entry: &PluggedSettings) -> Result<Arc<dyn MiddlewarePlugin>, Unusable> {
        let unknown = |error| Unusable::Problems(vec![Problem::error("", error)]);
        let pre = self.middleware(&entry.plugin).map_err(unknown)?;
        let engine = self.engine().clone();
        let middleware = WasmMiddleware::new(&entry.plugin, engine, pre, &entry.settings)?;
        Ok(Arc::new(middleware))
    }
}
