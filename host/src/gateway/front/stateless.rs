//! Requests of the new era (2026-07-28) over HTTP: each says for itself who asks and what that
//! client can do, and its connection is its life.

use std::sync::{Arc, Mutex, OnceLock};

use axum::http::StatusCode;
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use super::answers::{self, Query};
use super::asker::{Asker, Identity};
use super::detached::Detached;
use super::hello::discovered;
use super::http::{Arrived, Connection, LONG, accepted};
use super::listen;
use super::outbox::{Bounds, Outbox};
use super::running::{About, Held, Running, Step};
use super::said::{self, refuse};
use super::{asker::Round, headers};
use crate::gateway::client::{Client, LogLevel, Profile};
use crate::gateway::{CallError, Capability, Gateway, Method, Reply};
use crate::mcp::{Members, Message, Request, RpcError, Version, key};
use tokio_util::task::TaskTracker;

/// What waits for a client that does not read.
pub(super) const UNREAD: Bounds = Bounds {
    messages: 1000,
    bytes: 1 << 20,
    replay: false,
};

pub(super) async fn post(connection: &Connection, arrived: Arrived, message: Message) -> Response {
    match message {
        Message::Request(request) => {
            let id = request.id.clone();
            match checked(connection, &arrived, &request) {
                Ok((profile, params)) => {
                    let caller = arrived.caller.map(|it| it.0);
                    serve(connection, profile, params, request, caller).await
                }
                Err(error) => refuse(StatusCode::BAD_REQUEST, Some(id), error),
            }
        }
        Message::Notification(notification) => {
            let gateway = &connection.gateway;
            let client = connection.identities.of(arrived.caller()).id;
            gateway.pass_on(client, Version::LATEST, &notification);
            accepted()
        }
        Message::Response(_) => {
            let say = "answers go into `inputResponses` of the next request";
            let error = RpcError::new(RpcError::INVALID_REQUEST, say);
            refuse(StatusCode::BAD_REQUEST, None, error)
        }
    }
}

/// Who asks, and with what; if headers and body agree.
fn checked(
    connection: &Connection,
    arrived: &Arrived,
    request: &Request,
) -> Result<(Profile, Members), RpcError> {
    let params = request.members()?;
    headers::agree(&arrived.headers, request, &params)?;
    let profile = introduced(&params)?;
    if request.method == "tools/call"
        && let Some(name) = params.text("name")
    {
        let snapshot = connection.gateway.current();
        let mut tools = snapshot.items(Capability::Tool).iter();
        if let Some(tool) = tools.find(|tool| tool.shown_as == name) {
            headers::arguments_agree(&arrived.headers, &tool.json, &params)?;
        }
    }
    Ok((profile, params))
}

/// Who asks.
///
/// # Errors
/// `_meta` that lacks what it must have, or has what means nothing.
pub(super) fn introduced(params: &Members) -> Result<Profile, RpcError> {
    let meta = params.object(key::META).unwrap_or_default();
    let profile = Profile::of_meta(&meta)?;
    if let Some(level) = meta.text(key::LOG_LEVEL)
        && LogLevel::named(&level).is_none()
    {
        return Err(answers::no_level(&level).into());
    }
    Ok(profile)
}

async fn serve(
    connection: &Connection,
    profile: Profile,
    params: Members,
    request: Request,
    caller: Option<String>,
) -> Response {
    let id = request.id.clone();
    if request.method == "subscriptions/listen" {
        return listen::over_http(connection, profile, &params, id, caller).await;
    }
    let under_way = connection.desk.answers.token();
    let begun = begin(
        &connection.gateway,
        &connection.desk.tasks,
        &connection.desk.held,
        Whose {
            identity: connection.identities.of(caller.as_deref()),
            profile,
            caller,
            outbox: None,
            taken_back: Arc::default(),
        },
        params,
        request,
    );
    let mut running = match begun.await {
        Ok(running) => running,
        Err(error) => return refuse(StatusCode::OK, Some(id), error),
    };
    let outbox = running.client.outbox();
    let step = tokio::select! {
        biased;
        step = running.next() => Some(step),
        () = outbox.begun() => None,
        () = tokio::time::sleep(LONG) => None,
    };
    let desk = Arc::clone(&connection.desk);
    let (end, tasks) = (desk.end.clone(), desk.tasks.clone());
    let finish = move |running: Running, step| {
        if matches!(step, Step::Asked(_)) {
            // This stream ends. What comes meanwhile is read by the client when it comes back.
            running.client.turn_to(Outbox::new(UNREAD));
        }
        finish(running, step, &desk.held, &desk.tasks)
    };
    match step {
        Some(step) => {
            let reply = finish(running, step);
            if outbox.is_empty() {
                let status = reply.as_ref().err().map_or(StatusCode::OK, said::status_of);
                return said::json(status, &id, reply);
            }
            outbox.push(said::message(id, reply));
            outbox.end();
            said::stream(outbox.read(None), None, end, under_way)
        }
        None => {
            // The stream is the client's hand on its request: when it lets go, it is cancelled.
            let left = CancellationToken::new();
            let hand = left.clone().drop_guard();
            let reader = outbox.read(None);
            tasks.spawn(async move {
                let step = tokio::select! {
                    biased;
                    step = running.next() => step,
                    () = left.cancelled() => return,
                };
                let reply = finish(running, step);
                outbox.push(said::message(id, reply));
                outbox.end();
            });
            said::stream(reader, None, end, (hand, under_way))
        }
    }
}

/// Whose request it is, and where what precedes its answer goes, if not to a stream of its own.
pub(super) struct Whose {
    pub(super) identity: Arc<Identity>,
    pub(super) profile: Profile,
    pub(super) caller: Option<String>,
    pub(super) outbox: Option<Arc<Outbox>>,
    /// With what words it is taken back, where that takes words.
    pub(super) taken_back: Arc<OnceLock<Members>>,
}

/// Begins a request, or goes on with one that is held.
pub(super) async fn begin(
    gateway: &Arc<Gateway>,
    tasks: &TaskTracker,
    held: &Arc<Held>,
    whose: Whose,
    params: Members,
    request: Request,
) -> Result<Running, RpcError> {
    let method = Method::of(&request.method, &params);
    let about = About {
        caller: whose.caller.clone(),
        method: request.method.clone(),
        name: method.name_in(&params),
    };
    if let Some(running) = held.resume(&params, &about).await? {
        return Ok(running);
    }
    let outbox = whose
        .outbox
        .unwrap_or_else(|| Arc::new(Outbox::new(UNREAD)));
    let cancelled = CancellationToken::new();
    let client = Arc::new(Asker {
        id: whose.identity.id,
        gone: whose.identity.gone.clone(),
        profile: whose.profile,
        outbox: Mutex::new(outbox),
        round: Round::default(),
        cancelled: cancelled.clone(),
        taken_back: whose.taken_back,
    });
    let query = Query {
        client: Arc::clone(&client) as Arc<dyn Client>,
        caller: whose.caller,
        request,
        cancelled,
    };
    let gateway = Arc::clone(gateway);
    let work = async move { answer(&gateway, query).await };
    Ok(Running {
        about,
        reply: Detached::of(work, tasks),
        client,
        _identity: whose.identity,
    })
}

async fn answer(gateway: &Gateway, query: Query) -> Reply {
    match query.request.method.as_str() {
        "server/discover" => Ok(discovered(&gateway.current())),
        // Of the era before.
        method @ ("initialize"
        | "ping"
        | "logging/setLevel"
        | "resources/subscribe"
        | "resources/unsubscribe") => Err(CallError::no_method(method)),
        _ => answers::shared(gateway, query).await,
    }
}

/// What the client is told, now that its request has come so far.
pub(super) fn finish(running: Running, step: Step, held: &Arc<Held>, tasks: &TaskTracker) -> Reply {
    match step {
        Step::Reply(reply) => reply,
        Step::Asked(requests) => held.hold(running, requests, tasks),
    }
}
