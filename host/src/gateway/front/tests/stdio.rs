//! One client on standard input and output.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, duplex};
use tokio::time::Instant;

use super::super::{Connection, serve_stdio};
use super::connected;

struct Desktop {
    says: Option<DuplexStream>,
    hears: Lines<BufReader<DuplexStream>>,
}

impl Desktop {
    fn start(connection: &Connection) -> (Self, tokio::task::JoinHandle<()>) {
        let (says, input) = duplex(1 << 16);
        let (output, hears) = duplex(1 << 16);
        let (gateway, desk) = (
            Arc::clone(&connection.gateway),
            Arc::clone(&connection.desk),
        );
        let serving = tokio::spawn(serve_stdio(gateway, desk, input, output));
        let desktop = Self {
            says: Some(says),
            hears: BufReader::new(hears).lines(),
        };
        (desktop, serving)
    }

    async fn say(&mut self, line: &str) {
        let says = self.says.as_mut().unwrap();
        says.write_all(line.as_bytes()).await.unwrap();
        says.write_all(b"\n").await.unwrap();
    }

    async fn hear(&mut self) -> Option<String> {
        self.hears.next_line().await.unwrap()
    }

    async fn ask(&mut self, line: &str) -> String {
        self.say(line).await;
        self.hear().await.unwrap()
    }
}

const HELLO: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

#[tokio::test(start_paused = true)]
async fn a_client_is_served_and_told_of_changes_until_its_input_ends() {
    let connection = connected(&["echo", "slow"]).await;
    let (mut desktop, serving) = Desktop::start(&connection);
    assert!(desktop.ask(HELLO).await.contains("protocolVersion"));
    desktop
        .say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    let listed = desktop
        .ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .await;
    assert!(listed.contains(r#""name":"echo""#), "{listed}");
    // What is taken back is not answered.
    desktop
        .say(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"slow"}}"#)
        .await;
    desktop
        .say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#)
        .await;
    let pong = desktop
        .ask(r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#)
        .await;
    assert_eq!(pong, r#"{"jsonrpc":"2.0","id":3,"result":{}}"#);
    let nothing = connection
        .gateway
        .build(&Default::default(), Default::default())
        .await
        .unwrap();
    connection.gateway.swap(nothing);
    let told = desktop.hear().await.unwrap();
    assert!(told.contains("notifications/tools/list_changed"), "{told}");
    desktop.says = None;
    assert_eq!(desktop.hear().await, None);
    serving.await.unwrap();
    assert_eq!(connection.gateway.clients(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_the_input_ended_is_answered() {
    let connection = connected(&["slow"]).await;
    let (mut desktop, serving) = Desktop::start(&connection);
    desktop.ask(HELLO).await;
    desktop
        .say(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}"#)
        .await;
    desktop.says = None;
    let answer = desktop.hear().await.unwrap();
    assert!(answer.contains(r#""id":1,"result""#), "{answer}");
    assert_eq!(desktop.hear().await, None);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_answered_and_ends_nothing() {
    let connection = connected(&[]).await;
    let (mut desktop, _serving) = Desktop::start(&connection);
    for (line, code) in [
        ("nonsense", "-32700"),
        ("[]", "-32600"),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, "-32600"),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#,
            "begin with `initialize`",
        ),
    ] {
        let answer = desktop.ask(line).await;
        assert!(answer.contains(code), "{line}: {answer}");
    }
    desktop.say("").await;
    desktop.say(r#"{"jsonrpc":"2.0","id":9,"result":{}}"#).await;
    assert!(desktop.ask(HELLO).await.contains(r#""id":0,"result""#));
    assert!(desktop.ask(HELLO).await.contains("has begun already"));
}

#[tokio::test(start_paused = true)]
async fn what_is_longer_than_the_limit_of_the_moment_is_refused_by_its_id() {
    let connection = connected(&["echo"]).await;
    let (mut desktop, _serving) = Desktop::start(&connection);
    desktop.ask(HELLO).await;
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":5,"method":"ping","x":"{}"}}"#,
        "x".repeat(1000)
    );
    assert!(desktop.ask(&long).await.contains(r#""id":5,"result""#));
    let mut limits = connection.desk.limits();
    limits.body = 100;
    connection.desk.set_limits(limits);
    let refused = desktop.ask(&long).await;
    assert!(
        refused.contains(r#""id":5,"error""#) && refused.contains("server.limits.body"),
        "{refused}"
    );
    limits.body = 2000;
    connection.desk.set_limits(limits);
    assert!(desktop.ask(&long).await.contains(r#""id":5,"result""#));
}

#[tokio::test(start_paused = true)]
async fn both_eras_are_spoken_side_by_side() {
    let connection = connected(&["echo", "slow"]).await;
    let (mut desktop, _serving) = Desktop::start(&connection);
    let list = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{META}}}}}"#);
    let listed = desktop.ask(&list).await;
    assert!(listed.contains(r#""resultType":"complete""#), "{listed}");
    desktop.ask(HELLO).await;
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},{META}}}}}"#
    );
    assert!(desktop.ask(&listen).await.contains("acknowledged"));
    assert_eq!(connection.gateway.clients(), 1);
    desktop
        .say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}}"#)
        .await;
    let pong = desktop
        .ask(r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#)
        .await;
    assert!(pong.contains(r#""id":3"#), "{pong}");
    assert_eq!(connection.gateway.clients(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_listener_ends_with_the_input_and_delays_nothing() {
    let connection = connected(&[]).await;
    let (mut desktop, serving) = Desktop::start(&connection);
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{{"notifications":{{}},{META}}}}}"#
    );
    assert!(desktop.ask(&listen).await.contains("acknowledged"));
    let before = Instant::now();
    desktop.says = None;
    let end = desktop.hear().await.unwrap();
    assert!(end.contains(r#""id":"l","result""#), "{end}");
    assert_eq!(desktop.hear().await, None);
    serving.await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}
