//! Sessions, up to 2025-11-25.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use futures::{FutureExt, StreamExt};

use super::super::session::Session;
use super::super::{Connection, http};
use super::{Case, are_answered, arrived, connected, told};
use crate::gateway::client::{Client, Question};
use crate::mcp::{Id, Members, Message, Notification, Request, raw_of};

fn hello(version: &str, capabilities: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{{"name":"test","version":"1"}}}}}}"#
    )
}

/// A session that has begun, and its key.
async fn begun(
    connection: &Connection,
    version: &str,
    capabilities: &str,
) -> (Arc<Session>, String) {
    let hello = hello(version, capabilities);
    let response = connection.answer(arrived(Method::POST, &[], &hello)).await;
    let key = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let (status, _, body) = told(response).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains(&format!(r#""protocolVersion":"{version}""#)),
        "{body}"
    );
    let session = connection.desk.sessions.get(&key, None).unwrap();
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let answer = post(connection, &key, initialized).await;
    assert_eq!(answer.0, 202);
    (session, key)
}

async fn post(connection: &Connection, key: &str, body: &str) -> (u16, String, String) {
    let session = [("mcp-session-id", key)];
    told(
        connection
            .answer(arrived(Method::POST, &session, body))
            .await,
    )
    .await
}

/// The events that are there at this moment.
async fn now(body: &mut futures::stream::BoxStream<'static, String>) -> String {
    let mut all = String::new();
    // Whatever wakes the stream has its turn first.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    while let Some(Some(event)) = body.next().now_or_never() {
        all += &event;
    }
    all
}

fn events(body: Body) -> futures::stream::BoxStream<'static, String> {
    let text = |chunk: Result<axum::body::Bytes, axum::Error>| {
        String::from_utf8(chunk.unwrap().to_vec()).unwrap()
    };
    body.into_data_stream().map(text).boxed()
}

fn progress(n: u32) -> Notification {
    let params = raw_of(&serde_json::json!({"progressToken": 1, "progress": n})).unwrap();
    Notification {
        method: "notifications/progress".to_owned(),
        params: Some(params),
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_begins_answers_and_ends() {
    let connection = connected(&["echo"]).await;
    let (_, key) = begun(&connection, "2025-06-18", "{}").await;
    let ping = r#"{"jsonrpc":"2.0","id":"a\u0062","method":"ping"}"#;
    let pong = r#"{"jsonrpc":"2.0","id":"a\u0062","result":{}}"#;
    let (status, kind, body) = post(&connection, &key, ping).await;
    assert_eq!(
        (status, kind.as_str(), body.as_str()),
        (200, "application/json", pong)
    );
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    assert!(
        post(&connection, &key, list)
            .await
            .2
            .contains(r#""name":"echo""#)
    );
    // To begin twice is to begin once.
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(post(&connection, &key, initialized).await.0, 202);
    assert_eq!(connection.gateway.clients(), 1);

    let session = [("mcp-session-id", key.as_str())];
    let left = connection
        .answer(arrived(Method::DELETE, &session, ""))
        .await;
    assert_eq!(left.status(), 204);
    assert_eq!(connection.gateway.clients(), 0);
    let (status, _, body) = post(&connection, &key, ping).await;
    assert_eq!(status, 404);
    assert!(
        body.contains(r#""id":"a\u0062""#) && body.contains("begin with `initialize`"),
        "{body}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_spoken_here_becomes_the_newest_with_sessions() {
    let connection = connected(&[]).await;
    for version in ["2026-07-28", "1999-01-01", "draft"] {
        let hello = hello(version, "{}");
        let answer = told(connection.answer(arrived(Method::POST, &[], &hello)).await).await;
        assert!(
            answer.2.contains(r#""protocolVersion":"2025-11-25""#),
            "{answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused_and_says_why() {
    let connection = connected(&[]).await;
    let (_, key) = begun(&connection, "2025-11-25", "{}").await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let with = ("mcp-session-id", key.as_str());
    let cases: [Case<'_>; 15] = [
        (&[with], "{", 400, "-32700"),
        (&[with], "", 400, "-32700"),
        (&[with], "\u{0}\u{1}", 400, "-32700"),
        (&[with], "[]", 400, "one message at a time"),
        (&[with], "7", 400, "-32600"),
        (&[with], r#"{"id":7,"method":"ping"}"#, 400, r#""id":7"#),
        (
            &[with],
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            400,
            "a string or a number",
        ),
        (&[], ping, 400, "`Mcp-Session-Id` is missing"),
        (&[("mcp-session-id", "other")], ping, 404, "no such session"),
        (
            &[with, ("accept", "application/json")],
            ping,
            406,
            "text/event-stream",
        ),
        (
            &[with, ("content-type", "text/plain")],
            ping,
            415,
            "application/json",
        ),
        (
            &[with, ("mcp-protocol-version", "1999-01-01")],
            ping,
            400,
            "2025-11-25",
        ),
        (
            &[with],
            r#"{"jsonrpc":"2.0","id":1,"method":"nope"}"#,
            200,
            "-32601",
        ),
        (
            &[with],
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#,
            200,
            "must be an object",
        ),
        (
            &[with],
            &hello("2025-11-25", "{}"),
            400,
            "has begun already",
        ),
    ];
    are_answered(&connection, &cases).await;
    let put = connection.answer(arrived(Method::PUT, &[with], ping)).await;
    assert_eq!(
        (
            put.status().as_u16(),
            put.headers()["allow"].to_str().unwrap()
        ),
        (405, "GET, POST, DELETE")
    );
    assert_eq!(post(&connection, &key, ping).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn what_precedes_an_answer_makes_it_a_stream_that_can_be_resumed() {
    let connection = connected(&["slow"]).await;
    let (session, key) = begun(&connection, "2025-11-25", "{}").await;
    let call = r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"slow"}}"#;
    let headers = [("mcp-session-id", key.as_str())];
    let answering = connection.answer(arrived(Method::POST, &headers, call));
    let telling = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        session.tell(Some(&Id::from(5)), progress(1));
    };
    let (response, ()) = tokio::join!(answering, telling);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = events(response.into_body());
    let first = now(&mut stream).await;
    assert!(
        first.starts_with("id: 1-0\ndata: \n\nid: 1-1\nevent: message\ndata: "),
        "{first}"
    );
    // The connection is lost; the call goes on.
    drop(stream);
    session.tell(Some(&Id::from(5)), progress(2));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let headers = [("mcp-session-id", key.as_str()), ("last-event-id", "1-1")];
    let rest = told(connection.answer(arrived(Method::GET, &headers, "")).await)
        .await
        .2;
    assert!(
        rest.contains(r#""progress":2"#) && rest.contains(r#""id":5,"result""#),
        "{rest}"
    );
    assert!(!rest.contains(r#""progress":1"#), "{rest}");
    let headers = [("mcp-session-id", key.as_str()), ("last-event-id", "9-1")];
    let unknown = connection.answer(arrived(Method::GET, &headers, "")).await;
    assert_eq!(unknown.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_long_silence_begins_a_stream_and_is_broken() {
    let connection = connected(&["slow"]).await;
    let (_, key) = begun(&connection, "2025-06-18", "{}").await;
    let headers = [("mcp-session-id", key.as_str())];
    let listening = connection.answer(arrived(Method::GET, &headers, "")).await;
    let mut stream = events(listening.into_body());
    assert_eq!(now(&mut stream).await, "");
    assert_eq!(stream.next().await.unwrap(), ":\n\n");
    assert!(http::LONG < Duration::from_secs(60));
}

fn sampling(params: &str) -> Question {
    let params = Members::parse(params).unwrap().to_raw();
    Question::plain("sampling/createMessage".to_owned(), Some(params))
}

#[tokio::test(start_paused = true)]
async fn a_question_reaches_the_client_in_the_course_of_its_call_and_so_does_its_answer() {
    let connection = connected(&["slow"]).await;
    let (session, key) = begun(&connection, "2025-11-25", r#"{"sampling":{}}"#).await;
    let outbox = Session::outbox();
    let call = Id::from(7);
    let in_flight = session.begin(&call, Arc::clone(&outbox));
    let asking = session.ask(Some(&call), sampling(r#"{"messages":[]}"#));
    let (_, asked) = outbox.read(None).next().await.unwrap();
    let Ok(Message::Request(Request { id, method, .. })) = Message::parse(&asked) else {
        panic!("no request: {asked:?}");
    };
    assert_eq!(method, "sampling/createMessage");
    let answer =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"role":"assistant","n":1e999}}}}"#);
    assert_eq!(post(&connection, &key, &answer).await.0, 202);
    assert_eq!(
        asking.await.unwrap().get(),
        r#"{"role":"assistant","n":1e999}"#
    );

    // What it cannot do it is not asked.
    let elicitation = Question::plain("elicitation/create".to_owned(), None);
    let refused = session.ask(Some(&call), elicitation).await.unwrap_err();
    assert!(refused.message.contains("`elicitation`"), "{refused}");
    session.end(&call, &in_flight);
}

#[tokio::test(start_paused = true)]
async fn progress_with_an_answer_reaches_the_asker_under_its_own_token() {
    let connection = connected(&[]).await;
    let (session, key) = begun(&connection, "2025-11-25", r#"{"sampling":{}}"#).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let question = Question {
        progress: Box::new(move |progress| tell.send(progress).unwrap()),
        ..sampling(r#"{"_meta":{"a":1,"progressToken":"mine"},"messages":[]}"#)
    };
    let asking = session.ask(None, question);
    // Beside any call: on the stream that is about none.
    let (_, asked) = session.beside.read(None).next().await.unwrap();
    let asked = String::from_utf8(asked.to_vec()).unwrap();
    let params = r#""params":{"_meta":{"a":1,"progressToken":1},"messages":[]}"#;
    assert!(asked.contains(params), "{asked}");
    for token in [1, 2] {
        let progress = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progress":1.0,"progressToken":{token},"odd":[]}}}}"#
        );
        assert_eq!(post(&connection, &key, &progress).await.0, 202);
    }
    let heard = told.recv().await.unwrap().params.unwrap();
    let expected = r#"{"progress":1.0,"progressToken":"mine","odd":[]}"#;
    assert_eq!(heard.get(), expected);
    drop(asking);
    assert!(told.recv().await.is_none(), "nobody asked number 2");
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_back_is_taken_back_with_the_words_of_whoever_does_it() {
    let connection = connected(&[]).await;
    let (session, key) = begun(&connection, "2025-11-25", r#"{"sampling":{}}"#).await;
    let mut reader = session.beside.read(None);
    for (words, said) in [
        (None, r#"{"reason":"nobody waits for it","requestId":1}"#),
        (
            Some(r#"{"requestId":"theirs","odd":[1.0]}"#),
            r#"{"requestId":2,"odd":[1.0]}"#,
        ),
    ] {
        let question = sampling("{}");
        if let Some(words) = words {
            let words = Members::parse(words).unwrap();
            question.taken_back.set(words).unwrap();
        }
        let mut asking = session.ask(None, question);
        assert!((&mut asking).now_or_never().is_none());
        drop(asking);
        reader.next().await.unwrap();
        let (_, taken_back) = reader.next().await.unwrap();
        let taken_back = String::from_utf8(taken_back.to_vec()).unwrap();
        assert!(taken_back.contains(said), "{taken_back}");
    }
    // And the client, its request.
    let call = Id::from(7);
    let in_flight = session.begin(&call, Session::outbox());
    let words = r#"{"requestId":7,"reason":"enough","odd":1.0}"#;
    let body =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{words}}}"#);
    assert_eq!(post(&connection, &key, &body).await.0, 202);
    assert!(in_flight.cancelled.is_cancelled());
    assert_eq!(session.taken_back(&call).unwrap().to_raw().get(), words);
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_session_as_soon_as_the_limits_say_so() {
    let connection = connected(&[]).await;
    connection.desk.watch_silence();
    let (session, key) = begun(&connection, "2025-11-25", "{}").await;
    let mut limits = connection.desk.limits();
    limits.idle = Duration::from_secs(60);
    connection.desk.set_limits(limits);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert_eq!(post(&connection, &key, ping).await.0, 200);
    }
    // Whoever listens is there.
    let headers = [("mcp-session-id", key.as_str())];
    let listening = connection.answer(arrived(Method::GET, &headers, "")).await;
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert_eq!(post(&connection, &key, ping).await.0, 200);
    drop(listening);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(post(&connection, &key, ping).await.0, 404);
    assert!(session.gone().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_callers_alone() {
    let connection = connected(&[]).await;
    let (session, _) = begun(&connection, "2025-11-25", "{}").await;
    assert!(session.is_of(None));
    assert!(session.is_of(Some("alice")));
    assert!(!session.is_of(Some("bob")));
    assert!(session.is_of(Some("alice")) && session.is_of(None));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_died_while_it_was_asked_holds_nobody_up_for_ever() {
    let connection = connected(&[]).await;
    let (session, _) = begun(&connection, "2025-11-25", r#"{"sampling":{}}"#).await;
    let reads = session.presence.listen();
    let mut asking = session.ask(None, sampling(r#"{"messages":[]}"#));
    let hour = Duration::from_secs(3600);
    // Whoever thinks reads.
    assert!(tokio::time::timeout(hour, &mut asking).await.is_err());
    drop(reads);
    let error = asking.await.unwrap_err();
    assert!(error.message.contains("left without an answer"), "{error}");
}
