//! Resources that clients follow: the backend is asked to tell of them, and what it tells reaches
//! each of them. Where another connection or another backend takes over, it is asked anew, and
//! whoever follows something is told to read it again, for nobody knows what was missed in between.
//! A backend of the new era is asked by whoever listens to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};

use super::owner::Owner;
use super::peer::{Ask, Peer};
use super::{Backend, within};
use crate::gateway::{Call, CallError, ErrorOrigin, Method, Reply, SIDE_BY_SIDE};
use crate::mcp::{Members, Version, raw_of};

/// Resources of one backend that one client may follow: as many as one listener of the new era.
const MOST: usize = 1000;

/// Which resources a backend was asked to tell of, and what it said to that.
#[derive(Debug, Default)]
pub(super) struct Confirmed {
    /// Whether it does; nothing yet, while it is being asked.
    pub(super) said: BTreeMap<String, Option<bool>>,
    /// It lets nobody listen.
    pub(super) never: bool,
}

impl Peer {
    /// Whether the backend tells of this resource, once it has said so.
    pub(super) async fn tells_of(&self, uri: &str) -> bool {
        let tells = |it: &Confirmed| it.said.get(uri).copied().flatten();
        let mut confirmed = self.confirmed.subscribe();
        let said = confirmed.wait_for(|it| it.never || tells(it).is_some());
        tokio::select! {
            said = said => said.is_ok_and(|it| tells(&it) == Some(true)),
            () = self.ended.cancelled() => false,
        }
    }

    /// What it says to being asked to tell of this.
    fn said(&self, uri: &str, tells: Option<bool>) {
        let uri = uri.to_owned();
        self.confirmed.send_modify(|it| {
            it.said.insert(uri, tells);
        });
    }

    /// Asks it to tell of what clients follow, as far as it was not asked, and to tell no more of
    /// what nobody follows.
    pub(super) fn follow(self: &Arc<Self>) {
        if !self.has_sessions() {
            return;
        }
        let wanted = self.subscriptions.uris();
        let (mut more, mut less) = (Vec::new(), Vec::new());
        self.confirmed.send_if_modified(|it| {
            less.extend(it.said.extract_if(.., |uri, _| !wanted.contains(uri)));
            more.extend(wanted.into_iter().filter(|uri| !it.said.contains_key(uri)));
            it.said.extend(more.iter().map(|uri| (uri.clone(), None)));
            !more.is_empty() || !less.is_empty()
        });
        if more.is_empty() && less.is_empty() {
            return;
        }
        let peer = Arc::clone(self);
        self.ground.tasks.spawn(async move {
            let less = stream::iter(less).for_each_concurrent(SIDE_BY_SIDE, |(uri, _)| {
                let peer = Arc::clone(&peer);
                async move { peer.tell_no_more(&uri).await }
            });
            let more = stream::iter(more).for_each_concurrent(SIDE_BY_SIDE, |uri| {
                let peer = Arc::clone(&peer);
                async move {
                    let asked = peer.request(ask("resources/subscribe", &uri)).await;
                    if let Err(why) = &asked {
                        tracing::warn!(backend = peer.backend, uri, %why, "a subscription is lost");
                    }
                    peer.said(&uri, Some(asked.is_ok()));
                }
            });
            tokio::join!(less, more);
        });
    }

    /// It answers from now on where another may have done so: as soon as it tells of what clients
    /// follow, or after `limit`, they are told to read it again.
    pub(super) async fn takes_over(self: &Arc<Self>, limit: Duration) {
        self.follows(limit).await;
        self.subscriptions.read_again();
    }

    /// Comes back when it tells of what clients follow, or after `limit`.
    async fn follows(self: &Arc<Self>, limit: Duration) {
        self.follow();
        let uris = self.subscriptions.uris();
        within(limit, join_all(uris.iter().map(|uri| self.tells_of(uri)))).await;
    }

    /// Nobody follows this any more. False: it was not asked to tell of it.
    fn unfollow(&self, uri: &str) -> bool {
        let forget = |it: &mut Confirmed| it.said.remove(uri).is_some();
        self.confirmed.send_if_modified(forget)
    }

    async fn tell_no_more(self: &Arc<Self>, uri: &str) {
        let _ = self.request(ask("resources/unsubscribe", uri)).await;
        self.after_unsubscribe(uri);
    }

    /// If somebody follows it again by now, it may have heard of that before.
    fn after_unsubscribe(self: &Arc<Self>, uri: &str) {
        self.unfollow(uri);
        self.follow();
    }

    /// It tells of something that nobody follows: whoever did has left without a word.
    pub(super) fn tells_in_vain(self: &Arc<Self>, uri: String) {
        if self.has_sessions() && self.unfollow(&uri) {
            let peer = Arc::clone(self);
            self.ground
                .tasks
                .spawn(async move { peer.tell_no_more(&uri).await });
        }
    }
}

fn ask(method: &'static str, uri: &str) -> Ask {
    let uri = raw_of(&uri).unwrap_or_default();
    Ask::own(method, Members::from_iter([("uri".to_owned(), uri)]))
}

impl Backend {
    /// Remembers who wants to hear of a resource.
    pub(super) async fn subscribe(&self, peer: &Arc<Peer>, call: Call, here: Version) -> Reply {
        let done = || raw_of(&Members::default()).map_err(|_| CallError::internal("no answer"));
        let uri = call.params.text("uri").unwrap_or_default();
        let (client, shown_as) = (Arc::clone(&call.client), call.shown_as.clone());
        let subscriptions = &peer.subscriptions;
        let has_sessions = here.has_sessions();
        if call.method == Method::Unsubscribe {
            let was_last = subscriptions.remove(client.id(), &uri);
            if !was_last || !has_sessions {
                return done();
            }
            peer.unfollow(&uri);
            let reply = self.ask(peer, call).await;
            peer.after_unsubscribe(&uri);
            return reply;
        }
        if subscriptions.count_beside(client.id(), &uri) >= MOST {
            let say = format!("{MOST} resources of one backend may be followed");
            return Err(CallError::try_later(say, None));
        }
        // What is updated from now on must not be missed.
        subscriptions.add(&client, &shown_as, &uri);
        let limit = self.spec().timeouts.cap_fetch;
        let reply = if has_sessions {
            let reply = within(limit, self.ask(peer, call)).await;
            let reply = reply.unwrap_or_else(|| {
                Err(CallError::no_answer(format!(
                    "backend `{}` did not answer `resources/subscribe` within {} s \
                     (timeouts.cap_fetch)",
                    self.name(),
                    limit.as_secs_f64()
                )))
            });
            if reply.is_ok() {
                peer.said(&uri, Some(true));
            }
            reply
        } else {
            let told = within(limit, peer.tells_of(&uri));
            match call.cancelled.run_until_cancelled(told).await {
                None => Err(CallError::cancelled()),
                Some(Some(true)) => done(),
                Some(_) => Err(CallError {
                    origin: ErrorOrigin::Backend,
                    ..CallError::internal(format!(
                        "backend `{}` lets nobody follow this resource",
                        self.name()
                    ))
                }),
            }
        };
        if reply.is_err() {
            subscriptions.remove(client.id(), &uri);
        } else if let Some(now) = peer.ground.backend(self.name())
            && !std::ptr::eq(&*now, self)
        {
            // It began before that one took over.
            now.takes_over(None);
        }
        reply
    }

    /// It serves from now on, where `before` may have done so. Whoever follows a resource goes on
    /// following it, on a connection of their own as well, and is told by `before` until they do.
    pub(in crate::gateway) fn takes_over(self: &Arc<Self>, before: Option<Arc<Self>>) {
        let all = &self.peer.ground.subscriptions;
        let owners = all.sort(self.name(), |client| self.owner(client));
        if owners.is_empty() && self.peer.subscriptions.uris().is_empty() {
            return;
        }
        let backend = Arc::clone(self);
        let limit = self.spec().timeouts.cap_fetch;
        self.peer.ground.tasks.spawn(async move {
            let own = stream::iter(owners).for_each_concurrent(SIDE_BY_SIDE, |owner| {
                let backend = Arc::clone(&backend);
                async move { backend.connects_again(owner, limit).await }
            });
            let all = async { tokio::join!(backend.peer.takes_over(limit), own) };
            backend.retired.run_until_cancelled(all).await;
            drop(before);
        });
    }

    /// Sees to it that this owner's resources are followed on a connection of its own.
    async fn connects_again(&self, owner: Owner, limit: Duration) {
        match self.connection(owner).await {
            // Clients are told where it was opened.
            Ok((peer, true)) => peer.follows(limit).await,
            Ok((peer, false)) => peer.takes_over(limit).await,
            // And why there is none is said there.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
