//! The server: one function for each path. Asks the port, and knows nothing of what is behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::answer::{json, json_as};
use super::body;
use super::query::{self, Filter};
use super::sse::{self, Got, Life};
use super::{Host, PREFIX, Problem, Refused, Reloaded, Socket};

/// Bytes of a request's body.
const MOST_BODY: usize = 4096;
/// Of one that holds a whole configuration.
const MOST_PLANNED: usize = 16 << 20;
/// Attempts that `history` answers with, unless asked for others.
const ATTEMPTS: usize = 20;
/// How long answers under way may take to be written when the host stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Desk {
    host: Arc<dyn Host>,
    life: Life,
    /// The host stops: streams end.
    cancel: CancellationToken,
}

type Answer = Result<Response, Problem>;

/// Serves until cancelled; then the socket is gone.
pub async fn serve(socket: Socket, host: Arc<dyn Host>, cancel: CancellationToken) {
    // It goes when this ends.
    let Socket {
        listener,
        file: _file,
    } = socket;
    let router = router(host, cancel.clone());
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(cancel.clone().cancelled_owned());
    let late = async {
        cancel.cancelled().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        ended = serving.into_future() => if let Err(error) = ended {
            tracing::error!(%error, "the management API ended");
        },
        () = late => {}
    }
}

fn router(host: Arc<dyn Host>, cancel: CancellationToken) -> Router {
    let desk = Desk {
        host,
        life: Life::begin(),
        cancel,
    };
    let paths = Router::new()
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/config", get(config))
        .route("/plugins", get(plugins))
        .route("/settings", get(settings).merge(patch(change_settings)))
        .route("/plan", post(plan))
        .route("/restore", post(restore))
        .route("/backends", get(backends))
        .route("/tools", get(tools))
        .route("/events", get(events))
        .route("/events/stream", get(stream))
        .route("/history", get(history))
        .route("/reload", post(reload))
        .route("/pause", post(pause))
        .route("/resume", post(resume))
        .route("/backends/{name}/reconnect", post(reconnect))
        .route("/shutdown", post(shutdown));
    Router::new()
        .nest(PREFIX, paths)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(with_bounded_body))
        .with_state(desk)
}

async fn unknown(uri: Uri) -> Problem {
    let detail = format!(
        "there is no {}; what there is begins with {PREFIX}/ and is in README.md",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "{} does not take {method}; see the header Allow",
        uri.path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// What is too large is not read, and what says something where nothing is taken is refused.
async fn with_bounded_body(request: Request, next: Next) -> Answer {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let (most, taken) = match (&parts.method, path) {
        (&Method::POST, "/plan") => (MOST_PLANNED, true),
        (&Method::PATCH, "/settings") | (&Method::POST, "/restore") => (MOST_BODY, true),
        _ => (MOST_BODY, false),
    };
    let too_large = || {
        let detail = format!("a body has {most} bytes at most here");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let body = to_bytes(body, most).await.map_err(|_| too_large())?;
    if !taken && !matches!(body.trim_ascii(), b"" | b"{}") {
        let detail = "nothing here takes a body; leave it out".to_owned();
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let request = Request::from_parts(parts, Body::from(body));
    Ok(next.run(request).await)
}

async fn health(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let state = desk.host.state();
    let status = match state.as_str() {
        "running" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(json_as(status, &json!({ "state": state })))
}

async fn status(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&desk.host.status().await))
}

async fn config(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&desk.host.configuration()?))
}

async fn plugins(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&desk.host.plugins().await))
}

async fn settings(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&desk.host.settings().await?))
}

async fn change_settings(State(desk): State<Desk>, uri: Uri, body: Bytes) -> Answer {
    let to = query::save_to(uri.query())?;
    let changes = body::object(&body)?;
    Ok(json(&desk.host.change_settings(changes, to).await?))
}

async fn plan(State(desk): State<Desk>, uri: Uri, body: Bytes) -> Answer {
    let connect = query::connect(uri.query())?;
    let next = (!body.is_empty()).then(|| body.to_vec());
    Ok(json(&desk.host.plan(next, connect).await?))
}

async fn restore(State(desk): State<Desk>, uri: Uri, body: Bytes) -> Answer {
    query::none(uri.query())?;
    let to = body::generation(&body)?;
    Ok(json(&desk.host.restore(to).await?))
}

async fn backends(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&desk.host.backends()))
}

async fn tools(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&desk.host.tools()))
}

async fn events(State(desk): State<Desk>, uri: Uri, headers: HeaderMap) -> Answer {
    let filter = Filter::read(uri.query())?;
    let got = desk.life.got(last_id(&headers));
    let (after, anew) = match got {
        Got::Nothing => (0, false),
        Got::UpTo(number) => (number, false),
        Got::OfAnother => (0, true),
    };
    let since = desk.host.events().since(after);
    let newest = since.events.last().map_or(after, |event| event.number);
    let wanted = since.events.iter().filter(|event| filter.wants(event.kind));
    Ok(json(&json!({
        "events": wanted.collect::<Vec<_>>(),
        "missed": since.missed,
        "restarted": anew,
        "last_id": desk.life.id(newest),
    })))
}

async fn stream(State(desk): State<Desk>, uri: Uri, headers: HeaderMap) -> Answer {
    let filter = Filter::read(uri.query())?;
    let got = desk.life.got(last_id(&headers));
    let bus = desk.host.events();
    Ok(sse::stream(
        bus,
        desk.life.clone(),
        &got,
        filter,
        desk.cancel,
    ))
}

fn last_id(headers: &HeaderMap) -> Option<&str> {
    // What is no text is the id of no event of ours.
    let id = headers.get("last-event-id")?;
    Some(id.to_str().unwrap_or_default())
}

async fn history(State(desk): State<Desk>, uri: Uri) -> Answer {
    let count = query::count(uri.query(), ATTEMPTS)?;
    Ok(json(&desk.host.history(count).await?))
}

async fn reload(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let reloaded = tokio::select! {
        reloaded = desk.host.reload() => reloaded?,
        () = desk.cancel.cancelled() => {
            return Err(Refused::NotNow("the host stops".to_owned()).into());
        }
    };
    let status = match reloaded {
        Reloaded::Ended(_) => StatusCode::OK,
        Reloaded::UnderWay => StatusCode::ACCEPTED,
    };
    Ok(json_as(status, &reloaded))
}

async fn pause(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let changed = desk.host.pause()?;
    Ok(json(&json!({ "paused": true, "changed": changed })))
}

async fn resume(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let changed = desk.host.resume()?;
    Ok(json(&json!({ "paused": false, "changed": changed })))
}

async fn reconnect(State(desk): State<Desk>, Path(name): Path<String>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    desk.host.reconnect(&name)?;
    let answer = json!({ "backend": name, "state": "starting" });
    Ok(json_as(StatusCode::ACCEPTED, &answer))
}

async fn shutdown(State(desk): State<Desk>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    desk.host.shut_down();
    Ok(json_as(StatusCode::ACCEPTED, &json!({ "state": "stopping" })).into_response())
}
