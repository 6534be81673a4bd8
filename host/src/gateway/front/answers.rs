//! What a request is answered with, whoever carries it: lists come from the snapshot that serves,
//! calls go through its chain to a backend.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::gateway::client::{Client, LogLevel};
use crate::gateway::route::Asked;
use crate::gateway::{CallError, Capability, ErrorOrigin, Gateway, Method, Reply};
use crate::mcp::{Id, Members, Notification, Raw, Request, RpcError, Version, raw_of};

/// A request, and who asks.
pub(super) struct Query {
    pub(super) client: Arc<dyn Client>,
    /// Whose token was shown.
    pub(super) caller: Option<String>,
    pub(super) request: Request,
    /// Cancelled when it is taken back.
    pub(super) cancelled: CancellationToken,
}

/// `{}`
pub(super) fn nothing() -> Raw {
    Members::default().to_raw()
}

/// An error of the front's own.
pub(super) fn refused(error: RpcError) -> CallError {
    CallError::of(error, ErrorOrigin::Gateway)
}

/// A request of a client that has a session.
pub(super) async fn in_session(gateway: &Gateway, session: &Session, query: Query) -> Reply {
    match query.request.method.as_str() {
        "ping" => Ok(nothing()),
        "logging/setLevel" => {
            let params = query.request.members().map_err(refused)?;
            let level = params.text("level").unwrap_or_default();
            let level = LogLevel::named(&level).ok_or_else(|| no_level(&level))?;
            session.set_log_level(level);
            let (client, version) = (session.id(), session.version());
            gateway.log_from(client, version, level).await;
            Ok(nothing())
        }
        "initialize" => Err(refused(RpcError::new(
            RpcError::INVALID_REQUEST,
            "this session has begun already",
        ))),
        // Of the era that follows.
        method @ ("server/discover" | "subscriptions/listen") => Err(CallError::no_method(method)),
        _ => shared(gateway, query).await,
    }
}

/// What both eras have.
pub(super) async fn shared(gateway: &Gateway, query: Query) -> Reply {
    let Query {
        client,
        caller,
        request,
        cancelled,
    } = query;
    let Request { id, method, .. } = &request;
    if let Some(kind) = Capability::ALL
        .into_iter()
        .find(|it| it.list_method() == method)
    {
        return list(gateway, kind, client.version(), &request);
    }
    let params = request.members().map_err(refused)?;
    let method = Method::of(method, &params);
    let asked = Asked {
        request: id.clone(),
        client,
        caller,
        method,
        params,
        cancelled,
    };
    gateway.call(asked).await
}

/// -32602
pub(super) fn no_level(level: &str) -> CallError {
    let say = format!(
        "`{level}` is no level; choose of debug, info, notice, warning, error, critical, alert, emergency"
    );
    refused(RpcError::new(RpcError::INVALID_PARAMS, say))
}

/// A whole list, in one page.
fn list(gateway: &Gateway, kind: Capability, version: Version, request: &Request) -> Reply {
    let params = request.members().map_err(refused)?;
    if params.get("cursor").is_some_and(|it| it.get() != "null") {
        let say = "lists come in one page here: no cursor was ever given out";
        return Err(refused(RpcError::new(RpcError::INVALID_PARAMS, say)));
    }
    let list = gateway.current().list(kind);
    if version.has_sessions() {
        return Ok(list);
    }
    let mut result = Members::of(&list).unwrap_or_default();
    // Any edit of the file may change it, and what is allowed may differ by caller.
    for (key, value) in [
        ("resultType", raw_of(&"complete")),
        ("ttlMs", raw_of(&0)),
        ("cacheScope", raw_of(&"private")),
    ] {
        if let Ok(value) = value {
            result.set(key, value);
        }
    }
    Ok(result.to_raw())
}

/// What a client that has a session tells.
pub(super) fn told(gateway: &Gateway, session: &Arc<Session>, notification: Notification) {
    match notification.method.as_str() {
        "notifications/initialized" => gateway.greet(Arc::clone(session) as Arc<dyn Client>),
        "notifications/cancelled" => {
            if let Some((request, words)) = cancelled(&notification) {
                session.cancel(&request, words);
            }
        }
        "notifications/progress" => session.questions.progress(notification),
        _ => gateway.pass_on(session.id(), session.version(), &notification),
    }
}

/// Which request is taken back, and with what words, if that is what is told.
pub(super) fn cancelled(notification: &Notification) -> Option<(Id, Members)> {
    if notification.method != "notifications/cancelled" {
        return None;
    }
    let words = notification.members().ok()?;
    Some((Id::of(words.get("requestId")?)?, words))
}
