//! The server: one function for each path. Asks the port, and knows nothing of what is behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, patch, post};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::answer::{Events, Health, Paused, Starting, Stopping, json, json_as};
use super::body::{self, RestoreTo};
use super::door::{self, Door};
use super::query::{self, Filter};
use super::route::{Route, document};
use super::sse::{self, Got, Life};
use super::threshold::{Stranger, Threshold};
use super::{
    Attempt, Backend, Configuration, ConnectedClient, Host, PREFIX, Plan, Plugin, Problem, Refused,
    Reloaded, Restored, Settings, Socket, Status, Tool,
};
use crate::config::MAX_BYTES;

/// Bytes of a request's body that says what to do.
const MOST_BODY: usize = 4096;
/// Attempts that `history` answers with, unless asked for others.
const ATTEMPTS: usize = 20;
/// How long answers under way may take to be written when the host stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Api {
    host: Arc<dyn Host>,
    life: Life,
    /// The host stops: streams end.
    cancel: CancellationToken,
}

type Answer = Result<Response, Problem>;

/// The API of one host, wherever it is served.
#[derive(Clone)]
pub struct Server {
    host: Arc<dyn Host>,
    life: Life,
}

impl Server {
    /// Of this host.
    pub fn new(host: Arc<dyn Host>) -> Self {
        let life = Life::begin();
        Self { host, life }
    }

    /// Serves until cancelled; then the socket is gone.
    pub async fn serve(&self, socket: Socket, cancel: CancellationToken) {
        // It goes when this ends.
        let Socket {
            listener,
            file: _file,
        } = socket;
        let serving = axum::serve(listener, self.router(&cancel));
        let serving = serving.with_graceful_shutdown(cancel.clone().cancelled_owned());
        answer(serving, cancel).await;
    }

    /// Serves those whom the door lets in, until cancelled.
    pub async fn serve_at(&self, listener: TcpListener, door: Door, cancel: CancellationToken) {
        let router = self.router(&cancel);
        let router = router.layer(from_fn_with_state(door, door::pass));
        let router = router.into_make_service_with_connect_info::<Stranger>();
        let serving = axum::serve(Threshold::new(listener), router);
        let serving = serving.with_graceful_shutdown(cancel.clone().cancelled_owned());
        answer(serving, cancel).await;
    }

    fn router(&self, cancel: &CancellationToken) -> Router {
        let api = Api {
            host: Arc::clone(&self.host),
            life: self.life.clone(),
            cancel: cancel.clone(),
        };
        let paths = routes().into_iter();
        let paths = paths.fold(Router::new(), |paths, route| {
            let limit = Limit(route.most());
            let bounded = route
                .handler
                .route_layer(from_fn_with_state(limit, with_bounded_body));
            paths.route(route.path, bounded)
        });
        Router::new()
            .nest(PREFIX, paths)
            .fallback(unknown)
            .method_not_allowed_fallback(wrong_method)
            .with_state(api)
    }
}

/// Until it ends; where it was cancelled, answers under way have a little time.
async fn answer(serving: impl IntoFuture<Output = std::io::Result<()>>, cancel: CancellationToken) {
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

/// Every call there is.
fn routes() -> Vec<Route<Api>> {
    const KINDS: &[(&str, &str)] = &[("type", "only these, as in `error,changed`")];
    let open_api = get(open_api);
    vec![
        Route::new::<Health>(
            "get",
            "/health",
            get(health),
            "Whether it is there; 503 when not",
        )
        .also(503, "it does not serve")
        .public(),
        Route::new::<Status>("get", "/status", get(status), "How it is, in all"),
        Route::new::<Configuration>(
            "get",
            "/config",
            get(config),
            "What serves, and who says so",
        ),
        Route::new::<Vec<Backend>>(
            "get",
            "/backends",
            get(backends),
            "Backends, and how they do",
        ),
        Route::new::<Vec<ConnectedClient>>(
            "get",
            "/clients",
            get(clients),
            "Clients that are connected",
        ),
        Route::new::<Vec<Tool>>("get", "/tools", get(tools), "Tools that clients see"),
        Route::new::<Events>("get", "/events", get(events), "The last 500, oldest first")
            .query(KINDS)
            .header("Last-Event-ID", "only those after this event"),
        Route::new::<String>(
            "get",
            "/events/stream",
            get(stream),
            "Events as they happen",
        )
        .query(KINDS)
        .header("Last-Event-ID", "goes on after this event")
        .kind("text/event-stream"),
        Route::new::<Vec<Attempt>>(
            "get",
            "/history",
            get(history),
            "Attempts at a reload, as kept",
        )
        .query(&[("count", "how many, newest last; 20")]),
        Route::new::<Vec<Plugin>>(
            "get",
            "/plugins",
            get(plugins),
            "Plugins, and what each is for",
        ),
        Route::new::<Settings>(
            "get",
            "/settings",
            get(settings),
            "What is in force, who says so",
        ),
        Route::new::<Settings>(
            "patch",
            "/settings",
            patch(change_settings),
            "Stores settings",
        )
        .takes::<Map<String, Value>>("application/json", MOST_BODY)
        .query(&[("to", "`store`, or `file` to write into the watched file")]),
        Route::new::<Reloaded>(
            "post",
            "/reload",
            post(reload),
            "Reloads; 202 after a minute",
        )
        .also(202, "it is still under way"),
        Route::new::<Paused>(
            "post",
            "/pause",
            post(pause),
            "Follows no edit until `resume`",
        ),
        Route::new::<Paused>("post", "/resume", post(resume), "Follows edits again"),
        Route::new::<Plan>(
            "post",
            "/plan",
            post(plan),
            "What a reload of the body would do",
        )
        .takes::<String>("application/yaml", MAX_BYTES as usize)
        .query(&[("connect", "`true`: start what is new, and ask it")]),
        Route::new::<Restored>(
            "post",
            "/restore",
            post(restore),
            "An earlier file comes back",
        )
        .takes::<RestoreTo>("application/json", MOST_BODY),
        Route::new::<Starting>(
            "post",
            "/backends/{name}/reconnect",
            post(reconnect),
            "Starts one that is not there",
        )
        .status(202),
        Route::new::<Stopping>("post", "/shutdown", post(shutdown), "Ends, as SIGTERM does")
            .status(202),
        Route::new::<Value>("get", "/openapi.json", open_api, "This document"),
    ]
}

async fn open_api(uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&document(&routes())))
}

async fn unknown(uri: Uri) -> Problem {
    let detail = format!(
        "there is no {}; what there is stands in {PREFIX}/openapi.json",
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

/// Bytes of the body that a call takes, if it takes one.
#[derive(Clone, Copy)]
struct Limit(Option<usize>);

/// What is too large is not read, and what says something where nothing is taken is refused.
async fn with_bounded_body(State(limit): State<Limit>, request: Request, next: Next) -> Answer {
    let (parts, body) = request.into_parts();
    let most = limit.0.unwrap_or(MOST_BODY);
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
    if limit.0.is_none() && !matches!(body.trim_ascii(), b"" | b"{}") {
        let detail = "nothing here takes a body; leave it out".to_owned();
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let request = Request::from_parts(parts, Body::from(body));
    Ok(next.run(request).await)
}

async fn health(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let state = api.host.state();
    let status = match state.as_str() {
        "running" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(json_as(status, &Health { state }))
}

async fn status(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.status().await))
}

async fn config(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.configuration()?))
}

async fn plugins(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.plugins().await))
}

async fn settings(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.settings().await?))
}

async fn change_settings(State(api): State<Api>, uri: Uri, body: Bytes) -> Answer {
    let to = query::save_to(uri.query())?;
    let changes = body::object(&body)?;
    Ok(json(&api.host.change_settings(changes, to).await?))
}

async fn plan(State(api): State<Api>, uri: Uri, body: Bytes) -> Answer {
    let connect = query::connect(uri.query())?;
    let next = (!body.is_empty()).then(|| body.to_vec());
    Ok(json(&api.host.plan(next, connect).await?))
}

async fn restore(State(api): State<Api>, uri: Uri, body: Bytes) -> Answer {
    query::none(uri.query())?;
    let to = body::generation(&body)?;
    Ok(json(&api.host.restore(to).await?))
}

async fn backends(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.backends()))
}

async fn clients(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.clients()))
}

async fn tools(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    Ok(json(&api.host.tools()))
}

async fn events(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Answer {
    let filter = Filter::read(uri.query())?;
    let got = api.life.got(last_id(&headers));
    let (after, anew) = match got {
        Got::Nothing => (0, false),
        Got::UpTo(number) => (number, false),
        Got::OfAnother => (0, true),
    };
    let since = api.host.events().since(after);
    let newest = since.events.last().map_or(after, |event| event.number);
    let wanted = since.events.into_iter();
    Ok(json(&Events {
        events: wanted.filter(|event| filter.wants(event.kind)).collect(),
        missed: since.missed,
        restarted: anew,
        last_id: api.life.id(newest),
    }))
}

async fn stream(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Answer {
    let filter = Filter::read(uri.query())?;
    let got = api.life.got(last_id(&headers));
    let bus = api.host.events();
    Ok(sse::stream(bus, api.life.clone(), &got, filter, api.cancel))
}

fn last_id(headers: &HeaderMap) -> Option<&str> {
    // What is no text is the id of no event of ours.
    let id = headers.get("last-event-id")?;
    Some(id.to_str().unwrap_or_default())
}

async fn history(State(api): State<Api>, uri: Uri) -> Answer {
    let count = query::count(uri.query(), ATTEMPTS)?;
    Ok(json(&api.host.history(count).await?))
}

async fn reload(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let reloaded = tokio::select! {
        reloaded = api.host.reload() => reloaded?,
        () = api.cancel.cancelled() => {
            return Err(Refused::NotNow("the host stops".to_owned()).into());
        }
    };
    let status = match reloaded {
        Reloaded::Ended(_) => StatusCode::OK,
        Reloaded::UnderWay => StatusCode::ACCEPTED,
    };
    Ok(json_as(status, &reloaded))
}

async fn pause(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let changed = api.host.pause()?;
    let paused = true;
    Ok(json(&Paused { paused, changed }))
}

async fn resume(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    let changed = api.host.resume()?;
    let paused = false;
    Ok(json(&Paused { paused, changed }))
}

async fn reconnect(State(api): State<Api>, Path(name): Path<String>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    api.host.reconnect(&name)?;
    let state = "starting";
    let answer = Starting {
        backend: name,
        state,
    };
    Ok(json_as(StatusCode::ACCEPTED, &answer))
}

async fn shutdown(State(api): State<Api>, uri: Uri) -> Answer {
    query::none(uri.query())?;
    api.host.shut_down();
    let state = "stopping";
    Ok(json_as(StatusCode::ACCEPTED, &Stopping { state }))
}
