//! Who wants to hear that a resource of this backend changed. Each subscriber alone is told, under
//! the URI that it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::gateway::client::{Client, ClientId};
use crate::mcp::{Members, Notification, key, part, raw_of};

/// Those of all connections, by name, so that they outlive each of them.
#[derive(Debug, Default)]
pub(in crate::gateway) struct AllSubscriptions(Mutex<BTreeMap<String, Arc<Subscriptions>>>);

impl AllSubscriptions {
    pub(super) fn of(&self, name: &str) -> Arc<Subscriptions> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of clients that have left, and of connections that nobody has.
        all.retain(|_, it| Arc::strong_count(it) > 1 || !it.all().is_empty());
        Arc::clone(all.entry(name.to_owned()).or_default())
    }
}

#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    all: Mutex<Vec<Subscription>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Clone)]
struct Subscription {
    client: Arc<dyn Client>,
    /// As the client knows it.
    shown_as: String,
    /// As the backend does.
    uri: String,
}

impl Subscription {
    /// As the client knows what was updated, if that is the resource or a part of it.
    fn shown(&self, updated: &str) -> Option<String> {
        let rest = part(updated, &self.uri)?;
        Some(format!("{}{rest}", self.shown_as))
    }
}

impl Subscriptions {
    /// Says each time that the set of URIs is another than before.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Without those whose client has left.
    fn all(&self) -> MutexGuard<'_, Vec<Subscription>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.len();
        all.retain(|it| !it.client.gone().is_cancelled());
        if all.len() != count {
            self.changed.send_replace(());
        }
        all
    }

    pub(super) fn add(&self, client: &Arc<dyn Client>, shown_as: &str, uri: &str) {
        let mut all = self.all();
        all.retain(|it| it.client.id() != client.id() || it.uri != uri);
        all.push(Subscription {
            client: Arc::clone(client),
            shown_as: shown_as.to_owned(),
            uri: uri.to_owned(),
        });
        self.changed.send_replace(());
    }

    /// Whether nobody is left who wants to hear of this resource.
    pub(super) fn remove(&self, client: ClientId, uri: &str) -> bool {
        let mut all = self.all();
        all.retain(|it| it.client.id() != client || it.uri != uri);
        self.changed.send_replace(());
        all.iter().all(|it| it.uri != uri)
    }

    /// What somebody wants to hear of.
    pub(super) fn uris(&self) -> BTreeSet<String> {
        self.all().iter().map(|it| it.uri.clone()).collect()
    }

    /// Tells whoever wants to hear of it. What is updated may be a part of what was subscribed to.
    pub(super) fn updated(&self, notification: &Notification) {
        let mut params = notification.members().unwrap_or_default();
        let Some(updated) = params.text("uri") else {
            return;
        };
        forget_subscription_id(&mut params);
        for it in self.all().iter() {
            let Some(shown_as) = it.shown(&updated) else {
                continue;
            };
            if let Ok(uri) = raw_of(&shown_as) {
                params.set("uri", uri);
            }
            let (method, params) = (notification.method.clone(), Some(params.to_raw()));
            it.client.tell(None, Notification { method, params });
        }
    }
}

/// It is that of the gateway's own subscription.
fn forget_subscription_id(params: &mut Members) {
    let Some(mut meta) = params.object(key::META) else {
        return;
    };
    if meta.remove(key::SUBSCRIPTION_ID).is_none() {
        return;
    }
    if meta.is_empty() {
        params.remove(key::META);
    } else {
        params.set(key::META, meta.to_raw());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::fake_client::FakeClient;

    #[test]
    fn a_part_is_told_under_the_name_that_the_client_knows_the_whole_by() {
        let subscription = Subscription {
            client: FakeClient::named("test/1"),
            shown_as: "file:///shown".to_owned(),
            uri: "file:///a".to_owned(),
        };
        let shown = |updated: &str| subscription.shown(updated);
        assert_eq!(shown("file:///a").unwrap(), "file:///shown");
        assert_eq!(shown("file:///a/b?c").unwrap(), "file:///shown/b?c");
        assert_eq!(shown("file:///ab"), None);
    }
}
