//! So much, and no more, of each client and of all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use futures::FutureExt;

use super::super::Connection;
use super::super::session::{REQUESTS, Session};
use super::{arrived, connected, told};
use crate::gateway::client::{Client, Profile};
use crate::mcp::Members;

const HELLO: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

async fn hello(connection: &Connection) -> (u16, String) {
    let response = connection.answer(arrived(Method::POST, &[], HELLO)).await;
    let key = response.headers().get("mcp-session-id");
    let key = key.map_or("", |it| it.to_str().unwrap()).to_owned();
    (response.status().as_u16(), key)
}

async fn ping(connection: &Connection, key: &str) -> (u16, String) {
    let session = [("mcp-session-id", key)];
    let pong = connection.answer(arrived(Method::POST, &session, PING));
    let (status, _, body) = told(pong.await).await;
    (status, body)
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_forgotten_makes_room_for_another() {
    let connection = connected(&[]).await;
    let mut limits = connection.desk.limits();
    limits.sessions = 3;
    connection.desk.set_limits(limits);
    let (_, listens) = hello(&connection).await;
    let headers = [("mcp-session-id", listens.as_str())];
    let listening = connection.answer(arrived(Method::GET, &headers, "")).await;
    let (_, forgotten) = hello(&connection).await;
    tokio::time::sleep(Duration::from_secs(200)).await;
    let (_, quiet) = hello(&connection).await;
    assert_eq!(hello(&connection).await.0, 503);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(hello(&connection).await.0, 200);
    assert_eq!(ping(&connection, &forgotten).await.0, 404);
    for key in [&quiet, &listens] {
        assert_eq!(ping(&connection, key).await.0, 200);
    }
    assert_eq!(hello(&connection).await.0, 503);
    drop(listening);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_end_keeps_a_session_as_long_as_somebody_waits_for_it() {
    let connection = connected(&["asks"]).await;
    connection.desk.watch_silence();
    let mut limits = connection.desk.limits();
    limits.idle = Duration::from_secs(60);
    connection.desk.set_limits(limits);
    let hello = HELLO.replace("{}", r#"{"elicitation":{}}"#);
    let response = connection.answer(arrived(Method::POST, &[], &hello)).await;
    let key = response.headers()["mcp-session-id"].to_str().unwrap();
    let session = connection.desk.sessions.get(key, None).unwrap();
    // It waits for an answer that does not come.
    let call = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"asks"}}"#;
    let headers = [("mcp-session-id", key)];
    let waiting = connection.answer(arrived(Method::POST, &headers, call));
    let waiting = waiting.await;
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert!(!session.gone().is_cancelled());
    drop(waiting);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(!session.gone().is_cancelled(), "it has time to come back");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(session.gone().is_cancelled());
    assert_eq!(ping(&connection, key).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_client_may_have_so_many_requests_under_way_and_no_more() {
    let connection = connected(&[]).await;
    let (_, key) = hello(&connection).await;
    let session = connection.desk.sessions.get(&key, None).unwrap();
    // Whatever it calls them.
    let begin = || session.begin(&1.into(), Session::outbox());
    let mut all: Vec<_> = std::iter::repeat_with(begin).take(REQUESTS).collect();
    let (status, refused) = ping(&connection, &key).await;
    assert_eq!(status, 200);
    assert!(
        refused.contains(r#""code":429"#) && refused.contains("1000 requests"),
        "{refused}"
    );
    session.end(&1.into(), &all.pop().unwrap());
    assert!(ping(&connection, &key).await.1.contains(r#""result":{}"#));
}

fn session() -> Session {
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let profile = Profile::of_meta(&Members::parse(meta).unwrap()).unwrap();
    Session::new(String::new(), profile, None)
}

/// Keeps a stream of so many bytes, which then is read to its end or not.
fn keep(session: &Session, size: usize, has_ended: bool, is_read: bool) -> u64 {
    let outbox = Session::outbox();
    outbox.push(vec![b'x'; size]);
    if has_ended {
        outbox.end();
    }
    let number = session.keep(Arc::clone(&outbox));
    if is_read {
        outbox.read(None).next().now_or_never().unwrap();
    }
    number
}

fn are_kept(session: &Session, streams: &[u64]) -> Vec<bool> {
    let is_kept = |it: &u64| session.stream(*it).is_some();
    streams.iter().map(is_kept).collect()
}

#[test]
fn streams_under_way_are_kept_and_of_the_others_those_that_were_read_go_first() {
    let session = session();
    let of = |count: usize, has_ended: bool, is_read: bool| -> Vec<_> {
        let one = || keep(&session, 1, has_ended, is_read);
        std::iter::repeat_with(one).take(count).collect()
    };
    let running = of(20, false, false);
    let unread = of(2, true, false);
    let read = of(14, true, true);
    assert_eq!(are_kept(&session, &unread), [true; 2]);
    assert_eq!(are_kept(&session, &read), [true; 14]);
    of(1, true, false);
    assert_eq!(are_kept(&session, &read[..2]), [false, true]);
    of(14, true, false);
    assert_eq!(are_kept(&session, &read), [false; 14]);
    assert_eq!(are_kept(&session, &unread), [false, true]);
    assert_eq!(are_kept(&session, &running), [true; 20]);
}

#[test]
fn what_was_read_and_is_large_is_not_kept_for_long() {
    let session = session();
    let large = keep(&session, 1 << 20, true, true);
    let small = keep(&session, 1, true, true);
    assert_eq!(are_kept(&session, &[large, small]), [true; 2]);
    keep(&session, 1, true, true);
    assert_eq!(are_kept(&session, &[large, small]), [false, true]);
}
