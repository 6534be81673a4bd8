//! The door: who is let in to the MCP server, and with how much. Where the configuration has
//! `auth`, every request must show a token; it goes no further than this. An address that others
//! can reach lets nobody in without `auth`, whatever the configuration was when the connection
//! was made. No page of a foreign site is let in (DNS rebinding).
//! Where to get a token is told to everybody who comes so far.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::front::Arrived;
use super::middleware::{METADATA, Refused};
use super::pass::Pass;
use super::{Gateway, Snapshot};
use crate::caller::{is_this_machine, name_of, site_of};
use crate::config::ServerLimits;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a request that is too large so much is read and thrown away, so that its sender comes to
/// read why it is refused.
const WASTE: usize = 256 << 20;
/// Where MCP is served.
const PATH: &str = "/mcp";
/// Where clients of the transport before look for it.
const LEGACY_SSE: [&str; 3] = ["/sse", "/message", "/messages"];

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
pub(super) enum Answer {
    LetIn(Option<Caller>),
    /// With the challenge for `WWW-Authenticate`.
    Refused(Option<Refused>, String),
    Closed,
}

impl Door {
    /// To whoever shows this header.
    pub(super) async fn answer(&self, snapshot: &Snapshot, shown: Option<&HeaderValue>) -> Answer {
        let Some(guard) = snapshot.guard() else {
            return if self.is_local {
                Answer::LetIn(None)
            } else {
                Answer::Closed
            };
        };
        let refused = match shown {
            None => None,
            Some(header) => match guard.admit(header.as_bytes()).await {
                Ok(name) => return Answer::LetIn(Some(Caller(name))),
                Err(refused) => Some(refused),
            },
        };
        Answer::Refused(refused, guard.challenge(refused))
    }

    /// Where to get a token, if that is what this path asks for (RFC 9728, section 3).
    fn metadata(&self, path: &str) -> Option<Response> {
        let rest = path.strip_prefix(METADATA)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        let metadata = self.gateway.current().guard()?.metadata()?;
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        Some((json, metadata.to_string()).into_response())
    }

    /// Lets a request in, whole, or says why not.
    pub(super) async fn admit(&self, request: Request<Body>, limits: ServerLimits) -> Admission {
        match self.examine(request, limits).await {
            Ok((arrived, pass)) => Admission::LetIn(arrived, pass),
            Err(response) => Admission::Refused(response),
        }
    }

    async fn examine(
        &self,
        request: Request<Body>,
        limits: ServerLimits,
    ) -> Result<(Arrived, Pass), Response> {
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        if let Err(say) = is_at_home(self.is_local, &headers) {
            return Err((StatusCode::FORBIDDEN, say).into_response());
        }
        if let Some(metadata) = self.metadata(parts.uri.path()) {
            return Err(metadata);
        }
        let shown = headers.remove(AUTHORIZATION);
        let caller = match self.answer(&self.gateway.current(), shown.as_ref()).await {
            Answer::LetIn(caller) => caller,
            Answer::Refused(refused, challenge) => return Err(refusal(refused, &challenge)),
            Answer::Closed => {
                let say = "this address is closed: the configuration has no `auth`\n";
                return Err((StatusCode::FORBIDDEN, say).into_response());
            }
        };
        let path = parts.uri.path().trim_end_matches('/');
        if LEGACY_SSE.contains(&path) {
            let say = "legacy HTTP+SSE is not served: MCP is served at /mcp (Streamable HTTP). A \
                       client that cannot speak that starts `npx mcp-remote` with that address\n";
            return Err((StatusCode::NOT_FOUND, say).into_response());
        }
        if path != PATH {
            return Err((StatusCode::NOT_FOUND, "MCP is served at /mcp\n").into_response());
        }
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
        let pass = Pass {
            door: self.clone(),
            shown,
            caller: caller.clone(),
        };
        let arrived = Arrived {
            method: parts.method,
            headers,
            body,
            caller,
        };
        Ok((arrived, pass))
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

/// Whether a request is let in.
pub(super) enum Admission {
    LetIn(Arrived, Pass),
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

/// Whether `Origin`, if there is one, is a page of the host that is asked; where only this machine
/// is served, `Host` must name it, too. By another name a page that was loaded from elsewhere would
/// reach every tool. (2026-07-28, "Streamable HTTP", security: on all connections.)
///
/// # Errors
/// It is not: what to say.
fn is_at_home(is_local: bool, headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| match headers.get(name).map(HeaderValue::to_str) {
        None => Some(None),
        Some(text) => text.ok().map(Some),
    };
    let host = text(HOST).flatten();
    let origin = text(ORIGIN);
    let is_page_of = |is_host: &dyn Fn(&str) -> bool| {
        let is_page = |origin: &str| site_of(origin).is_some_and(is_host);
        origin.is_some_and(|origin| origin.is_none_or(is_page))
    };
    if !is_local {
        let asked = host.and_then(name_of).unwrap_or_default();
        let is_it = |site: &str| name_of(site).is_some_and(|it| it.eq_ignore_ascii_case(asked));
        let say = "`Origin` must name the host that is asked\n";
        return is_page_of(&is_it).then_some(()).ok_or(say);
    }
    let is_here = host.is_some_and(is_this_machine) && is_page_of(&is_this_machine);
    let say = "only this machine is served: `Host` and `Origin` must name it\n";
    is_here.then_some(()).ok_or(say)
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
        let candidate = gateway.build(&wanted, Default::default()).await.unwrap();
        gateway.swap(candidate);
        Door { gateway, is_local }
    }

    async fn answer(door: &Door, authorization: Option<&str>) -> Answer {
        let shown = authorization.map(|it| it.parse().unwrap());
        door.answer(&door.gateway.current(), shown.as_ref()).await
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

    #[test]
    fn only_by_its_own_name_is_this_machine_reached() {
        let from = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            is_at_home(true, &headers).is_ok()
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
            assert!(!from(host, None), "{host}");
        }
        let no_host = is_at_home(true, &HeaderMap::new());
        assert!(no_host.is_err(), "HTTP/1.1 has a `Host`");
    }

    #[tokio::test]
    async fn elsewhere_a_page_is_let_in_where_it_came_from() {
        let door = door(false, true).await;
        for (origin, status) in [
            (None, 404),
            (Some("https://Mcp.Example"), 404),
            (Some("http://mcp.example:8080"), 404),
            (Some("https://evil.example"), 403),
            (Some("https://mcp.example.evil"), 403),
            (Some("http://localhost"), 403),
            (Some("null"), 403),
            (Some(""), 403),
        ] {
            let mut request = Request::builder()
                .header(HOST, "mcp.example:9000")
                .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
                .uri("/elsewhere");
            if let Some(origin) = origin {
                request = request.header(ORIGIN, origin);
            }
            let request = request.body(Body::empty()).unwrap();
            let Admission::Refused(refused) = door.admit(request, ServerLimits::default()).await
            else {
                panic!("nothing is there")
            };
            assert_eq!(refused.status(), status, "{origin:?}");
        }
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
