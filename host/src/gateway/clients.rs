//! The clients that are connected now: who is told when a list changes, and whom backends reach
//! beside any call. One that is gone is forgotten when the next one comes or they are counted.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Zoned;
use tokio::time::Instant;

use super::Changes;
use super::client::Client;
use super::comings::Comings;
use crate::events::{EventBus, EventKind};
use crate::mcp::Notification;

#[derive(Debug)]
pub(super) struct Clients {
    known: Mutex<Vec<(Arc<dyn Client>, Zoned)>>,
    comings: Mutex<Comings>,
    bus: EventBus,
}

/// One client that is connected.
#[derive(Debug, Clone)]
pub struct Connected {
    /// `name/version`, as it calls itself.
    pub name: String,
    /// The version of the protocol that it speaks.
    pub protocol: &'static str,
    /// Since when.
    pub since: Zoned,
}

impl Clients {
    pub(super) fn new(bus: EventBus) -> Self {
        Self {
            known: Mutex::default(),
            comings: Mutex::new(Comings::new(Instant::now())),
            bus,
        }
    }

    /// Says of a client that it came or how it went, if that is not said too often.
    fn say(&self, client: &dyn Client, what: &str) {
        // Whatever it calls itself, it is one line.
        let (name, version) = (client.name().escape_debug(), client.version());
        let said = format!("client `{name}` ({version}) {what}");
        let mut comings = self.comings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = comings.tell(said, Instant::now()) {
            self.bus.publish(EventKind::Client, said);
        }
    }

    /// Tells that it came, and when it leaves, how. Ends then.
    pub(super) async fn watch(&self, client: Arc<dyn Client>) {
        self.say(client.as_ref(), "connected");
        client.gone().cancelled().await;
        self.say(client.as_ref(), client.farewell());
    }

    /// False: it is there already.
    pub(super) fn add(&self, client: Arc<dyn Client>) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(client, _)| !client.gone().is_cancelled());
        let is_new = known.iter().all(|(it, _)| it.id() != client.id());
        if is_new {
            known.push((client, Zoned::now()));
        }
        is_new
    }

    /// Those that are connected.
    pub(super) fn all(&self) -> Vec<Arc<dyn Client>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(client, _)| !client.gone().is_cancelled());
        known.iter().map(|(client, _)| Arc::clone(client)).collect()
    }

    /// Those that are connected, for people; those that have been so for the longest first.
    pub(super) fn connected(&self) -> Vec<Connected> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(client, _)| !client.gone().is_cancelled());
        let connected = known.iter().map(|(client, since)| Connected {
            name: client.name().to_owned(),
            protocol: client.version().as_str(),
            since: since.clone(),
        });
        connected.collect()
    }

    pub(super) fn count(&self) -> usize {
        self.all().len()
    }

    /// Tells every client which of its lists to read again.
    pub(super) fn tell(&self, changes: Changes) {
        let lists = [
            (changes.tools, "notifications/tools/list_changed"),
            (changes.prompts, "notifications/prompts/list_changed"),
            (changes.resources, "notifications/resources/list_changed"),
        ];
        for client in self.all() {
            for (_, method) in lists.iter().filter(|(changed, _)| *changed) {
                let method = (*method).to_owned();
                let params = None;
                client.tell(None, Notification { method, params });
            }
        }
    }
}
