//! The door: who is let in to the MCP server. Where the configuration has `auth`, every request
//! must show a token; it goes no further than this. Only where to get one is told to everybody. An address that others can reach lets nobody
//! in without `auth`, whatever the configuration was when the connection was made. Nor is anyone
//! let in with more than one may carry, or where all places are taken.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::middleware::{METADATA, Refused};
use super::sessions::Sessions;
use super::{Gateway, Snapshot};
use crate::config::ServerLimits;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Every request but a client's first has it.
const SESSION: &str = "mcp-session-id";

/// Whose token a request showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller(pub(super) String);

/// The door of one address.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) gateway: Arc<Gateway>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) limits: Arc<ArcSwap<ServerLimits>>,
    /// Only programs of this machine reach it.
    pub(super) is_local: bool,
}

/// What the door says to a request.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    LetIn(Option<Caller>),
    /// With the challenge for `WWW-Authenticate`.
    Refused(Option<Refused>, String),
    Closed,
}

impl Door {
    async fn answer(&self, snapshot: &Snapshot, headers: &HeaderMap) -> Answer {
        let Some(guard) = snapshot.guard() else {
            return if self.is_local {
                Answer::LetIn(None)
            } else {
                Answer::Closed
            };
        };
        let refused = match headers.get(AUTHORIZATION) {
            None => None,
            Some(header) => match guard.admit(header.as_bytes()).await {
                Ok(name) => return Answer::LetIn(Some(Caller(name))),
                Err(refused) => Some(refused),
            },
        };
        Answer::Refused(refused, guard.challenge(refused))
    }

    /// The request, if it is not too much.
    async fn measure(&self, request: Request) -> Result<Request, Response> {
        if request.method() != Method::POST {
            return Ok(request);
        }
        let limits = **self.limits.load();
        let is_new = !request.headers().contains_key(SESSION);
        if is_new && self.sessions.count().await >= limits.sessions {
            let say = format!(
                "{} clients are connected, and no more may be (server.limits.sessions)\n",
                limits.sessions
            );
            let later = [(RETRY_AFTER, HeaderValue::from_static("60"))];
            return Err((StatusCode::SERVICE_UNAVAILABLE, later, say).into_response());
        }
        let (parts, body) = request.into_parts();
        let Ok(read) = tokio::time::timeout(PATIENCE, to_bytes(body, limits.body)).await else {
            let say = "the request did not come to its end\n";
            return Err((StatusCode::REQUEST_TIMEOUT, say).into_response());
        };
        let Ok(bytes) = read else {
            let mib = limits.body >> 20;
            let say = format!("a request may have {mib} MiB (server.limits.body)\n");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, say).into_response());
        };
        Ok(Request::from_parts(parts, Body::from(bytes)))
    }
}

pub(super) async fn pass(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    match door
        .answer(&door.gateway.current(), request.headers())
        .await
    {
        Answer::LetIn(caller) => {
            request.headers_mut().remove(AUTHORIZATION);
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
        }
        Answer::Refused(refused, challenge) => return refusal(refused, &challenge),
        Answer::Closed => {
            let say = "this address is closed: the configuration has no `auth`\n";
            return (StatusCode::FORBIDDEN, say).into_response();
        }
    }
    match door.measure(request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    }
}

fn refusal(refused: Option<Refused>, challenge: &str) -> Response {
    let (status, say) = match refused {
        None => (
            StatusCode::UNAUTHORIZED,
            "a bearer token is needed\n".to_owned(),
        ),
        Some(Refused::Invalid(why)) => (
            StatusCode::UNAUTHORIZED,
            format!("this token lets nobody in: {why}\n"),
        ),
        Some(Refused::TooLittle) => (
            StatusCode::FORBIDDEN,
            "this token is not good for what is needed here\n".to_owned(),
        ),
        Some(Refused::NoKeys) => {
            let say = "the keys to check tokens with cannot be had\n";
            let later = [(RETRY_AFTER, HeaderValue::from_static("10"))];
            return (StatusCode::SERVICE_UNAVAILABLE, later, say).into_response();
        }
    };
    let mut response = (status, say).into_response();
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Whatever is not MCP: where to get a token, for those who need one.
pub(super) async fn elsewhere(State(door): State<Door>, uri: Uri) -> Response {
    let path = uri.path();
    let asked = path.strip_prefix(METADATA);
    let snapshot = door.gateway.current();
    let metadata = asked
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .and_then(|_| snapshot.guard()?.metadata());
    match metadata {
        Some(metadata) => {
            let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            (json, metadata.to_string()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "MCP is served at /mcp\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::MiddlewareSpec;
    use crate::gateway::Wanted;
    use crate::gateway::fakes::Fakes;

    const TOKEN: &str = "0123456789abcdef";

    async fn door(is_local: bool, with_auth: bool) -> Door {
        let (gateway, _notices) = Gateway::connected_by(Arc::new(Fakes::default()));
        let settings = serde_json::json!({"tokens": {"alice": TOKEN}});
        let auth = MiddlewareSpec::from_json("auth", "auth", &settings, &|_| None).unwrap();
        let wanted = Wanted {
            middleware: with_auth.then_some(auth).into_iter().collect(),
            ..Wanted::default()
        };
        let candidate = gateway.build(&wanted, None, false).await.unwrap();
        gateway.swap(candidate);
        Door {
            gateway,
            sessions: Arc::new(Sessions::new(ServerLimits::default().idle)),
            limits: Arc::default(),
            is_local,
        }
    }

    async fn answer(door: &Door, authorization: Option<&str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        door.answer(&door.gateway.current(), &headers).await
    }

    #[tokio::test]
    async fn a_token_lets_in_whoever_it_belongs_to_at_any_address() {
        for is_local in [true, false] {
            let door = door(is_local, true).await;
            let right = format!("Bearer {TOKEN}");
            let alice = Answer::LetIn(Some(Caller("alice".into())));
            assert_eq!(answer(&door, Some(&right)).await, alice);
            let realm = r#"Bearer realm="config-sync""#;
            let none = Answer::Refused(None, realm.to_owned());
            assert_eq!(answer(&door, None).await, none);
            let wrong = answer(&door, Some("Bearer 0123456789abcdeF")).await;
            let Answer::Refused(Some(Refused::Invalid(_)), challenge) = wrong else {
                panic!("{wrong:?}")
            };
            assert!(challenge.starts_with(&format!("{realm}, error=\"invalid_token\"")));
        }
    }

    #[tokio::test]
    async fn without_auth_only_this_machine_is_let_in() {
        let here = door(true, false).await;
        assert_eq!(answer(&here, None).await, Answer::LetIn(None));
        let door = door(false, false).await;
        assert_eq!(answer(&door, None).await, Answer::Closed);
        // What was a token before says nothing now.
        let token = answer(&door, Some("Bearer 0123456789abcdef")).await;
        assert_eq!(token, Answer::Closed);
    }
}
