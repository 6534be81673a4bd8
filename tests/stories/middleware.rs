//! The middleware chain in front of real backends, followed live.

use std::path::Path;

use serde_json::{Value, json};

use super::harness::List::Tools;
use super::harness::{Client, Host, RawClient, config, demo, knock, soon};

const TOKEN: &str = "a-token-for-the-stories";

fn text(middleware: &str) -> String {
    let rest = format!("middleware: [{middleware}]\n");
    config("mtime", &demo("one", "echo,whoami"), &rest)
}

#[tokio::test]
async fn a_limit_is_reached_and_a_reload_that_widens_it_frees_the_client() {
    let mut host = Host::start(&text("{rate-limit: {calls: 1, seconds: 3600}}")).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("whoami").await;
    let refused = client.call("whoami", json!({})).await.unwrap_err();
    assert!(refused.contains("too many calls of `whoami`"), "{refused}");
    assert!(refused.contains("try again in "), "{refused}");
    client.call("echo", json!({"text": "a"})).await.unwrap();

    // What is about something else leaves the limit as full as it was.
    let limit = "{rate-limit: {calls: 1, seconds: 3600}}";
    host.apply(&text(&format!("{{timeout: {{seconds: 9}}}}, {limit}")))
        .await;
    assert!(client.call("whoami", json!({})).await.is_err());

    let event = host
        .apply(&text("{rate-limit: {calls: 9, seconds: 3600}}"))
        .await;
    assert!(event.message.contains("middleware"), "{event:?}");
    assert_eq!(client.process("whoami").await, process);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn what_is_denied_disappears_is_refused_and_comes_back() {
    let mut host = Host::start(&text("")).await;
    let client = Client::connect(host.url()).await;
    assert_eq!(client.tools().await, ["echo", "whoami"]);

    host.apply(&text("{deny: {tools: [\"who*\"]}}")).await;
    assert_eq!(client.told(1).await, [Tools]);
    assert_eq!(client.tools().await, ["echo"]);
    let refused = client.call("whoami", json!({})).await.unwrap_err();
    assert!(refused.contains("is not allowed"), "{refused}");

    host.apply(&text("{allow: {tools: [\"who*\"]}}")).await;
    assert_eq!(client.tools().await, ["whoami"]);
    host.apply(&text("")).await;
    assert_eq!(client.tools().await, ["echo", "whoami"]);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn without_its_token_nobody_comes_in_and_no_log_has_it() {
    let auth = format!("{{auth: {{tokens: {{alice: \"${{NOT_SET:-{TOKEN}}}\"}}}}}}, audit");
    let mut host = Host::start(&text(&auth)).await;
    let url = host.url().to_owned();
    for (token, challenge) in [
        (None, r#"Bearer realm="config-sync""#),
        (
            Some("a-token-for-the-storiez"),
            r#"Bearer realm="config-sync", error="invalid_token", error_description="nobody has this token""#,
        ),
    ] {
        let answer = knock(&url, token).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], challenge);
    }
    assert_eq!(knock(&url, Some(TOKEN)).await.status(), 200);

    let mut alice = RawClient::connect_with(&url, TOKEN).await;
    let called = r#"{"name":"echo","arguments":{"text":"in"}}"#;
    assert!(alice.ask("tools/call", called).await.contains("in"));
    // A session is no token.
    alice.forget_token();
    assert_eq!(alice.status().await, 401);

    host.apply(&text("")).await;
    assert_eq!(knock(&url, None).await.status(), 200, "followed live");
    let folder = host.folder().to_owned();
    let log = host.log().join("\n");
    assert!(!log.contains(TOKEN), "{log}");
    let lines = audit(&[&folder.join("audit.jsonl")], 1).await;
    assert_eq!(lines[0]["caller"], "alice");
    assert!(!lines[0].to_string().contains(TOKEN));
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn what_a_client_hears_of_changes_on_ends_when_its_token_is_taken_back() {
    let auth = |token: &str| format!("{{auth: {{tokens: {{alice: {token}}}}}}}");
    let mut host = Host::start(&text(&auth(TOKEN))).await;
    let alice = RawClient::connect_with(host.url(), TOKEN).await;
    let mut stream = alice.listen().await;
    host.apply(&text(&format!("{}, audit", auth(TOKEN)))).await;
    assert_eq!(alice.status().await, 200);
    let without = text(&auth("another-token-of-hers"));
    let ended = async { while stream.chunk().await.unwrap().is_some() {} };
    tokio::join!(host.apply(&without), soon("the end of the stream", ended));
    assert_eq!(alice.status().await, 401);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let open = |middleware: &str| text(middleware).replace("port: 0", "host: 0.0.0.0, port: 0");
    let mut host = Host::start(&text("")).await;
    let event = host.settle(open("")).await;
    let remedy = "put `- auth: {token: \"${MCP_TOKEN}\"}` into `middleware`";
    assert!(event.message.starts_with("rejected: "), "{event:?}");
    assert!(event.message.contains(remedy), "{event:?}");

    let auth = format!("{{auth: {{token: \"${{NOT_SET:-{TOKEN}}}\"}}}}");
    let host = Host::start(&open(&auth)).await;
    let url = host.url().replace("0.0.0.0", "127.0.0.1");
    assert_eq!(knock(&url, None).await.status(), 401);
    assert_eq!(knock(&url, Some(TOKEN)).await.status(), 200);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn calls_are_written_down_and_a_full_file_is_moved_aside() {
    let audit_entry = "{audit: {max_size: 1, files: 2, arguments: true}}";
    let host = Host::start(&text(audit_entry)).await;
    let client = Client::connect(host.url()).await;
    let long = "x".repeat(8000);
    for _ in 0..140 {
        client.call("echo", json!({"text": long})).await.unwrap();
    }
    let secret = json!({"text": "a", "password": "hunter2"});
    client.call("echo", secret).await.unwrap();
    let (newest, older) = ("audit.jsonl", "audit.jsonl.1");
    let paths = [older, newest].map(|name| host.folder().join(name));
    let lines = audit(&[&paths[0], &paths[1]], 141).await;
    let last = lines.last().unwrap();
    assert_eq!(last["name"], "echo");
    assert_eq!(last["method"], "tools/call");
    assert_eq!(last["backend"], "one");
    assert_eq!(last["outcome"], "ok");
    assert!(last["milliseconds"].as_f64().unwrap() > 0.0);
    assert_eq!(last["arguments"]["password"], "[redacted]");
    let sizes = paths.map(|path| std::fs::metadata(path).unwrap().len());
    assert!(sizes[0] > 1 << 19 && sizes[0] <= 1 << 20, "{sizes:?}");
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_backend_without_answers_is_left_alone_and_events_say_so() {
    let chain = "{circuit-breaker: {failures: 2, open: 0.1}}, {timeout: {seconds: 0.1}}";
    let backend = demo("one", "echo,sleep");
    let rest = format!("middleware: [{chain}]\n");
    let mut host = Host::start(&config("mtime", &backend, &rest)).await;
    let client = Client::connect(host.url()).await;
    for _ in 0..2 {
        let late = client.call("sleep", json!({"ms": 60_000})).await;
        assert!(late.unwrap_err().contains("took longer than 0.1 s"));
    }
    let event = host
        .event("the breaker to open", |it| {
            it.message.contains("(circuit-breaker)")
        })
        .await;
    assert_eq!(event.kind, "degraded");
    assert!(event.message.starts_with("backend `one` gives no answer; "));
    while let Err(refused) = client.call("echo", json!({"text": "a"})).await {
        assert!(
            refused.contains("left alone for now; try again in"),
            "{refused}"
        );
    }
    let event = host
        .event("the breaker to close", |it| {
            it.message.contains("(circuit-breaker)")
        })
        .await;
    assert_eq!(
        event.message,
        "backend `one` answers again (circuit-breaker)"
    );
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn too_many_clients_and_too_long_requests_are_refused_with_the_limit_by_name() {
    let limited = |limits: &str| text("").replace("port: 0", &format!("port: 0, limits: {limits}"));
    let mut host = Host::start(&limited("{sessions: 1, body: 1}")).await;
    let client = RawClient::connect(host.url()).await;
    let answer = knock(host.url(), None).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "60");
    let said = answer.text().await.unwrap();
    assert!(said.contains("server.limits.sessions"), "{said}");

    let long = format!(
        r#"{{"name":"echo","arguments":{{"text":"{}"}}}}"#,
        "x".repeat(1 << 20)
    );
    let (status, said) = client.refused("tools/call", &long).await;
    assert_eq!(status, 413);
    assert!(said.contains("1 MiB (server.limits.body)"), "{said}");

    host.apply(&limited("{sessions: 2, body: 2}")).await;
    assert!(client.ask("tools/call", &long).await.contains("xxx"));
    RawClient::connect(host.url()).await;
    assert!(host.stop().await.success());
}

/// The lines of these audit files, once there are so many.
async fn audit(paths: &[&Path], count: usize) -> Vec<Value> {
    let read = || {
        let texts = paths.iter().map(std::fs::read_to_string);
        let texts: Vec<_> = texts.filter_map(Result::ok).collect();
        texts.concat()
    };
    super::harness::until("the audit's lines", || read().lines().count() >= count).await;
    let text = read();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}
