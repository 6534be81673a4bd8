//! The door: who is let in to the MCP server, and with how much. Where the configuration has
//! `auth`, every request must show a token; it goes no further than this. An address that others
//! can reach lets nobody in without `auth`, whatever the configuration was when the connection
//! was made; one that only this machine reaches lets no page of a foreign site in (DNS rebinding).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::front::Arrived;
use super::{Gateway, Snapshot};
use crate::config::ServerLimits;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a request that is too large so much is read and thrown away, so that its sender comes to
/// read why it is refused.
const WASTE: usize = 256 << 20;
/// Where MCP is served.
const PATH: &str = "/mcp";

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

    /// Lets a request in, whole, or says why not.
    pub(super) async fn admit(&self, request: Request<Body>, limits: ServerLimits) -> Admission {
        match self.examine(request, limits).await {
            Ok(arrived) => Admission::LetIn(arrived),
            Err(response) => Admission::Refused(response),
        }
    }

    async fn examine(
        &self,
        request: Request<Body>,
        limits: ServerLimits,
    ) -> Result<Arrived, Response> {
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        if self.is_local && !is_from_here(&headers) {
            let say = "only this machine is served: `Host` and `Origin` must name it\n";
            return Err((StatusCode::FORBIDDEN, say).into_response());
        }
        let caller = match self.answer(&self.gateway.current(), &headers) {
            Answer::LetIn(caller) => caller,
            Answer::Refused(challenge) => {
                let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
                let say = "a bearer token is needed\n";
                return Err((StatusCode::UNAUTHORIZED, challenge, say).into_response());
            }
            Answer::Closed => {
                let say = "this address is closed: the configuration has no `auth`\n";
                return Err((StatusCode::FORBIDDEN, say).into_response());
            }
        };
        if parts.uri.path().trim_end_matches('/') != PATH {
            return Err((StatusCode::NOT_FOUND, "MCP is served at /mcp\n").into_response());
        }
        headers.remove(AUTHORIZATION);
        let read = tokio::time::timeout(PATIENCE, read(&headers, body, limits.body)).await;
        let body = match read {
            Ok(Ok(body)) => body,
            Ok(Err(TooLarge)) => {
                let mib = limits.body >> 20;
                let say = format!("a request may have {mib} MiB (server.limits.body)\n");
                return Err((StatusCode::PAYLOAD_TOO_LARGE, say).into_response());
            }
            Err(_elapsed) => {
                let say = "the request did not come to its end\n";
                return Err((StatusCode::REQUEST_TIMEOUT, say).into_response());
            }
        };
        Ok(Arrived {
            method: parts.method,
            headers,
            body,
            caller,
        })
    }
}

/// Whether a request is let in.
pub(super) enum Admission {
    LetIn(Arrived),
    Refused(Response),
}

struct TooLarge;

/// The whole body. What breaks off in the middle is no JSON, and is told as that.
async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, TooLarge> {
    let length = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    let length = length.and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
    let mut chunks = body.into_data_stream();
    let Some(Ok(first)) = chunks.next().await else {
        return Ok(Bytes::new());
    };
    if length <= limit && first.len() == length {
        return Ok(first);
    }
    let mut all = first.to_vec();
    if length <= limit {
        all.reserve_exact(length.saturating_sub(all.len()));
    }
    let mut read = all.len();
    while let Some(Ok(chunk)) = chunks.next().await {
        read += chunk.len();
        if read <= limit {
            all.extend_from_slice(&chunk);
        } else {
            all = Vec::new();
        }
        if read > WASTE {
            break;
        }
    }
    if read > limit {
        return Err(TooLarge);
    }
    Ok(all.into())
}

/// Whether `Host` names this machine, and `Origin`, if there is one, a page of it. By another name
/// a page that was loaded from elsewhere would reach every tool.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| match headers.get(name).map(HeaderValue::to_str) {
        None => Some(None),
        Some(text) => text.ok().map(Some),
    };
    let host = text(HOST).flatten();
    let origin = text(ORIGIN);
    let page = |origin: &str| {
        let site = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        site.is_some_and(is_this_machine)
    };
    host.is_some_and(is_this_machine) && origin.is_some_and(|origin| origin.is_none_or(page))
}

/// Whether `NAME` or `NAME:PORT` is of this machine.
fn is_this_machine(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => authority
            .split_once(':')
            .map_or(authority, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
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
        Door { gateway, is_local }
    }

    fn answer(door: &Door, authorization: Option<&str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        door.answer(&door.gateway.current(), &headers)
    }

    #[tokio::test]
    async fn a_token_lets_in_whoever_it_belongs_to_at_any_address() {
        for is_local in [true, false] {
            let door = door(is_local, true).await;
            let right = format!("Bearer {TOKEN}");
            let alice = Answer::LetIn(Some(Caller("alice".into())));
            assert_eq!(answer(&door, Some(&right)), alice);
            assert_eq!(answer(&door, None), Answer::Refused(NO_TOKEN));
            let wrong = answer(&door, Some("Bearer 0123456789abcdeF"));
            assert_eq!(wrong, Answer::Refused(WRONG_TOKEN));
        }
    }

    #[tokio::test]
    async fn without_auth_only_this_machine_is_let_in() {
        assert_eq!(answer(&door(true, false).await, None), Answer::LetIn(None));
        let door = door(false, false).await;
        assert_eq!(answer(&door, None), Answer::Closed);
        // What was a token before says nothing now.
        assert_eq!(
            answer(&door, Some("Bearer 0123456789abcdef")),
            Answer::Closed
        );
    }

    #[test]
    fn only_by_its_own_name_is_this_machine_reached() {
        let from = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            is_from_here(&headers)
        };
        for host in [
            "localhost",
            "LOCALHOST:9000",
            "127.0.0.1:9000",
            "127.8.0.1",
            "[::1]:9000",
        ] {
            assert!(from(host, None), "{host}");
            assert!(from(host, Some(&format!("http://{host}"))), "{host}");
            assert!(!from(host, Some("http://evil.example")), "{host}");
            assert!(!from(host, Some("null")), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "[::1",
            "10.0.0.1",
        ] {
            let known = host == "[::1";
            assert_eq!(from(host, None), known, "{host}");
        }
        assert!(!is_from_here(&HeaderMap::new()), "HTTP/1.1 has a `Host`");
    }

    #[tokio::test]
    async fn what_is_too_large_is_thrown_away_and_refused() {
        let read = async |size: usize, said: Option<usize>| {
            let mut headers = HeaderMap::new();
            if let Some(said) = said {
                headers.insert(CONTENT_LENGTH, said.into());
            }
            let chunk = || Ok::<_, std::io::Error>(vec![b'x'; 10]);
            let chunks: Vec<_> = std::iter::repeat_with(chunk).take(size / 10).collect();
            let body = Body::from_stream(futures::stream::iter(chunks));
            read(&headers, body, 100).await.ok().map(|it| it.len())
        };
        assert_eq!(read(100, Some(100)).await, Some(100));
        assert_eq!(read(100, None).await, Some(100));
        assert_eq!(read(10, Some(10)).await, Some(10));
        assert_eq!(read(0, None).await, Some(0));
        assert_eq!(read(110, Some(110)).await, None);
        assert_eq!(read(110, None).await, None);
    }
}
