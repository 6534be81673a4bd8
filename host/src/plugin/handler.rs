//! A reload handler component behind the port `reload::ReloadHandler`.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::detector::config_sync::plugin::types;
use super::bindings::handler::ReloadHandlerPlugin;
use super::bindings::handler::exports::config_sync::plugin::reload_handler as wit;
use super::edition::{Description, Edition};
use super::health::STRIKES;
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
}

impl WasmHandler {
    pub(super) fn new(edition: Arc<Edition>) -> Self {
        Self {
            instance: Instance::new(edition),
        }
    }

    /// What a component says of itself.
    pub(super) fn describe(edition: &Arc<Edition>) -> Result<Description, Fault> {
        let mut instance = Instance::<ReloadHandlerPlugin>::new(Arc::clone(edition));
        let describe = |world: &ReloadHandlerPlugin, store: &mut Store<State>| {
            let handler = world.config_sync_plugin_reload_handler();
            handler.call_describe(store)
        };
        instance.call("describe", describe, |descriptor| {
            Ok(Description::Handler {
                summary: cut(descriptor.summary),
                sections: descriptor.sections,
            })
        })
    }

    /// Fails at once where it has failed too often, without asking it.
    fn must_be_asked(&mut self, call: &'static str) -> Result<(), Fault> {
        self.instance.renew();
        let health = self.instance.edition().health();
        let Some((left, last)) = health.quarantine(Instant::now()) else {
            return Ok(());
        };
        Err(Fault {
            plugin: self.instance.plugin().to_owned(),
            call,
            kind: last.kind,
            message: format!(
                "{}; after {STRIKES} faults in a row it is not asked for another {:.0} s; a new \
                 file ends that",
                last.message,
                left.as_secs_f64().ceil()
            ),
        })
    }
}

fn json(name: &str, text: &str) -> Result<Value, (FaultKind, String)> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("the specification of `{name}` is not JSON: {error}");
        (FaultKind::BadAnswer, message)
    })
}

fn desired(desired: Vec<wit::Desired>) -> Result<Vec<(String, Value)>, (FaultKind, String)> {
    let read = |wit::Desired { name, spec }| {
        let spec = json(&name, &spec)?;
        Ok((name, spec))
    };
    desired.into_iter().map(read).collect()
}

impl ReloadHandler for WasmHandler {
    fn name(&self) -> &str {
        self.instance.plugin()
    }

    fn sections(&self) -> &[String] {
        self.instance.edition().sections()
    }

    fn is_leaving(&self) -> bool {
        self.instance.edition().is_leaving()
    }

    fn propose(&mut self, change: &Change) -> Result<Proposal, Refused> {
        self.must_be_asked("propose").map_err(Refused::Fault)?;
        let change = wit::Change {
            generation: change.generation,
            previous: change.previous.as_ref().map(Value::to_string),
            next: change.next.to_string(),
        };
        let propose = |world: &ReloadHandlerPlugin, store: &mut Store<State>| {
            let handler = world.config_sync_plugin_reload_handler();
            handler.call_propose(store, &change)
        };
        let read = |answer: Result<wit::Proposal, _>| {
            let wit::Proposal {
                wanted,
                differences,
            } = match answer {
                Ok(proposal) => proposal,
                Err(found) => return Ok(Err(problems(found))),
            };
            let wanted = match wanted {
                wit::Wanted::Backends(list) => Proposed::Backends(desired(list)?),
                wit::Wanted::Middleware(list) => Proposed::Middleware(desired(list)?),
                wit::Wanted::Nothing => Proposed::Nothing,
            };
            Ok(Ok(Proposal {
                wanted,
                differences: differences.into_iter().map(difference).collect(),
            }))
        };
        let answer = self.instance.call("propose", propose, read);
        answer.map_err(Refused::Fault)?
    }

    fn compose(&mut self, next: &Value, offers: &[Offer]) -> Result<Option<Vec<Entry>>, Refused> {
        self.must_be_asked("compose").map_err(Refused::Fault)?;
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
        let compose = |world: &ReloadHandlerPlugin, store: &mut Store<State>| {
            let handler = world.config_sync_plugin_reload_handler();
            handler.call_compose(store, &next, &offers)
        };
        let answer = self.instance.call("compose", compose, Ok);
        let entries = answer.map_err(Refused::Fault)?.map_err(problems)?;
        Ok(entries.map(|entries| {
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
        let finished = |world: &ReloadHandlerPlugin, store: &mut Store<State>| {
            let handler = world.config_sync_plugin_reload_handler();
            handler.call_finished(store, generation, outcome)
        };
        if self.must_be_asked("finished").is_err() {
            // Whoever is not asked what to do need not hear how it ended.
            return Ok(());
        }
        self.instance.call_aside("finished", finished, |answer| {
            answer.map_err(|reason| (FaultKind::Refusal, cut(reason)))
        })
    }
}

fn difference(difference: wit::Difference) -> Difference {
    let kind = match difference.kind {
        wit::DifferenceKind::Added => DifferenceKind::Added,
        wit::DifferenceKind::Changed => DifferenceKind::Changed,
        wit::DifferenceKind::Removed => DifferenceKind::Removed,
    };
    Difference::at(kind, cut(difference.path))
}

fn problems(found: Vec<types::Problem>) -> Refused {
    Refused::Problems(found.into_iter().map(problem).collect())
}

/// What a guest finds wrong, cut to what people read.
pub(super) fn problem(problem: types::Problem) -> Problem {
    let made = match problem.severity {
        types::Severity::Error => Problem::error(cut(problem.path), cut(problem.message)),
        types::Severity::Warning => Problem::warning(cut(problem.path), cut(problem.message)),
    };
    match problem.help {
        Some(help) => made.help(cut(help)),
        None => made,
    }
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
