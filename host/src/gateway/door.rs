//! The door: who is let in to the MCP server. Where the configuration has `auth`, every request
//! must show a token; it goes no further than this. An address that others can reach lets nobody
//! in without `auth`, whatever the configuration was when the connection was made.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Gateway, Snapshot};

/// Whose token a request showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller(pub(super) String);

/// The door of one address.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) gateway: Arc<Gateway>,
    /// Only programs of this machine reach it.
    pub(super) is_local: bool,
}

/// What the door says to a request.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    LetIn(Option<Caller>),
    /// The challenge for `WWW-Authenticate`.
    Refused(&'static str),
    Closed,
}

const NO_TOKEN: &str = r#"Bearer realm="config-sync""#;
const WRONG_TOKEN: &str = r#"Bearer realm="config-sync", error="invalid_token""#;

impl Door {
    fn answer(&self, snapshot: &Snapshot, headers: &HeaderMap) -> Answer {
        let Some(guard) = snapshot.guard() else {
            return if self.is_local {
                Answer::LetIn(None)
            } else {
                Answer::Closed
            };
        };
        match headers.get(AUTHORIZATION) {
            None => Answer::Refused(NO_TOKEN),
            Some(header) => match guard.admit(header.as_bytes()) {
                Some(name) => Answer::LetIn(Some(Caller(name.to_owned()))),
                None => Answer::Refused(WRONG_TOKEN),
            },
        }
    }
}

pub(super) async fn pass(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    match door.answer(&door.gateway.current(), request.headers()) {
        Answer::LetIn(caller) => {
            request.headers_mut().remove(AUTHORIZATION);
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Answer::Refused(challenge) => {
            let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
            let say = "a bearer token is needed\n";
            (StatusCode::UNAUTHORIZED, challenge, say).into_response()
        }
        Answer::Closed => {
            let say = "this address is closed: the configuration has no `auth`\n";
            (StatusCode::FORBIDDEN, say).into_response()
        }
    }
}
