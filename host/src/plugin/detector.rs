//! A detector component behind the port `watch::Detector`.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::detector::DetectorPlugin;
use super::bindings::detector::config_sync::plugin::types;
use super::bindings::detector::exports::config_sync::plugin::detector as wit;
use super::edition::{Description, Edition};
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
}

impl WasmDetector {
    pub(super) fn new(edition: Arc<Edition>) -> Self {
        Self {
            instance: Instance::new(edition),
        }
    }

    /// What a component says of itself.
    pub(super) fn describe(edition: &Arc<Edition>) -> Result<Description, Fault> {
        let mut instance = Instance::<DetectorPlugin>::new(Arc::clone(edition));
        let describe = |world: &DetectorPlugin, store: &mut Store<State>| {
            world.config_sync_plugin_detector().call_describe(store)
        };
        instance.call("describe", describe, |descriptor| {
            Ok(Description::Detector {
                summary: cut(descriptor.summary),
                wakes: Wakes {
                    tick: descriptor.wakes.contains(wit::Wakes::TICK),
                    events: descriptor.wakes.contains(wit::Wakes::EVENTS),
                },
            })
        })
    }
}

impl Detector for WasmDetector {
    fn name(&self) -> &str {
        self.instance.plugin()
    }

    fn wakes(&self) -> Wakes {
        self.instance.edition().wakes()
    }

    fn observe(
        &mut self,
        target: &Arc<dyn Target>,
        wake: &Wake,
        memory: Option<&[u8]>,
    ) -> Result<Observation, Fault> {
        let wake = translate(wake);
        let observe = |world: &DetectorPlugin, store: &mut Store<State>| {
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
        };
        self.instance.renew();
        self.instance.call("observe", observe, |answer| {
            let observation = answer.map_err(|reason| (FaultKind::Refusal, cut(reason)))?;
            if observation.memory.len() > MAX_MEMORY {
                let length = observation.memory.len();
                let message = format!("{length} bytes to remember, {MAX_MEMORY} allowed");
                return Err((FaultKind::Output, message));
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
