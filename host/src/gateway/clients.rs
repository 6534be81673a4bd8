//! The clients that are connected now: who is told when a list changes, and whom backends reach
//! beside any call. One that is gone is forgotten when the next one comes or they are counted.

use std::sync::{Arc, Mutex, PoisonError};

use super::Changes;
use super::client::Client;
use crate::mcp::Notification;

#[derive(Debug, Default)]
pub(super) struct Clients {
    known: Mutex<Vec<Arc<dyn Client>>>,
}

impl Clients {
    pub(super) fn add(&self, client: Arc<dyn Client>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|client| !client.gone().is_cancelled());
        known.push(client);
    }

    /// Those that are connected.
    pub(super) fn all(&self) -> Vec<Arc<dyn Client>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|client| !client.gone().is_cancelled());
        known.clone()
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
