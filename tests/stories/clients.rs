//! Clients of every kind, those that misbehave among them: what one of them does is its own
//! affair.

use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Command;

use super::harness::List::Tools;
use super::harness::{Client, Event, Home, Host, RawClient, Way, Wire, config, demo, http, soon};

const HELLO: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"story","version":"1"}}}"#;
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn text(tools: &str, limits: &str) -> String {
    let text = config("mtime", &demo("one", tools), "");
    text.replace("port: 0", &format!("port: 0, limits: {{{limits}}}"))
}

fn address(host: &Host) -> String {
    let address = host.url().strip_prefix("http://").unwrap();
    address.strip_suffix("/mcp").unwrap().to_owned()
}

/// What the other end says until it closes.
async fn last_words(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // That it breaks off is an end too.
    let _ = soon("the connection to end", stream.read_to_end(&mut said)).await;
    String::from_utf8(said).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_one_client_is_told_to_it_and_harms_nobody() {
    let host = Host::start(&text("echo,whoami", "")).await;
    let good = Client::connect(host.url()).await;
    let process = good.process("whoami").await;
    let raw = RawClient::connect(host.url()).await;
    for (body, status, say) in [
        ("nonsense", 400, "-32700"),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            400,
            "one message at a time",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1}"#,
            400,
            "a method, a result or an error",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            200,
            "unknown tool",
        ),
    ] {
        let (told, said) = raw.say(body).await;
        assert_eq!(told, status, "{body}: {said}");
        assert!(said.contains(say), "{body}: {said}");
    }
    let large = vec![b' '; 100 << 20];
    let refused = http()
        .post(host.url())
        .header("content-type", "application/json")
        .body(large)
        .send();
    assert_eq!(soon("an answer", refused).await.unwrap().status(), 413);
    for head in [
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
            "x".repeat(1 << 20)
        ),
    ] {
        let mut stream = TcpStream::connect(address(&host)).await.unwrap();
        // It may close before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
        let said = last_words(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    assert_eq!(good.process("whoami").await, process);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_client_that_never_comes_to_the_end_of_its_headers_is_let_go() {
    let host = Host::start(&text("echo", "")).await;
    let mut slow = TcpStream::connect(address(&host)).await.unwrap();
    slow.write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: ")
        .await
        .unwrap();
    assert_eq!(last_words(&mut slow).await, "");
    Client::connect(host.url()).await;
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_client_that_does_not_read_its_stream_delays_nobody() {
    let mut host = Host::start(&text("echo", "")).await;
    let deaf = RawClient::connect(host.url()).await;
    let mut stream = TcpStream::connect(address(&host)).await.unwrap();
    let listen = format!(
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: {}\r\n\r\n",
        deaf.session()
    );
    stream.write_all(listen.as_bytes()).await.unwrap();
    let good = Client::connect(host.url()).await;
    for n in 1..=5 {
        let tools = if n % 2 == 1 { "echo,add" } else { "echo" };
        host.apply(&text(tools, "")).await;
        assert_eq!(good.told(n).await, vec![Tools; n]);
    }
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn beyond_the_limit_a_connection_is_refused_with_the_reason() {
    let mut host = Host::start(&text("echo", "connections: 2")).await;
    let (first, second) = (
        TcpStream::connect(address(&host)).await.unwrap(),
        TcpStream::connect(address(&host)).await.unwrap(),
    );
    let mut third = TcpStream::connect(address(&host)).await.unwrap();
    let said = last_words(&mut third).await;
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(said.contains("server.limits.connections"), "{said}");
    // Wider at once, without a restart.
    host.apply(&text("echo", "connections: 50")).await;
    Client::connect(host.url()).await;
    drop((first, second));
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn an_address_that_was_left_lets_clients_in_for_a_while() {
    let mut host = Host::start(&text("echo", "")).await;
    let old = host.url().to_owned();
    let client = Client::connect(&old).await;
    let elsewhere = text("echo,add", "").replace("port: 0", "port: 0, host: 127.0.0.2");
    host.apply(&elsewhere).await;
    assert_eq!(client.told(1).await, [Tools]);
    let late = Client::connect(&old).await;
    assert_eq!(late.tools().await, ["add", "echo"]);
    // And back again: it is the same address, which nobody has closed.
    host.apply(&text("echo", "")).await;
    assert_eq!(late.told(1).await, [Tools]);
    assert_eq!(Client::connect(&old).await.tools().await, ["echo"]);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_client_without_a_session_calls_and_listens() {
    let mut host = Host::start(&text("echo", "")).await;
    let ask = async |method: &str, name: Option<&str>, params: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{META}}}}}"#
        );
        let mut request = http()
            .post(host.url())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .body(body);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        soon(method, request.send()).await.unwrap()
    };
    let discovered = ask("server/discover", None, "").await.text().await.unwrap();
    assert!(
        discovered.contains(r#""supportedVersions":["2026-07-28""#),
        "{discovered}"
    );
    let echo = r#""name":"echo","arguments":{"text":"hi"},"#;
    let answer = ask("tools/call", Some("echo"), echo).await;
    assert_eq!(answer.status(), 200);
    let answer = answer.text().await.unwrap();
    assert!(
        answer.contains(r#""text":"hi""#) && answer.contains("complete"),
        "{answer}"
    );

    let filter = r#""notifications":{"toolsListChanged":true},"#;
    let mut stream = ask("subscriptions/listen", None, filter).await;
    let mut next = async || {
        let chunk = soon("an event", stream.chunk()).await.unwrap().unwrap();
        String::from_utf8(chunk.to_vec()).unwrap()
    };
    let first = next().await;
    assert!(first.contains("subscriptions/acknowledged"), "{first}");
    host.apply(&text("echo,add", "")).await;
    let told = next().await;
    assert!(told.contains("notifications/tools/list_changed"), "{told}");
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn who_comes_and_goes_is_told_by_events_and_calls_without_a_session_are_not() {
    let mut host = Host::start(&text("echo", "")).await;
    let url = host.url().to_owned();
    let stateless = Wire::to(&url, Way::Stateless).await;
    let client = Client::connect(&url).await;
    client.leave().await;
    let is_client = |it: &Event| it.kind == "client";
    let came = host.event("it to come", is_client).await;
    assert!(came.message.ends_with("(2025-11-25) connected"), "{came:?}");
    let left = host.event("it to leave", is_client).await;
    assert!(left.message.ends_with("ended its session"), "{left:?}");
    drop(stateless);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_client_that_starts_the_host_is_told_of_changes_and_ends_it() {
    let nowhere = |tools: &str| text(tools, "").replace("port: 0, limits: {}", "");
    let home = Home::of(TempDir::new().unwrap());
    home.save(nowhere("echo"));
    let mut command = Command::from(home.command(&["run", "--stdio"]));
    let mut host = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut says = host.stdin.take().unwrap();
    let mut hears = BufReader::new(host.stdout.take().unwrap()).lines();
    let mut hear = async || soon("a message", hears.next_line()).await.unwrap();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let lines = format!("{HELLO}\n{initialized}\n{list}\n");
    says.write_all(lines.as_bytes()).await.unwrap();
    assert!(hear().await.unwrap().contains(r#""id":0,"result""#));
    let listed = hear().await.unwrap();
    assert!(
        listed.contains(r#""name":"echo""#) && !listed.contains("whoami"),
        "{listed}"
    );
    let status = home.answer(&["status"]).0;
    assert_eq!(status["address"], json!(null), "no address was named");
    assert_eq!(status["serves"]["clients"], 1);
    let socket = home.socket().unwrap();
    let head = "GET /manage/v1/clients HTTP/1.1\r\nHost: host\r\nConnection: close\r\n\r\n";
    let mut manage = UnixStream::connect(socket).await.unwrap();
    manage.write_all(head.as_bytes()).await.unwrap();
    let mut clients = String::new();
    manage.read_to_string(&mut clients).await.unwrap();
    assert!(
        clients.contains(r#""name":"story/1","protocol":"2025-11-25","since":"2"#),
        "{clients}"
    );

    home.save(nowhere("echo,whoami"));
    let told = hear().await.unwrap();
    assert!(told.contains("notifications/tools/list_changed"), "{told}");
    let new = format!(r#"{{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{{{META}}}}}"#);
    says.write_all(format!("{new}\n").as_bytes()).await.unwrap();
    let listed = hear().await.unwrap();
    assert!(
        listed.contains("whoami") && listed.contains(r#""ttlMs":0"#),
        "{listed}"
    );
    drop(says);
    assert_eq!(hear().await, None);
    assert!(
        soon("the host to end", host.wait())
            .await
            .unwrap()
            .success()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_its_result_when_its_connection_is_lost_in_between() {
    let host = Host::start(&text("sleep,whoami", "")).await;
    let client = Arc::new(Client::connect(host.url()).await);
    let raw = RawClient::connect(host.url()).await;
    let body = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":300}}}"#;
    let mut stream = TcpStream::connect(address(&host)).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nMcp-Session-Id: {}\r\n\r\n{body}",
        body.len(),
        raw.session()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    // The session lives, and so does everybody else.
    assert_eq!(raw.status().await, 200);
    client.process("whoami").await;
    assert!(host.stop().await.success());
}
