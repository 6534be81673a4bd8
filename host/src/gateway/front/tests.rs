//! The front as clients see it, without an address: HTTP requests in, HTTP responses out.

mod bounds;
mod held;
mod resumed;
mod sessions;
mod stateless;
mod stdio;

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, Method};
use axum::response::Response;
use tokio_util::task::TaskTracker;

use super::{Arrived, Connection, Desk};
use crate::config::BackendSpec;
use crate::gateway::fakes::Fakes;
use crate::gateway::{Capability, Gateway, Offer, Wanted};
use crate::mcp::Members;

/// A gateway whose one backend has these tools, and a connection to it.
pub(super) async fn connected(tools: &[&str]) -> Connection {
    connected_to(tools, "shared", &[]).await
}

/// As [`connected`]; its connection is shared so, and it is said to have these resources, too.
pub(super) async fn connected_to(tools: &[&str], sharing: &str, resources: &[&str]) -> Connection {
    connected_by(Arc::default(), tools, sharing, resources).await
}

/// As [`connected_to`], to one of these.
pub(super) async fn connected_by(
    fakes: Arc<Fakes>,
    tools: &[&str],
    sharing: &str,
    resources: &[&str],
) -> Connection {
    let (gateway, _notices) = Gateway::connected_by(fakes);
    let args: Vec<_> = std::iter::once(&"well").chain(tools).collect();
    let spec = serde_json::json!({"command": "fake", "args": args, "sharing": sharing});
    let spec = BackendSpec::from_json("fake", &spec, &|_| None).unwrap();
    let wanted = Wanted {
        backends: vec![("fake".to_owned(), spec)],
        ..Wanted::default()
    };
    let mut candidate = gateway.build(&wanted, Default::default()).await.unwrap();
    let mut offers = candidate.offers();
    offers.extend(resources.iter().map(|uri| Offer {
        backend: "fake".to_owned(),
        kind: Capability::Resource,
        name: (*uri).to_owned(),
        item: Arc::new(Members::parse(&format!(r#"{{"uri":"{uri}"}}"#)).unwrap()),
    }));
    candidate.compose(None, &offers).unwrap();
    gateway.swap(candidate);
    Connection::new(gateway, Arc::new(Desk::new(&TaskTracker::new())))
}

pub(super) fn arrived(method: Method, headers: &[(&'static str, &str)], body: &str) -> Arrived {
    let headers = headers.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, value.parse().unwrap())
    });
    let mut headers: HeaderMap = headers.collect();
    if method == Method::POST {
        for (name, value) in [
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
        ] {
            let name = HeaderName::from_static(name);
            headers.entry(name).or_insert(value.parse().unwrap());
        }
    }
    Arrived {
        method,
        headers,
        body: Bytes::from(body.to_owned()),
        caller: None,
    }
}

/// Status, type and body.
pub(super) async fn told(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type");
    let kind = kind.map_or("", |it| it.to_str().unwrap()).to_owned();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

/// Headers and body of a POST, the status of the answer, and what the answer says.
pub(super) type Case<'a> = (&'a [(&'static str, &'a str)], &'a str, u16, &'a str);

/// Each is answered as it must be.
pub(super) async fn are_answered(connection: &Connection, cases: &[Case<'_>]) {
    for (headers, body, status, say) in cases {
        let arrived = arrived(Method::POST, headers, body);
        let answer = told(connection.answer(arrived).await).await;
        assert_eq!(answer.0, *status, "{headers:?} {body}: {answer:?}");
        assert!(answer.2.contains(say), "{headers:?} {body}: {answer:?}");
    }
}
