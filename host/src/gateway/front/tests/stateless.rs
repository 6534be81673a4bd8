//! The new era, 2026-07-28.

use std::sync::Arc;

use axum::http::Method;
use futures::{FutureExt, StreamExt};

use super::super::Connection;
use super::{Case, are_answered, arrived, connected, connected_by, connected_to, told};
use crate::gateway::door::Caller;
use crate::gateway::fakes::Fakes;

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

fn request(method: &str, params: &str) -> String {
    let comma = if params.is_empty() { "" } else { "," };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{comma}{META}}}}}"#)
}

async fn ask(
    connection: &Connection,
    method: &str,
    name: Option<&str>,
    params: &str,
) -> (u16, String, String) {
    let mut headers = vec![
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    headers.extend(name.map(|name| ("mcp-name", name)));
    let body = request(method, params);
    told(
        connection
            .answer(arrived(Method::POST, &headers, &body))
            .await,
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn a_request_needs_no_session_and_makes_none() {
    let connection = connected(&["echo"]).await;
    let (status, kind, body) = ask(&connection, "server/discover", None, "").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    for part in [
        r#""supportedVersions":["2026-07-28","2025-11-25""#,
        r#""resultType":"complete""#,
        r#""ttlMs":0"#,
        r#""cacheScope":"private""#,
        r#""io.modelcontextprotocol/serverInfo":{"name":"config-sync""#,
    ] {
        assert!(body.contains(part), "no {part} in {body}");
    }
    let (_, _, body) = ask(&connection, "tools/list", None, "").await;
    assert!(
        body.contains(r#""name":"echo""#) && body.contains(r#""ttlMs":0"#),
        "{body}"
    );
    let echo = r#""name":"echo","arguments":{"text":"hi"}"#;
    let (status, _, body) = ask(&connection, "tools/call", Some("echo"), echo).await;
    assert_eq!(status, 200);
    assert!(body.contains(r#""resultType":"complete""#), "{body}");
    assert_eq!(connection.gateway.clients(), 0);
}

#[tokio::test(start_paused = true)]
async fn callers_on_one_connection_are_told_apart() {
    let fakes = Arc::new(Fakes::default());
    let connection = connected_by(Arc::clone(&fakes), &["echo"], "per-client", &[]).await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
    ];
    let echo = request("tools/call", r#""name":"echo""#);
    // As a proxy sends what several ask: on one connection, each with its own token.
    for (caller, connections) in [("alice", 2), ("bob", 3), ("alice", 3)] {
        let mut arrived = arrived(Method::POST, &headers, &echo);
        arrived.caller = Some(Caller(caller.to_owned()));
        let (status, _, body) = told(connection.answer(arrived).await).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(fakes.counts()["fake"].alive, connections, "{caller}");
    }
    let _gateway = Arc::clone(&connection.gateway);
    drop(connection);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fakes.counts()["fake"].alive, 1, "that of the snapshot");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_agree_is_refused_and_says_why() {
    let connection = connected(&["echo"]).await;
    let version = ("mcp-protocol-version", "2026-07-28");
    let list = request("tools/list", "");
    let old = list.replace("2026-07-28", "2025-11-25");
    let unknown = list.replace("2026-07-28", "1900-01-01");
    let nobody = list.replace("clientCapabilities", "clientNonsense");
    let level = list.replace(
        "\"_meta\":{",
        r#""_meta":{"io.modelcontextprotocol/logLevel":"loud","#,
    );
    let method = ("mcp-method", "tools/list");
    let cases: [Case<'_>; 10] = [
        (&[method], &list, 400, "-32020"),
        (&[version], &list, 400, "-32020"),
        (
            &[version, ("mcp-method", "tools/call")],
            &list,
            400,
            "-32020",
        ),
        (
            &[("mcp-protocol-version", "2025-11-25"), method],
            &list,
            400,
            "-32020",
        ),
        (
            &[("mcp-protocol-version", "1900-01-01"), method],
            &unknown,
            400,
            "-32022",
        ),
        (
            &[("mcp-protocol-version", "2025-11-25"), method],
            &old,
            400,
            "-32022",
        ),
        (&[version, method], &nobody, 400, "-32602"),
        (&[version, method], &level, 400, "`loud` is no level"),
        (
            &[version, method],
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
            400,
            "-32602",
        ),
        (
            &[version],
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            400,
            "inputResponses",
        ),
    ];
    are_answered(&connection, &cases).await;
    for gone in [
        "ping",
        "initialize",
        "logging/setLevel",
        "resources/subscribe",
        "nope",
    ] {
        let (status, _, body) = ask(&connection, gone, None, "").await;
        assert_eq!(status, 404, "{gone}");
        assert!(
            body.contains("-32601") && body.contains(r#""id":1"#),
            "{body}"
        );
    }
    let (status, _, body) = ask(&connection, "tools/call", Some("nope"), r#""name":"nope""#).await;
    assert_eq!(status, 200);
    assert!(body.contains("-32602"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_what_it_asked_for_until_the_host_ends() {
    let connection = connected(&["echo"]).await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let body = request(
        "subscriptions/listen",
        r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["no://where"]}"#,
    );
    let response = connection
        .answer(arrived(Method::POST, &headers, &body))
        .await;
    let mut events = response.into_body().into_data_stream();
    let mut next =
        async || String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    let first = next().await;
    assert!(
        first.contains("notifications/subscriptions/acknowledged"),
        "{first}"
    );
    assert!(
        first.contains(r#""notifications":{"toolsListChanged":true}"#),
        "{first}"
    );
    assert!(
        first.contains(r#""io.modelcontextprotocol/subscriptionId":1"#),
        "{first}"
    );
    assert_eq!(connection.gateway.clients(), 1);

    let nothing = connection
        .gateway
        .build(&Default::default(), Default::default())
        .await
        .unwrap();
    connection.gateway.swap(nothing);
    let changed = next().await;
    assert!(
        changed.contains("notifications/tools/list_changed"),
        "{changed}"
    );
    assert!(
        changed.contains(r#""io.modelcontextprotocol/subscriptionId":1"#),
        "{changed}"
    );
    connection.desk.end();
    let end = next().await;
    assert!(
        end.contains(r#""id":1,"result":{"resultType":"complete""#),
        "{end}"
    );
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_connection_is_lost_is_forgotten() {
    let connection = connected(&[]).await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let body = request("subscriptions/listen", r#""notifications":{}"#);
    let answering = connection.answer(arrived(Method::POST, &headers, &body));
    let response = answering.now_or_never().unwrap();
    assert_eq!(connection.gateway.clients(), 1);
    drop(response);
    assert_eq!(connection.gateway.clients(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_given_up_while_it_begins_is_forgotten() {
    let connection = connected_to(&[], "shared", &["a://1"]).await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let filter = r#""notifications":{"resourceSubscriptions":["a://1"]}"#;
    let body = request("subscriptions/listen", filter);
    let mut answering = Box::pin(connection.answer(arrived(Method::POST, &headers, &body)));
    assert!((&mut answering).now_or_never().is_none());
    assert_eq!(connection.gateway.clients(), 1);
    drop(answering);
    assert_eq!(connection.gateway.clients(), 0);
}
