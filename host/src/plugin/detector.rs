//! A detector component behind the port `watch::Detector`.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::detector::DetectorPlugin;
use super::bindings::detector::config_sync::plugin::types;
use super::bindings::detector::exports::config_sync::plugin::detector as wit;
use super::engine::PluginEngine;
use super::instance::{Instance, World};
use super::output::cut;
use super::state::State;
use crate::events::{Fault, FaultKind};
use crate::target::Target;
use crate::watch::{Detector, FileEvent, Observation, Verdict, Wake, Wakes};

/// The most that a detector may want to remember, in bytes.
const MAX_MEMORY: usize = 1024 * 1024;

impl World for DetectorPlugin {
    fn bind(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        let instance = pre.instantiate(&mut *store)?;
        Self::new(store, &instance)
    }
}

pub(super) struct WasmDetector {
    instance: Instance<DetectorPlugin>,
    wakes: Wakes,
    summary: String,
}

impl WasmDetector {
    /// A detector of this component, once it has described itself.
    pub(super) fn new(
        name: &str,
        engine: PluginEngine,
        pre: InstancePre<State>,
    ) -> Result<Self, Fault> {
        let mut instance = Instance::<DetectorPlugin>::new(name, engine, pre);
        let descriptor = instance.call("describe", |world, store| {
            world.config_sync_plugin_detector().call_describe(store)
        })?;
        let wakes = Wakes {
            tick: descriptor.wakes.contains(wit::Wakes::TICK),
            events: descriptor.wakes.contains(wit::Wakes::EVENTS),
        };
        Ok(Self {
            instance,
            wakes,
            summary: cut(descriptor.summary),
        })
    }

    /// What it says of itself.
    pub(super) fn summary(&self) -> &str {
        &self.summary
    }

    fn fault(&self, kind: FaultKind, message: String) -> Fault {
        Fault {
            plugin: self.instance.plugin().to_owned(),
            call: "observe",
            kind,
            message,
        }
    }
}

impl Detector for WasmDetector {
    fn name(&self) -> &str {
        self.instance.plugin()
    }

    fn wakes(&self) -> Wakes {
        self.wakes
    }

    fn observe(
        &mut self,
        target: &Arc<dyn Target>,
        wake: &Wake,
        memory: Option<&[u8]>,
    ) -> Result<Observation, Fault> {
        let wake = translate(wake);
        let answer = self.instance.call("observe", |world, store| {
            let lent = store.data_mut().lend(Arc::clone(target))?;
            let borrowed = wasmtime::component::Resource::new_borrow(lent.rep());
            let answer = world.config_sync_plugin_detector().call_observe(
                &mut *store,
                borrowed,
                &wake,
                memory,
            );
            store.data_mut().take_back(lent);
            answer
        })?;
        let observation = answer.map_err(|reason| self.fault(FaultKind::Refusal, cut(reason)))?;
        if observation.memory.len() > MAX_MEMORY {
            let message = format!(
                "{} bytes to remember, {MAX_MEMORY} allowed",
                observation.memory.len()
            );
            return Err(self.fault(FaultKind::BadAnswer, message));
        }
        Ok(Observation {
            verdict: match observation.verdict {
                wit::Verdict::Unchanged => Verdict::Unchanged,
                wit::Verdict::Changed => Verdict::Changed,
                wit::Verdict::Missing => Verdict::Missing,
            },
            memory: observation.memory,
            note: cut(observation.note),
        })
    }
}

fn translate(wake: &Wake) -> types::Wake {
    match wake {
        Wake::Start => types::Wake::Start,
        Wake::Tick => types::Wake::Tick,
        Wake::Overflow => types::Wake::Overflow,
        Wake::Events(events) => types::Wake::Events(
            events
                .iter()
                .map(|event| match event {
                    FileEvent::Created => types::FileEvent::Created,
                    FileEvent::Written => types::FileEvent::Written,
                    FileEvent::Closed => types::FileEvent::Closed,
                    FileEvent::Renamed => types::FileEvent::Renamed,
                    FileEvent::Removed => types::FileEvent::Removed,
                    FileEvent::Metadata => types::FileEvent::Metadata,
                })
                .collect(),
        ),
    }
}
