//! What stands in the way of an answer, in words for clients: a status that is no success, a
//! redirection, a connection that does not come about. Addresses are for the log alone.

use std::io;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use rustls::CertificateError;

use super::super::failure::Failure;
use super::super::peer::Peer;
use super::{is_of, stream};
use crate::http_client::{cause, causes};
use crate::mcp::{Message, Response as Answer, RpcError};

/// How much of a body that only explains a status is read, in bytes.
const EXPLANATION: usize = 1 << 20;
/// So many redirections there may be in a row.
const REDIRECTIONS: usize = 3;

/// Follows where the same server wants the same request a few steps further (`/mcp` to `/mcp/`).
/// To another server go neither the headers of the configuration, which may hold secrets, nor
/// what clients say.
pub(super) fn redirections() -> Policy {
    Policy::custom(|attempt| {
        let keeps_method = matches!(
            attempt.status(),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let from = attempt.previous().first().map(Url::origin);
        let is_same = from.is_some_and(|from| from == attempt.url().origin());
        if keeps_method && is_same && attempt.previous().len() <= REDIRECTIONS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// An answer whose status is no success.
pub(super) struct Refusal {
    status: StatusCode,
    /// As MCP has it.
    answer: Option<Answer>,
    names_session: bool,
}

impl Refusal {
    pub(super) async fn of(peer: &Peer, refused: Response) -> Self {
        let status = refused.status();
        let to = refused
            .headers()
            .get(LOCATION)
            .and_then(|to| to.to_str().ok());
        if let Some(to) = to.and_then(|to| refused.url().join(to).ok()) {
            // The rest may hold what is secret in the configured address.
            let server = to.origin().ascii_serialization();
            tracing::debug!(backend = peer.backend, server, "it redirects");
        }
        let is_json = stream::is_json(&refused);
        let is_bad = status == StatusCode::BAD_REQUEST;
        let body = match is_json || is_bad {
            true => stream::read(refused, EXPLANATION).await.unwrap_or_default(),
            false => Vec::new(),
        };
        let text = String::from_utf8_lossy(&body).to_lowercase();
        let answer = match Message::parse(&body) {
            Ok(Message::Response(answer)) if is_json => Some(answer),
            _ => None,
        };
        Self {
            status,
            answer,
            names_session: text.contains("session"),
        }
    }

    /// It does not know the session that the request named: 404 (2025-11-25, "Session
    /// management"), or 400 with words about it, as the examples of the official TypeScript SDK
    /// have it.
    pub(super) fn forgot_session(&self) -> bool {
        match self.status {
            StatusCode::NOT_FOUND => true,
            StatusCode::BAD_REQUEST => self.names_session,
            _ => false,
        }
    }

    /// There is no such stream here, and will be none (2025-11-25, "Listening for Messages from
    /// the Server").
    pub(super) fn has_no_stream(&self) -> bool {
        matches!(
            self.status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        )
    }

    /// What it means for our request of this number.
    pub(super) fn into_failure(self, id: u64) -> Failure {
        if let Some(Answer {
            id: of,
            result: Err(error),
        }) = self.answer
            && (of.is_none() || is_of(of.as_ref(), id))
        {
            return Failure::Error(error);
        }
        let status = self.status;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Refused(format!(
                "does not let the gateway in (HTTP {status}); does it need `headers` with a token?"
            )),
            // There is somebody, who has too much to do.
            StatusCode::TOO_MANY_REQUESTS => {
                let say = format!("the backend wants fewer requests (HTTP {status})");
                Failure::Error(RpcError::new(RpcError::INTERNAL_ERROR, say))
            }
            _ if status.is_redirection() => Failure::Refused(format!(
                "redirects to another address (HTTP {status}), which is not followed; the new one \
                 belongs into `url`"
            )),
            // A success that is no stream, where one was wanted, is no answer either.
            _ if status.is_client_error() || status.is_success() => {
                Failure::Refused(format!("answered with HTTP {status}"))
            }
            _ => Failure::NoAnswer(format!("answered with HTTP {status}")),
        }
    }
}

/// There was no answer at all.
pub(super) fn unreachable(peer: &Peer, error: reqwest::Error) -> Failure {
    // In the address may be a secret.
    let error = error.without_url();
    tracing::debug!(backend = peer.backend, error = %causes(&error), "not reached");
    peer.doubt();
    let why = match certificate(&error) {
        Some(why) => why,
        None if error.is_connect() => match is_refused(&error) {
            true => "nothing listens there",
            false => "there is no connection to it",
        },
        None => "the connection broke",
    };
    Failure::silent(why)
}

fn is_refused(error: &reqwest::Error) -> bool {
    let refused = io::ErrorKind::ConnectionRefused;
    cause::<io::Error>(error).is_some_and(|error| error.kind() == refused)
}

/// What is wrong with TLS, if that is what is wrong.
fn certificate(error: &reqwest::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(why) = cause::<rustls::Error>(error)? else {
        return Some("TLS does not come about");
    };
    Some(match why {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is of another name"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::UnknownIssuer => "nobody who is trusted has signed its certificate",
        _ => "its certificate is not valid",
    })
}
