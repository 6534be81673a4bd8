//! What serves at one moment: immutable, numbered, shared by every call that began on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use serde_json::value::RawValue;

use super::backend::Backend;
use super::capabilities;
use super::catalog::{Capability, Catalog, Destination, Item};
use super::middleware::{Auth, Chain};
use super::{Call, CallError, Condition, Entry, Reply};
use crate::config::BackendSpec;
use crate::mcp::{Members, Raw, raw_of};

/// A backend that should serve and does not.
#[derive(Debug, Clone)]
pub struct Absent {
    /// Its name.
    pub name: String,
    pub(super) spec: BackendSpec,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Zoned,
}

/// What serves now, or served when a call began.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Its number. It grows, over restarts too; the first that ever serves anything has 1.
    pub generation: u64,
    pub(super) backends: Vec<Arc<Backend>>,
    pub(super) absent: Vec<Absent>,
    pub(super) chain: Chain,
    pub(super) catalog: Catalog,
}

impl Snapshot {
    pub(super) fn backend(&self, name: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|backend| backend.name() == name)
    }

    /// What clients see of these.
    pub(super) fn items(&self, kind: Capability) -> &[Item] {
        self.catalog.items(kind)
    }

    /// The result of the method that lists these.
    pub(super) fn list(&self, kind: Capability) -> Raw {
        let items: Vec<_> = self.items(kind).iter().map(|item| &item.json).collect();
        let list = raw_of(&items).unwrap_or_default();
        let beside = self.catalog.remainder.of(kind);
        let beside = beside.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let members = [(kind.list_key().to_owned(), list)].into_iter();
        members.chain(beside).collect::<Members>().to_raw()
    }

    /// Where this name leads.
    pub(super) fn route(&self, kind: Capability, shown_as: &str) -> Option<Destination> {
        self.catalog.route(kind, shown_as)
    }

    /// Sends the call through the middleware to its backend.
    pub(super) async fn serve(self: Arc<Self>, call: Call) -> Reply {
        self.chain.run(call, &self).await
    }

    /// Who asks clients for their token, if anybody does.
    pub(super) fn guard(&self) -> Option<&Auth> {
        self.chain.guard()
    }

    /// Who answers the calls to the backend of this name: the same started anew, if it has ended.
    pub(super) fn answering(&self, name: &str) -> Option<Arc<Backend>> {
        let backend = self.backend(name)?;
        Some(backend.successor().unwrap_or_else(|| Arc::clone(backend)))
    }

    /// The end of the chain: the backend itself.
    pub(super) async fn dispatch(&self, call: Call) -> Reply {
        match self.answering(&call.backend) {
            Some(backend) => backend.request(call).await,
            None => Err(CallError::no_answer(format!(
                "backend `{}` is not there",
                call.backend
            ))),
        }
    }

    /// Names and process ids (absent for remote ones) of the backends that serve.
    pub fn backends(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        self.backends
            .iter()
            .map(|backend| (backend.name(), backend.life().process()))
    }

    /// How much longer the calls of this backend are refused because it gave no answer, if they
    /// are.
    pub fn left_alone(&self, backend: &str) -> Option<Duration> {
        self.chain.left_alone(self.backend(backend)?)
    }

    /// How the backends want to be used; under their names, where more than one says so.
    pub(super) fn instructions(&self) -> Option<String> {
        let said = self.backends.iter().filter_map(|backend| {
            let said = backend.instructions().filter(|it| !it.trim().is_empty())?;
            Some((backend.name(), said))
        });
        let said: Vec<_> = said.collect();
        match said.as_slice() {
            [] => None,
            [(_, only)] => Some((*only).to_owned()),
            all => {
                let parts: Vec<_> = all
                    .iter()
                    .map(|(name, text)| format!("{name}: {text}"))
                    .collect();
                Some(parts.join("\n\n"))
            }
        }
    }

    /// What clients may ask for.
    pub(super) fn capabilities(&self) -> Members {
        capabilities::merged(self.backends.iter().map(|backend| backend.capabilities()))
    }

    /// How the backend of this name is; `None` if there is none.
    pub fn condition(&self, name: &str) -> Option<Arc<Condition>> {
        Some(self.backend(name)?.life().condition())
    }

    /// Names of the backends whose process or connection ended by itself.
    pub fn ended(&self) -> impl Iterator<Item = &str> {
        self.backends
            .iter()
            .filter(|backend| backend.has_ended())
            .map(|backend| backend.name())
    }

    /// The backends that should serve and do not.
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// The names under which clients see these.
    pub fn shown(&self, kind: Capability) -> Vec<String> {
        let items = self.items(kind).iter();
        items.map(|item| item.shown_as.clone()).collect()
    }

    /// Each of these that clients see, with the backend that it comes from.
    pub fn entries(&self, kind: Capability) -> Vec<Entry> {
        let entries = self.items(kind).iter().filter_map(|item| {
            let Destination { backend, name, .. } = self.route(kind, &item.shown_as)?;
            let members = Members::of(&item.json);
            Some(Entry {
                backend,
                kind,
                name,
                shown_as: item.shown_as.clone(),
                description: members.and_then(|it| it.text("description")),
            })
        });
        entries.collect()
    }

    /// How many of these each backend has that clients see. Reads none of them.
    pub fn counts(&self, kind: Capability) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for item in self.items(kind) {
            if let Some(Destination { backend, .. }) = self.route(kind, &item.shown_as) {
                *counts.entry(backend).or_default() += 1;
            }
        }
        counts
    }

    /// What a client is told of each of these, by the name that it sees.
    pub fn told(&self, kind: Capability) -> impl Iterator<Item = (&str, &RawValue)> {
        let items = self.items(kind).iter();
        items.map(|item| (item.shown_as.as_str(), &*item.json))
    }

    /// How many of these clients see.
    pub fn count(&self, kind: Capability) -> usize {
        self.catalog.count(kind)
    }
}
