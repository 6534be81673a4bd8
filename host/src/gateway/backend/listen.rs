//! What a backend says beside any request, and how the gateway comes to hear it: over a pipe it
//! does anyway; over HTTP by a stream of its own; in the new era by `subscriptions/listen`, which
//! is asked anew when somebody subscribes to another resource.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::failure::Failure;
use super::peer::{Ask, Link, Peer};
use crate::mcp::{Members, raw_of};

/// How long to wait before listening again, the first time; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Begins to listen, on a task that ends with the connection.
pub(super) fn begin(peer: &Arc<Peer>) {
    let modern = peer
        .hello
        .get()
        .is_some_and(|hello| !hello.version.has_sessions());
    let listener = Arc::clone(peer);
    if modern {
        peer.ground.tasks.spawn(subscribe(listener));
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

async fn subscribe(peer: Arc<Peer>) {
    let mut pause = PAUSE;
    loop {
        let wanted = wanted(&peer);
        let changed = peer.subscriptions.changed.notified();
        if wanted.is_empty() {
            tokio::select! {
                () = changed => continue,
                () = peer.ended.cancelled() => return,
            }
        }
        let notifications = raw_of(&wanted).unwrap_or_default();
        let params = Members::from_iter([("notifications".to_owned(), notifications)]);
        let answer = tokio::select! {
            answer = peer.request(Ask::own("subscriptions/listen", params)) => answer,
            () = changed => {
                pause = PAUSE;
                continue;
            }
            () = peer.ended.cancelled() => return,
        };
        match answer {
            // It ended the subscription, in peace.
            Ok(_) => {
                pause = PAUSE;
                peer.doubt();
            }
            Err(failure) if failure.is_method_not_found() => return,
            Err(refused @ (Failure::Error(_) | Failure::Refused(_))) => {
                tracing::debug!(backend = peer.backend, %refused, "it lets nobody listen");
            }
            Err(Failure::NoAnswer(_) | Failure::Cancelled) => peer.doubt(),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = peer.ended.cancelled() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        // While nobody listened it may have changed.
        peer.offers_changed();
    }
}

/// The lists that may change, and the resources that somebody subscribed to.
fn wanted(peer: &Peer) -> Map<String, Value> {
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
    let uris: Vec<Value> = peer
        .subscriptions
        .uris()
        .into_iter()
        .map(Value::from)
        .collect();
    if !uris.is_empty() {
        wanted.insert("resourceSubscriptions".to_owned(), uris.into());
    }
    wanted
}
