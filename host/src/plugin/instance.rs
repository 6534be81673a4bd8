//! One component and its warm instance. After a fault the instance is dropped, and the next call
//! gets a fresh one: what a guest remembers, the host keeps for it.

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::engine::PluginEngine;
use super::fault;
use super::isolation::Isolation;
use super::state::State;
use crate::events::Fault;

/// The generated bindings of one world.
pub(super) trait World: Sized + Send {
    fn bind(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Self>;
}

pub(super) struct Instance<W> {
    plugin: String,
    engine: PluginEngine,
    pre: InstancePre<State>,
    warm: Option<(Store<State>, W)>,
}

impl<W: World> Instance<W> {
    pub(super) fn new(plugin: &str, engine: PluginEngine, pre: InstancePre<State>) -> Self {
        Self {
            plugin: plugin.to_owned(),
            engine,
            pre,
            warm: None,
        }
    }

    pub(super) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Calls the guest within its limits.
    pub(super) fn call<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&W, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let result = match self.warm.take() {
            Some(warm) => Ok(warm),
            None => self.instantiate(),
        };
        let result = result.and_then(|(mut store, world)| {
            store.set_epoch_deadline(1);
            self.begin(&mut store)?;
            let answer = call(&world, &mut store);
            self.end(&mut store);
            let answer = answer.map_err(|error| self.translate(error))?;
            self.warm = Some((store, world));
            Ok(answer)
        });
        result.map_err(|error| fault::of(&self.plugin, name, &error))
    }

    fn instantiate(&self) -> wasmtime::Result<(Store<State>, W)> {
        let state = State::new(
            &self.plugin,
            self.engine.limits(),
            self.engine.watchdog().clone(),
            self.engine.isolation().cloned(),
        );
        let mut store = Store::new(self.engine.engine(), state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(State::check_deadline);
        store.set_epoch_deadline(1);
        self.begin(&mut store)?;
        let world = W::bind(&mut store, &self.pre);
        self.end(&mut store);
        Ok((store, world.map_err(|error| self.translate(error))?))
    }

    fn begin(&self, store: &mut Store<State>) -> wasmtime::Result<()> {
        store.data_mut().begin();
        match self.engine.isolation() {
            Some(isolation) => isolation.begin(store, self.engine.limits()),
            None => Ok(()),
        }
    }

    fn end(&self, store: &mut Store<State>) {
        store.data_mut().end();
        if let Some(isolation) = self.engine.isolation() {
            isolation.end(store);
        }
    }

    fn translate(&self, error: wasmtime::Error) -> wasmtime::Error {
        match self.engine.isolation() {
            Some(_) => Isolation::translate(error, self.engine.limits()),
            None => error,
        }
    }
}
