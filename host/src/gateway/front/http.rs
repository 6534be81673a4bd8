//! Streamable HTTP, both eras at one endpoint: what is a request, to whom it belongs, and in what
//! form its answer goes back. A plain answer is one JSON object; a stream begins only when
//! something precedes the answer, or when it takes long.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answers::{self, Query};
use super::asker::Identities;
use super::desk::Desk;
use super::detached::Detached;
use super::headers;
use super::hello::{self, not_spoken};
use super::said::{self, Numbering, refuse, refuse_http};
use super::session::{REQUESTS, Session};
use super::stateless;
use crate::gateway::client::{Client, Profile};
use crate::gateway::door::Caller;
use crate::gateway::{CallError, Gateway};
use crate::mcp::{Message, Request, Response as Answer, RpcError, Version, header};

/// An answer that takes longer gets a stream, so that neither the client nor what stands in
/// between takes the silence for a fault. (Node's `fetch` waits 5 minutes for headers.)
pub(super) const LONG: Duration = Duration::from_secs(10);

/// One connection of a client. Dropped, nobody is at its other end any more.
#[derive(Clone)]
pub(in crate::gateway) struct Connection {
    pub(super) gateway: Arc<Gateway>,
    pub(super) desk: Arc<Desk>,
    /// Who is at its other end, without sessions.
    pub(super) identities: Arc<Identities>,
}

/// One HTTP request that was let in, whole.
pub(in crate::gateway) struct Arrived {
    pub(in crate::gateway) method: Method,
    pub(in crate::gateway) headers: HeaderMap,
    pub(in crate::gateway) body: Bytes,
    pub(in crate::gateway) caller: Option<Caller>,
}

impl Arrived {
    pub(super) fn caller(&self) -> Option<&str> {
        self.caller.as_ref().map(|it| it.0.as_str())
    }
}

impl Connection {
    pub(in crate::gateway) fn new(gateway: Arc<Gateway>, desk: Arc<Desk>) -> Self {
        Self {
            gateway,
            desk,
            identities: Arc::default(),
        }
    }

    pub(in crate::gateway) async fn answer(&self, arrived: Arrived) -> Response {
        match arrived.method {
            Method::POST => self.post(arrived).await,
            Method::GET => self.listen(&arrived),
            Method::DELETE => self.leave(&arrived),
            _ => {
                let allow = [(ALLOW, HeaderValue::from_static("GET, POST, DELETE"))];
                (StatusCode::METHOD_NOT_ALLOWED, allow).into_response()
            }
        }
    }

    async fn post(&self, arrived: Arrived) -> Response {
        let Arrived { headers, body, .. } = &arrived;
        let (json, events) = ("application/json", "text/event-stream");
        if !headers::accepts(headers, json) || !headers::accepts(headers, events) {
            let say = "`Accept` must have application/json and text/event-stream\n";
            return refuse_http(StatusCode::NOT_ACCEPTABLE, say);
        }
        if !headers::is_json(headers) {
            let say = "`Content-Type` must be application/json\n";
            return refuse_http(StatusCode::UNSUPPORTED_MEDIA_TYPE, say);
        }
        let message = match Message::parse(body) {
            Ok(message) => message,
            Err(bad) => return refuse(StatusCode::BAD_REQUEST, bad.id, bad.error),
        };
        let version = headers::text(headers, header::VERSION);
        let named = version.and_then(Version::named);
        let is_stateless = match &message {
            Message::Request(it) => hello::is_stateless(it.params.as_deref()),
            Message::Notification(it) => hello::is_stateless(it.params.as_deref()),
            Message::Response(_) => false,
        };
        if is_stateless || named.is_some_and(|it| !it.has_sessions()) {
            return stateless::post(self, arrived, message).await;
        }
        if let Some(unknown) = version.filter(|_| named.is_none()) {
            let id = match message {
                Message::Request(request) => Some(request.id),
                _ => None,
            };
            return refuse(StatusCode::BAD_REQUEST, id, not_spoken(unknown));
        }
        match message {
            Message::Request(request) if request.method == "initialize" => {
                self.begin(&arrived, &request)
            }
            Message::Request(request) => match self.session(&arrived) {
                Ok(session) => self.request(session, request, arrived.caller).await,
                Err(refused) => refused(Some(request.id)),
            },
            Message::Notification(notification) => match self.session(&arrived) {
                Ok(session) => {
                    answers::told(&self.gateway, &session, notification);
                    accepted()
                }
                Err(refused) => refused(None),
            },
            Message::Response(answer) => match self.session(&arrived) {
                Ok(session) => answered(&session, answer),
                Err(refused) => refused(None),
            },
        }
    }

    /// The session that a request belongs to, or how it is refused.
    fn session(
        &self,
        arrived: &Arrived,
    ) -> Result<Arc<Session>, impl FnOnce(Option<crate::mcp::Id>) -> Response + use<>> {
        let key = headers::text(&arrived.headers, header::SESSION);
        let found = key.and_then(|key| self.desk.sessions.get(key, arrived.caller()));
        let has_key = key.is_some();
        found
            .inspect(|session| session.presence.hear())
            .ok_or(move |id| match has_key {
                true => {
                    let say = "there is no such session (any more): begin with `initialize`";
                    // As the official SDKs say it.
                    let error = RpcError::new(-32001, say);
                    refuse(StatusCode::NOT_FOUND, id, error)
                }
                false => {
                    let say = "the header `Mcp-Session-Id` is missing; a session begins with \
                               `initialize`";
                    let error = RpcError::new(RpcError::INVALID_REQUEST, say);
                    refuse(StatusCode::BAD_REQUEST, id, error)
                }
            })
    }

    fn begin(&self, arrived: &Arrived, request: &Request) -> Response {
        if headers::text(&arrived.headers, header::SESSION).is_some() {
            let session = match self.session(arrived) {
                Ok(session) => session,
                Err(refused) => return refused(Some(request.id.clone())),
            };
            let say = format!("the session {} has begun already", session.id());
            let error = RpcError::new(RpcError::INVALID_REQUEST, say);
            return refuse(StatusCode::BAD_REQUEST, Some(request.id.clone()), error);
        }
        let profile = match Profile::of_initialize(request) {
            Ok(profile) => profile,
            Err(error) => return refuse(StatusCode::OK, Some(request.id.clone()), error),
        };
        let version = profile.version;
        let limit = self.desk.limits().sessions;
        let caller = arrived.caller().map(str::to_owned);
        let Some(session) = self.desk.sessions.begin(profile, caller, limit) else {
            let say = format!(
                "{limit} clients are connected, and no more may be (server.limits.sessions)\n"
            );
            let later = [(RETRY_AFTER, HeaderValue::from_static("60"))];
            return (StatusCode::SERVICE_UNAVAILABLE, later, say).into_response();
        };
        let result = hello::initialized(&self.gateway.current(), version);
        let mut response = said::json(StatusCode::OK, &request.id, Ok(result));
        if let Ok(key) = HeaderValue::from_str(&session.key) {
            response.headers_mut().insert(header::SESSION, key);
        }
        response
    }

    async fn request(
        &self,
        session: Arc<Session>,
        request: Request,
        caller: Option<Caller>,
    ) -> Response {
        if session.is_full() {
            let say = format!("{REQUESTS} requests are under way");
            let full = Err(CallError::try_later(say, None));
            return said::json(StatusCode::OK, &request.id, full);
        }
        let with_it = (self.desk.answers.token(), session.presence.listen());
        let outbox = Session::outbox();
        let in_flight = session.begin(&request.id, Arc::clone(&outbox));
        let id = request.id.clone();
        let work = {
            let (gateway, session, id) =
                (Arc::clone(&self.gateway), Arc::clone(&session), id.clone());
            async move {
                let query = Query {
                    client: Arc::clone(&session) as Arc<dyn Client>,
                    caller: caller.map(|it| it.0),
                    request,
                    cancelled: in_flight.cancelled.clone(),
                };
                let reply = answers::in_session(&gateway, &session, query).await;
                session.end(&id, &in_flight);
                reply
            }
        };
        // That the client has lost its connection does not mean that it has lost its interest.
        let mut rest = Detached::of(work, &self.desk.tasks);
        let done = tokio::select! {
            biased;
            reply = &mut rest => Some(reply),
            () = outbox.begun() => None,
            () = tokio::time::sleep(LONG) => None,
        };
        let primed = (session.version() >= Version::V20251125).then_some(0);
        match done {
            Some(reply) if outbox.is_empty() => return said::json(StatusCode::OK, &id, reply),
            Some(reply) => {
                outbox.push(said::message(id, reply));
                outbox.end();
            }
            None => {
                let outbox = Arc::clone(&outbox);
                self.desk.tasks.spawn(async move {
                    outbox.push(said::message(id, rest.await));
                    outbox.end();
                });
            }
        }
        let stream = session.keep(Arc::clone(&outbox));
        let numbering = Numbering { stream, primed };
        let end = self.desk.end.clone();
        said::stream(outbox.read(Some(0)), Some(numbering), end, with_it)
    }

    /// GET: what concerns no request, or the rest of a stream that was lost.
    fn listen(&self, arrived: &Arrived) -> Response {
        if !headers::accepts(&arrived.headers, "text/event-stream") {
            let say = "`Accept` must have text/event-stream\n";
            return refuse_http(StatusCode::NOT_ACCEPTABLE, say);
        }
        let session = match self.session(arrived) {
            Ok(session) => session,
            Err(refused) => return refused(None),
        };
        let last = headers::text(&arrived.headers, header::LAST_EVENT);
        let (stream, after) = match last.map(said::place) {
            None => (0, None),
            Some(Some((stream, number))) => (stream, Some(number)),
            Some(None) => (u64::MAX, None),
        };
        let Some(outbox) = session.stream(stream) else {
            let say = "`Last-Event-ID` names no stream that is kept\n";
            return refuse_http(StatusCode::BAD_REQUEST, say);
        };
        let reader = outbox.read(after);
        let is_new = session.version() >= Version::V20251125;
        let numbering = Numbering {
            stream,
            primed: is_new.then_some(reader.at()),
        };
        let end = self.desk.end.clone();
        let said = said::stream(reader, Some(numbering), end, session.presence.listen());
        // The others end with the answer to a request.
        if stream == 0 {
            said::endless(said)
        } else {
            said
        }
    }

    /// DELETE: the client ends its session.
    fn leave(&self, arrived: &Arrived) -> Response {
        match self.session(arrived) {
            Ok(session) => {
                self.desk.sessions.end(&session, "ended its session");
                StatusCode::NO_CONTENT.into_response()
            }
            Err(refused) => refused(None),
        }
    }
}

/// The client answers a question.
fn answered(session: &Session, answer: Answer) -> Response {
    if let Some(id) = answer.id {
        session.questions.answer(&id, answer.result);
    }
    accepted()
}

pub(super) fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}
