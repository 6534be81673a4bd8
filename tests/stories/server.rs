//! The address changes while clients are connected.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;

use super::harness::List::Tools;
use super::harness::{Client, Host, RawClient, config, demo};

fn text(port: u16, tools: &str) -> String {
    let text = config("mtime", &demo("one", tools), "");
    text.replace("port: 0", &format!("port: {port}"))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/mcp")
}

/// A port that nobody uses, for the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_new_port_answers_and_sessions_go_on_there() {
    let mut host = Host::start(&text(0, "echo,sleep,whoami")).await;
    let client = Arc::new(Client::connect(host.url()).await);
    let mut raw = RawClient::connect(host.url()).await;
    let process = client.process("whoami").await;
    let sleeper = Arc::clone(&client);
    let call = tokio::spawn(async move { sleeper.call("sleep", json!({"ms": 1500})).await });
    client.process("whoami").await;

    let port = free_port();
    let event = host.apply(&text(port, "echo,sleep,whoami")).await;
    assert_eq!(event.message, "configuration reloaded (~ server)");

    let newcomer = Client::connect(&url(port)).await;
    assert_eq!(newcomer.process("whoami").await, process);
    raw.move_to(&url(port));
    let pong = raw.ask("ping", "{}").await;
    assert!(pong.contains(r#""result""#), "{pong}");
    // What was under way at the old port ends there.
    assert_eq!(call.await.unwrap().unwrap(), "slept 1500 ms");

    // The next change is told at both.
    host.apply(&text(port, "echo,sleep,whoami,add")).await;
    assert_eq!(client.told(1).await, [Tools]);
    assert_eq!(newcomer.told(1).await, [Tools]);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_port_in_use_is_refused_and_the_old_one_serves_on() {
    let first = text(0, "echo");
    let mut host = Host::start(&first).await;
    let client = Client::connect(host.url()).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();

    let event = host.settle(text(port, "echo,add")).await;
    assert_eq!(event.kind, "error");
    let message = event.message;
    assert!(message.contains("server.port"), "{message}");
    assert!(message.contains(&format!("cannot listen on 127.0.0.1:{port}")));
    assert!(message.contains("choose another port"), "{message}");
    assert_eq!(client.tools().await, ["echo"]);
    Client::connect(host.url()).await;

    // As soon as it is free, the same bytes serve there.
    drop(taken);
    let event = host.event("the next try", |it| it.kind == "changed").await;
    assert_eq!(event.generation, 2);
    assert_eq!(
        Client::connect(&url(port)).await.tools().await,
        ["add", "echo"]
    );
}

#[tokio::test]
async fn another_host_with_the_same_port_serves_before_the_old_one_lets_go() {
    const TOKEN: &str = "a-token-of-sixteen";
    let auth = format!("middleware: [{{auth: {{token: {TOKEN}}}}}]\n");
    let at = |host: &str, port: u16, tools: &str| {
        let text = config("mtime", &demo("one", tools), &auth);
        text.replace("port: 0", &format!("host: {host}, port: {port}"))
    };
    let port = free_port();
    let mut host = Host::start(&at("127.0.0.1", port, "echo,whoami")).await;
    let early = RawClient::connect_with(&url(port), TOKEN).await;
    // All addresses of this machine, the old one among them; then another one alone; and back.
    for (step, place, also) in [
        (2, "0.0.0.0", Some("127.0.0.2")),
        (3, "127.0.0.1", None),
        (4, "0.0.0.0", Some("127.0.0.3")),
        (5, "\"::\"", Some("[::1]")),
    ] {
        if place.contains("::") && TcpListener::bind("[::1]:0").is_err() {
            println!("this machine has no IPv6: left out");
            continue;
        }
        let event = host.apply(&at(place, port, "echo,whoami")).await;
        assert_eq!(
            (event.message.as_str(), event.generation),
            ("configuration reloaded (~ server)", step),
            "{place}"
        );
        // The session goes on at its old connection; others are let in at once.
        assert_eq!(early.status().await, 200, "{place}");
        RawClient::connect_with(&url(port), TOKEN).await;
        if let Some(also) = also {
            let there = format!("http://{also}:{port}/mcp");
            RawClient::connect_with(&there, TOKEN).await;
        }
    }
    assert!(host.stop().await.success());
}
