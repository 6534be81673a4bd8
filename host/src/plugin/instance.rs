//! One component and its warm instance. After a fault the instance is dropped, and the next call
//! gets a fresh one: what a guest remembers, the host keeps for it.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::apart::apart;
use super::edition::Edition;
use super::fault;
use super::isolation::Isolation;
use super::state::{MAX_HELD, State};
use crate::events::{Fault, FaultKind};

/// The generated bindings of one world.
pub(super) trait World: Sized + Send + Sync {
    fn bind(store: &mut Store<State>, pre: &InstancePre<State>) -> wasmtime::Result<Self>;
}

pub(super) struct Instance<W> {
    edition: Arc<Edition>,
    warm: Option<(Store<State>, W)>,
}

impl<W: World> Instance<W> {
    pub(super) fn new(edition: Arc<Edition>) -> Self {
        Self {
            edition,
            warm: None,
        }
    }

    pub(super) fn edition(&self) -> &Arc<Edition> {
        &self.edition
    }

    pub(super) fn plugin(&self) -> &str {
        &self.edition.name
    }

    /// Whether its guest still reads folders in whose places others lie.
    pub(super) fn is_outdated(&self) -> bool {
        let warm = self.warm.as_ref();
        warm.is_some_and(|(store, _)| store.data().preopened().are_others())
    }

    /// Has the next call made by a fresh guest, where this one is outdated.
    pub(super) fn renew(&mut self) {
        if self.is_outdated() {
            self.warm = None;
        }
    }

    /// Calls the guest within its limits, and `judge`s what it says. Whatever comes of it counts
    /// for or against this function of the plugin.
    pub(super) fn call<T: Send, U>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&W, &mut Store<State>) -> wasmtime::Result<T> + Send,
        judge: impl FnOnce(T) -> Result<U, (FaultKind, String)>,
    ) -> Result<U, Fault> {
        let answer = self.judged(name, call, judge);
        let mut health = self.edition.health();
        match &answer {
            Ok(_) => health.worked(name),
            Err(fault) => health.failed(fault, Instant::now()),
        }
        drop(health);
        answer
    }

    /// The same, of a function that is not what the plugin is for: its faults are counted, and are
    /// no strikes.
    pub(super) fn call_aside<T: Send, U>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&W, &mut Store<State>) -> wasmtime::Result<T> + Send,
        judge: impl FnOnce(T) -> Result<U, (FaultKind, String)>,
    ) -> Result<U, Fault> {
        let answer = self.judged(name, call, judge);
        if answer.is_err() {
            self.edition.health().failed_aside();
        }
        answer
    }

    fn judged<T: Send, U>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&W, &mut Store<State>) -> wasmtime::Result<T> + Send,
        judge: impl FnOnce(T) -> Result<U, (FaultKind, String)>,
    ) -> Result<U, Fault> {
        self.edition.health().called();
        let answer = self.ask(name, call).and_then(|answer| {
            judge(answer).map_err(|(kind, message)| Fault {
                plugin: self.plugin().to_owned(),
                call: name,
                kind,
                message,
            })
        });
        // One that answers nonsense may be in any state; to refuse is an answer.
        if let Err(fault) = &answer
            && fault.kind != FaultKind::Refusal
        {
            self.warm = None;
        }
        answer
    }

    fn ask<T: Send>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&W, &mut Store<State>) -> wasmtime::Result<T> + Send,
    ) -> Result<T, Fault> {
        if let Some(message) = self.edition.withdrawn() {
            self.warm = None;
            return Err(Fault {
                plugin: self.plugin().to_owned(),
                call: name,
                kind: FaultKind::NotReady,
                message,
            });
        }
        let (mut store, world) = match self.warm.take() {
            Some(warm) => warm,
            None => {
                let mut store = self
                    .store()
                    .map_err(|error| fault::of(self.plugin(), name, &error, None))?;
                let world =
                    self.within(name, &mut store, |store| W::bind(store, &self.edition.pre))?;
                (store, world)
            }
        };
        store.set_epoch_deadline(1);
        let answer = self.within(name, &mut store, |store| call(&world, store))?;
        self.warm = Some((store, world));
        Ok(answer)
    }

    /// Something that the guest does within the limits of one call.
    fn within<T: Send>(
        &self,
        name: &'static str,
        store: &mut Store<State>,
        work: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T> + Send,
    ) -> Result<T, Fault> {
        let isolation = self.edition.isolation.as_ref();
        store.data_mut().begin();
        let begun = isolation.map_or(Ok(()), |it| it.begin(store, self.edition.limits));
        let done = begun.and_then(|()| apart(self.edition.enters_tokio(), || work(store)));
        store.data_mut().end();
        if let Some(isolation) = isolation {
            isolation.end(store);
        }
        done.map_err(|error| {
            let error = match isolation {
                Some(_) => Isolation::translate(error, self.edition.limits),
                None => error,
            };
            self.fault(name, &error, store)
        })
    }

    fn fault(&self, call: &'static str, error: &wasmtime::Error, store: &Store<State>) -> Fault {
        let words = store.data().lines().last_words().clone();
        fault::of(self.plugin(), call, error, Some(words))
    }

    fn store(&self) -> wasmtime::Result<Store<State>> {
        let state = State::new(&self.edition)?;
        let mut store = Store::new(&self.edition.workshop.engine, state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(State::check_deadline);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(self.edition.limits.output);
        // Those of its own count as well, which the host does not hold.
        store.set_max_component_handles(4 * MAX_HELD);
        Ok(store)
    }
}
