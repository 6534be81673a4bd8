//! What a backend says beside any request, and how the gateway comes to hear it: over a pipe it
//! does anyway; over HTTP by a stream of its own; in the new era by `subscriptions/listen`, which
//! is asked anew when somebody subscribes to another resource. The one before goes on until the
//! backend has confirmed the new one, so that nothing is lost in between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, OptionFuture};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::failure::Failure;
use super::follow::Confirmed;
use super::peer::{Ask, Link, Peer};
use crate::mcp::{Members, Raw, raw_of};

/// How long to wait before listening again, the first time; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const URIS: &str = "resourceSubscriptions";

impl Confirmed {
    /// As `notifications/subscriptions/acknowledged` has it.
    fn of(asked: BTreeSet<String>, acknowledged: &Members) -> Self {
        let agreed = acknowledged.object("notifications");
        let agreed: BTreeSet<String> = agreed.and_then(|it| it.read(URIS)).unwrap_or_default();
        let said = asked.into_iter().map(|uri| {
            let tells = agreed.contains(&uri);
            (uri, Some(tells))
        });
        Self {
            said: said.collect(),
            never: false,
        }
    }
}

/// Begins to listen, on a task that ends with the connection.
pub(super) fn begin(peer: &Arc<Peer>) {
    let listener = Arc::clone(peer);
    if !peer.has_sessions() {
        peer.ground.tasks.spawn(async move {
            tokio::select! {
                () = subscribe(&listener) => {}
                () = listener.ended.cancelled() => {}
            }
        });
    } else if matches!(peer.link, Link::Http(_)) {
        peer.ground.tasks.spawn(async move {
            let Link::Http(http) = &listener.link else {
                return;
            };
            tokio::select! {
                () = http.listen(&listener) => {}
                () = listener.ended.cancelled() => {}
            }
        });
    }
}

/// One `subscriptions/listen`, until it ends.
type Listening = BoxFuture<'static, Result<Raw, Failure>>;

/// Why to listen anew.
enum Then {
    /// Somebody wants to hear of something else.
    Changed(Option<Listening>),
    Ended(Result<Raw, Failure>),
}

async fn subscribe(peer: &Arc<Peer>) {
    let mut changes = peer.subscriptions.changes();
    let (mut pause, mut before, mut missed) = (PAUSE, None, false);
    loop {
        changes.borrow_and_update();
        let uris = peer.subscriptions.uris();
        let wanted = wanted(peer, &uris);
        if wanted.is_empty() {
            before = None;
            peer.confirmed.send_replace(Confirmed::default());
            // It lives as long as the connection.
            let _ = changes.changed().await;
            continue;
        }
        let notifications = raw_of(&wanted).unwrap_or_default();
        let params = Members::from_iter([("notifications".to_owned(), notifications)]);
        let (acknowledged, acknowledgement) = oneshot::channel();
        let ask = Ask::listen(params, acknowledged);
        let asking = Arc::clone(peer);
        let mut next = async move { asking.request(ask).await }.boxed();
        let mut acknowledgement = acknowledgement.fuse();
        let mut in_force = false;
        let then = loop {
            let previous = OptionFuture::from(before.as_mut());
            tokio::select! {
                biased;
                // Without one the request has ended, and says why.
                Ok(said) = &mut acknowledgement, if !in_force => {
                    peer.confirmed.send_replace(Confirmed::of(uris.clone(), &said));
                    (in_force, before, pause) = (true, None, PAUSE);
                    if std::mem::take(&mut missed) {
                        peer.subscriptions.read_again();
                    }
                }
                answer = &mut next => break Then::Ended(answer),
                Some(_) = previous => before = None,
                _ = changes.changed() => break Then::Changed(in_force.then_some(next)),
            }
        };
        match then {
            Then::Changed(listening) => {
                before = listening.or(before);
                continue;
            }
            // It ended the subscription, in peace.
            Then::Ended(Ok(_)) => {
                pause = PAUSE;
                peer.doubt();
            }
            Then::Ended(Err(failure)) if failure.is_method_not_found() => {
                peer.confirmed.send_modify(|it| it.never = true);
                return;
            }
            Then::Ended(Err(refused @ (Failure::Error(_) | Failure::Refused(_)))) => {
                tracing::debug!(backend = peer.backend, %refused, "it lets nobody listen");
            }
            Then::Ended(Err(Failure::NoAnswer(_) | Failure::Cancelled)) => peer.doubt(),
        }
        before = None;
        peer.confirmed.send_replace(Confirmed::default());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        // While nobody listened it may have changed, and what is followed as well.
        peer.offers_changed();
        missed = true;
    }
}

/// The lists that may change, and the resources that somebody subscribed to.
fn wanted(peer: &Peer, uris: &BTreeSet<String>) -> Map<String, Value> {
    let mut wanted = Map::new();
    let Some(hello) = peer.hello.get() else {
        return wanted;
    };
    for (capability, key) in [
        ("tools", "toolsListChanged"),
        ("prompts", "promptsListChanged"),
        ("resources", "resourcesListChanged"),
    ] {
        let declared = hello.capabilities.object(capability);
        if declared.and_then(|it| it.read("listChanged")) == Some(true) {
            wanted.insert(key.to_owned(), true.into());
        }
    }
    if !uris.is_empty() {
        let uris: Vec<Value> = uris.iter().cloned().map(Value::from).collect();
        wanted.insert(URIS.to_owned(), uris.into());
    }
    wanted
}

#[cfg(test)]
mod tests;
