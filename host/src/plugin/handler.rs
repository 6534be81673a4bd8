//! A reload handler component behind the port `reload::ReloadHandler`.

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::detector::config_sync::plugin::types;
use super::bindings::handler::ReloadHandlerPlugin;
use super::bindings::handler::exports::config_sync::plugin::reload_handler as wit;
use super::engine::PluginEngine;
use super::instance::{Instance, World};
use super::output::cut;
use super::state::State;
use crate::config::Problem;
use crate::events::{Fault, FaultKind};
use crate::gateway::{Capability, Entry, Offer};
use crate::reload::{
    Change, Difference, DifferenceKind, Ending, Proposal, Proposed, Refused, ReloadHandler,
};

impl World for ReloadHandlerPlugin {
    fn bind(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        let instance = pre.instantiate(&mut *store)?;
        Self::new(store, &instance)
    }
}

pub(super) struct WasmHandler {
    instance: Instance<ReloadHandlerPlugin>,
    sections: Vec<String>,
    summary: String,
}

impl WasmHandler {
    /// A handler of this component, once it has described itself.
    pub(super) fn new(
        name: &str,
        engine: PluginEngine,
        pre: InstancePre<State>,
    ) -> Result<Self, Fault> {
        let mut instance = Instance::<ReloadHandlerPlugin>::new(name, engine, pre);
        let descriptor = instance.call("describe", |world, store| {
            world
                .config_sync_plugin_reload_handler()
                .call_describe(store)
        })?;
        Ok(Self {
            instance,
            sections: descriptor.sections,
            summary: cut(descriptor.summary),
        })
    }

    /// What it says of itself.
    pub(super) fn summary(&self) -> &str {
        &self.summary
    }

    fn fault(&self, call: &'static str, kind: FaultKind, message: String) -> Fault {
        Fault {
            plugin: self.instance.plugin().to_owned(),
            call,
            kind,
            message,
        }
    }

    fn json(&self, name: &str, text: &str) -> Result<Value, Refused> {
        serde_json::from_str(text).map_err(|error| {
            let message = format!("the specification of `{name}` is not JSON: {error}");
            Refused::Fault(self.fault("propose", FaultKind::BadAnswer, message))
        })
    }

    fn desired(&self, desired: Vec<wit::Desired>) -> Result<Vec<(String, Value)>, Refused> {
        desired
            .into_iter()
            .map(|wit::Desired { name, spec }| {
                let spec = self.json(&name, &spec)?;
                Ok((name, spec))
            })
            .collect()
    }
}

impl ReloadHandler for WasmHandler {
    fn name(&self) -> &str {
        self.instance.plugin()
    }

    fn sections(&self) -> &[String] {
        &self.sections
    }

    fn propose(&mut self, change: &Change) -> Result<Proposal, Refused> {
        let change = wit::Change {
            generation: change.generation,
            previous: change.previous.as_ref().map(Value::to_string),
            next: change.next.to_string(),
        };
        let answer = self
            .instance
            .call("propose", |world, store| {
                world
                    .config_sync_plugin_reload_handler()
                    .call_propose(store, &change)
            })
            .map_err(Refused::Fault)?
            .map_err(problems)?;
        let wanted = match answer.wanted {
            wit::Wanted::Backends(desired) => Proposed::Backends(self.desired(desired)?),
            wit::Wanted::Middleware(desired) => Proposed::Middleware(self.desired(desired)?),
            wit::Wanted::Nothing => Proposed::Nothing,
        };
        let differences = answer
            .differences
            .into_iter()
            .map(|difference| Difference {
                kind: match difference.kind {
                    wit::DifferenceKind::Added => DifferenceKind::Added,
                    wit::DifferenceKind::Changed => DifferenceKind::Changed,
                    wit::DifferenceKind::Removed => DifferenceKind::Removed,
                },
                path: cut(difference.path),
            })
            .collect();
        Ok(Proposal {
            wanted,
            differences,
        })
    }

    fn compose(&mut self, next: &Value, offers: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
        let next = next.to_string();
        let offers: Vec<_> = offers
            .iter()
            .map(|offer| wit::Offer {
                backend: offer.backend.clone(),
                kind: to_wit(offer.kind),
                name: offer.name.clone(),
                description: offer.description(),
            })
            .collect();
        let answer = self
            .instance
            .call("compose", |world, store| {
                world
                    .config_sync_plugin_reload_handler()
                    .call_compose(store, &next, &offers)
            })
            .map_err(Refused::Fault)?
            .map_err(problems)?;
        Ok(answer.map(|entries| {
            entries
                .into_iter()
                .map(|entry| Entry {
                    backend: entry.backend,
                    kind: from_wit(entry.kind),
                    name: entry.name,
                    shown_as: entry.shown_as,
                    description: entry.description,
                })
                .collect()
        }))
    }

    fn finished(&mut self, generation: u64, ending: Ending) -> Result<(), Fault> {
        let outcome = match ending {
            Ending::Applied => wit::Outcome::Applied,
            Ending::Rejected => wit::Outcome::Rejected,
            Ending::Failed => wit::Outcome::Failed,
            Ending::Reverted => wit::Outcome::Reverted,
        };
        self.instance
            .call("finished", |world, store| {
                world
                    .config_sync_plugin_reload_handler()
                    .call_finished(store, generation, outcome)
            })?
            .map_err(|reason| self.fault("finished", FaultKind::Refusal, cut(reason)))
    }
}

fn problems(found: Vec<types::Problem>) -> Refused {
    let found = found.into_iter().map(|problem| {
        let made = match problem.severity {
            types::Severity::Error => Problem::error(cut(problem.path), cut(problem.message)),
            types::Severity::Warning => Problem::warning(cut(problem.path), cut(problem.message)),
        };
        match problem.help {
            Some(help) => made.help(cut(help)),
            None => made,
        }
    });
    Refused::Problems(found.collect())
}

fn to_wit(kind: Capability) -> wit::Capability {
    match kind {
        Capability::Tool => wit::Capability::Tool,
        Capability::Prompt => wit::Capability::Prompt,
        Capability::Resource => wit::Capability::Resource,
        Capability::ResourceTemplate => wit::Capability::ResourceTemplate,
    }
}

fn from_wit(kind: wit::Capability) -> Capability {
    match kind {
        wit::Capability::Tool => Capability::Tool,
        wit::Capability::Prompt => Capability::Prompt,
        wit::Capability::Resource => Capability::Resource,
        wit::Capability::ResourceTemplate => Capability::ResourceTemplate,
    }
}
