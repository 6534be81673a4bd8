//! A call of the new era that is asked for something by its backend, over HTTP.

use std::sync::Arc;

use axum::http::Method;

use super::super::Connection;
use super::{arrived, connected_to, told};

/// Calls the tool `asks`; what is said on the stream.
async fn call(connection: &Connection, back: &str) -> String {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"progressToken":"t"}"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"asks",{back}{meta}}}}}"#
    );
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "asks"),
    ];
    let arrived = arrived(Method::POST, &headers, &body);
    let (status, _, said) = told(connection.answer(arrived).await).await;
    assert_eq!(status, 200);
    said
}

/// With what a client that accepts comes back.
fn accepted(said: &str) -> String {
    let (_, rest) = said.split_once(r#""requestState":""#).unwrap();
    let (state, _) = rest.split_once('"').unwrap();
    format!(r#""inputResponses":{{"1":{{"action":"accept"}}}},"requestState":"{state}","#)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_said_something_before_it_asked_says_the_rest_on_another_stream() {
    let connection = connected_to(&["asks"], "shared", &[]).await;
    let first = call(&connection, "").await;
    assert!(
        first.contains(r#""progress":1"#) && first.contains("input_required"),
        "{first}"
    );
    let second = call(&connection, &accepted(&first)).await;
    for part in [r#""progress":2"#, r#""id":1,"result""#, "accept"] {
        assert!(second.contains(part), "no {part} in {second}");
    }
    assert!(!second.contains(r#""progress":1"#), "{second}");
}

#[tokio::test(start_paused = true)]
async fn a_held_call_outlives_its_connection_and_so_does_its_backends() {
    let connection = connected_to(&["asks"], "per-client", &[]).await;
    let (gateway, desk) = (
        Arc::clone(&connection.gateway),
        Arc::clone(&connection.desk),
    );
    let gone = connection.identities.of(None).gone.clone();
    let first = call(&connection, "").await;
    drop(connection);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!gone.is_cancelled());
    let again = Connection::new(gateway, desk);
    let second = call(&again, &accepted(&first)).await;
    assert!(second.contains("accept"), "{second}");
    assert!(gone.is_cancelled(), "nothing of it is under way");
}
