//! Who is let in over TCP: who shows the token, and where none is set, programs of this machine
//! alone. A page in a browser is none of them, whatever name it has given to this machine (DNS
//! rebinding). On the socket nobody asks: its mode does.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::threshold::Stranger;
use super::{PREFIX, Problem};
use crate::caller::{bearer, is_this_machine, site_of};

/// What is asked of those who come in at one address.
#[derive(Clone)]
pub struct Door {
    /// What must be shown.
    token: Option<Box<[u8]>>,
    /// Only programs of this machine reach it.
    is_local: bool,
}

impl Door {
    /// The door of this address.
    ///
    /// # Errors
    /// An address that others reach, without a token.
    pub fn of(address: SocketAddr, token: Option<String>) -> Result<Self, String> {
        let is_local = address.ip().is_loopback();
        if !is_local && token.is_none() {
            return Err(format!(
                "the management API is not served on {address} without a token: anyone who \
                 reaches it could stop the host; set server.management.token"
            ));
        }
        Ok(Self {
            token: token.map(|token| token.into_bytes().into_boxed_slice()),
            is_local,
        })
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let host = text(headers, &header::HOST);
        if self.is_local && !host.is_some_and(is_this_machine) {
            let detail = "the Host header names another machine than this one: use 127.0.0.1, \
                          [::1] or localhost";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let origin = headers.get(header::ORIGIN);
        let ours = |origin: &str| site_of(origin).is_some_and(is_this_machine);
        if origin.is_some_and(|origin| !origin.to_str().is_ok_and(ours)) {
            let detail = "pages of other machines may not ask here";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let Some(token) = self.token.as_ref().filter(|_| !is_public(path)) else {
            return Ok(());
        };
        let shown = headers.get(header::AUTHORIZATION);
        match shown.and_then(|shown| bearer(shown.as_bytes())) {
            Some(shown) if bool::from(token.ct_eq(shown)) => Ok(()),
            Some(_) => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "this is not the token",
            )),
            None => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "show the token: Authorization: Bearer TOKEN",
            )),
        }
    }
}

/// Lets in, or says why not.
pub(super) async fn pass(
    State(door): State<Door>,
    ConnectInfo(stranger): ConnectInfo<Stranger>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    match door.check(path, request.headers()) {
        Ok(()) => {
            // To ask whether the host is there makes nobody known.
            if !is_public(path) {
                stranger.let_in();
            }
            next.run(request).await
        }
        Err(problem) => {
            let challenge = problem.status == StatusCode::UNAUTHORIZED.as_u16();
            let mut answer = problem.into_response();
            if challenge {
                let asks = header::HeaderValue::from_static(r#"Bearer realm="config-sync""#);
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
            }
            answer
        }
    }
}

fn is_public(path: &str) -> bool {
    path.strip_prefix(PREFIX) == Some("/health")
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "a-token-of-the-host";

    fn status(door: &Door, path: &str, headers: &[(&str, &str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| {
            let name: header::HeaderName = name.parse().unwrap();
            (
                name,
                header::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        });
        match door.check(path, &headers.collect()) {
            Ok(()) => 200,
            Err(problem) => problem.status,
        }
    }

    fn door(address: &str, token: Option<&str>) -> Door {
        Door::of(address.parse().unwrap(), token.map(str::to_owned)).unwrap()
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let error = Door::of("0.0.0.0:9".parse().unwrap(), None).err().unwrap();
        assert!(error.contains("server.management.token"), "{error}");
        assert!(Door::of("127.0.0.1:9".parse().unwrap(), None).is_ok());
    }

    #[test]
    fn the_token_lets_in_and_whatever_is_none_does_not() {
        let door = door("10.0.0.1:9", Some(TOKEN));
        let path = "/manage/v1/status";
        let shown = format!("Bearer {TOKEN}");
        assert_eq!(status(&door, path, &[("authorization", &shown)]), 200);
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Basic a-token-of-the-host",
            TOKEN,
            "Bearer a-token",
        ] {
            assert_eq!(
                status(&door, path, &[("authorization", wrong)]),
                401,
                "{wrong}"
            );
        }
        assert_eq!(status(&door, path, &[]), 401);
        assert_eq!(
            status(&door, "/manage/v1/health", &[]),
            200,
            "health is public"
        );
        assert_eq!(status(&door, "/manage/v1/healthy", &[]), 401);
    }

    #[test]
    fn a_page_that_calls_itself_this_machine_is_found_out() {
        let door = door("127.0.0.1:9", None);
        let host = |host: &str| status(&door, "/manage/v1/status", &[("host", host)]);
        for ours in [
            "127.0.0.1",
            "127.0.0.1:9",
            "localhost:9",
            "LocalHost",
            "[::1]:9",
            "127.1.2.3",
        ] {
            assert_eq!(host(ours), 200, "{ours}");
        }
        for other in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil:9",
            "[::2]",
            "[",
            "",
        ] {
            assert_eq!(host(other), 403, "{other}");
        }
        assert_eq!(status(&door, "/manage/v1/health", &[]), 403);
        let from = |origin: &str| {
            let headers = [("host", "localhost"), ("origin", origin)];
            status(&door, "/manage/v1/shutdown", &headers)
        };
        assert_eq!(from("http://localhost:8080"), 200);
        for other in ["https://evil.example", "null", "http://localhost.evil", "x"] {
            assert_eq!(from(other), 403, "{other}");
        }
    }
}
