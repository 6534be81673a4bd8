//! Who wants to hear that a resource of this backend changed. Each subscriber alone is told, under
//! the URI that it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::owner::{Owner, Whose};
use crate::gateway::client::{Client, ClientId};
use crate::mcp::{Members, Notification, key, part, raw_of};

/// Those of all connections, by the backend's name and whose they are, so that they outlive each
/// connection.
#[derive(Debug, Default)]
pub(in crate::gateway) struct AllSubscriptions(Mutex<ByConnection>);

type ByConnection = BTreeMap<(String, Whose), Arc<Subscriptions>>;

impl AllSubscriptions {
    pub(super) fn of(&self, name: &str, whose: Whose) -> Arc<Subscriptions> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of clients that have left, and of connections that nobody has.
        all.retain(|_, it| Arc::strong_count(it) > 1 || !it.all().is_empty());
        Arc::clone(all.entry((name.to_owned(), whose)).or_default())
    }

    /// Moves each subscription whose resource is another backend's by now, or has another name there,
    /// which `route` says of what its client knows it by. To these backends some were moved.
    pub(in crate::gateway) fn follow_routes(
        &self,
        route: impl Fn(&str) -> Option<(String, String)>,
    ) -> BTreeSet<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut moved = Vec::new();
        for ((name, _), kept) in all.iter() {
            let goes = |it: &Subscription| {
                let to = route(&it.shown_as);
                to.is_some_and(|(backend, uri)| backend != *name || uri != it.uri)
            };
            moved.extend(kept.take(goes));
        }
        let mut to = BTreeSet::new();
        for it in moved {
            let Some((backend, uri)) = route(&it.shown_as) else {
                continue;
            };
            let there = all.entry((backend.clone(), Whose::All)).or_default();
            there.put(Subscription { uri, ..it });
            to.insert(backend);
        }
        to
    }

    /// Puts each subscription of this backend where its client's connection is by now, which
    /// `owner` says, and tells who has any on a connection that is not for all.
    pub(super) fn sort(
        &self,
        name: &str,
        owner: impl Fn(&Arc<dyn Client>) -> Option<Owner>,
    ) -> Vec<Owner> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = (name.to_owned(), Whose::All);
        let of_backend = all.range(first..).take_while(|((of, _), _)| of == name);
        let of_backend: Vec<_> = of_backend
            .map(|((_, whose), kept)| (*whose, Arc::clone(kept)))
            .collect();
        let mut owners = BTreeMap::new();
        for (kept_as, kept) in of_backend {
            for it in kept.all().iter() {
                if let Some(owner) = owner(&it.client) {
                    owners.insert(owner.whose(), owner);
                }
            }
            let whose = |it: &Subscription| owner(&it.client).map_or(Whose::All, |it| it.whose());
            for moved in kept.take(|it| whose(it) != kept_as) {
                let to = all.entry((name.to_owned(), whose(&moved))).or_default();
                to.put(moved);
            }
        }
        owners.into_values().collect()
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
        self.put(Subscription {
            client: Arc::clone(client),
            shown_as: shown_as.to_owned(),
            uri: uri.to_owned(),
        });
    }

    fn put(&self, new: Subscription) {
        let mut all = self.all();
        all.retain(|it| it.client.id() != new.client.id() || it.uri != new.uri);
        all.push(new);
        self.changed.send_replace(());
    }

    /// Those of which this is true belong elsewhere from now on.
    fn take(&self, elsewhere: impl Fn(&Subscription) -> bool) -> Vec<Subscription> {
        let mut all = self.all();
        let taken: Vec<_> = all.extract_if(.., |it| elsewhere(it)).collect();
        if !taken.is_empty() {
            self.changed.send_replace(());
        }
        taken
    }

    /// How many other resources this client follows.
    pub(super) fn count_beside(&self, client: ClientId, uri: &str) -> usize {
        let all = self.all();
        let others = all
            .iter()
            .filter(|it| it.client.id() == client && it.uri != uri);
        others.count()
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
    /// What nobody wants to hear of comes back.
    pub(super) fn updated(&self, notification: &Notification) -> Option<String> {
        let mut params = notification.members().unwrap_or_default();
        let updated = params.text("uri")?;
        forget_subscription_id(&mut params);
        let mut in_vain = true;
        for it in self.all().iter() {
            let Some(shown_as) = it.shown(&updated) else {
                continue;
            };
            if let Ok(uri) = raw_of(&shown_as) {
                params.set("uri", uri);
            }
            let (method, params) = (notification.method.clone(), Some(params.to_raw()));
            it.client.tell(None, Notification { method, params });
            in_vain = false;
        }
        in_vain.then_some(updated)
    }

    /// Whatever is followed may be something else by now: each is told so of its own.
    pub(super) fn read_again(&self) {
        for it in self.all().iter() {
            let uri = raw_of(&it.shown_as).unwrap_or_default();
            let params = Members::from_iter([("uri".to_owned(), uri)]);
            it.client.tell(
                None,
                Notification {
                    method: "notifications/resources/updated".to_owned(),
                    params: Some(params.to_raw()),
                },
            );
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
