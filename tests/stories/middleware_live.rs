//! Middleware that is set in another way, or replaced, under calls that never pause: none of them
//! fails by it, and the new setting counts from the next call on.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::harness::{Era, Host, RawClient, RawRemote, config, demo, knock, remote, soon, until};

const TOKEN: &str = "a-token-for-the-stories";
const OTHER: &str = "another-token-for-the-stories";
const TOOLS: &str = "echo,sleep,probe=echo,nap=sleep";

/// Clients that call without pause, until they are told that it is enough.
struct Load {
    enough: Arc<AtomicBool>,
    calling: JoinSet<usize>,
}

impl Load {
    async fn begin(host: &Host) -> Self {
        let (enough, mut calling) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for n in 0..4 {
            let client = RawClient::connect_with(host.url(), TOKEN).await;
            let enough = Arc::clone(&enough);
            calling.spawn(async move {
                let mut calls = 0;
                while !enough.load(Ordering::Relaxed) {
                    // One of them is always in the middle of a call when something changes.
                    let (tool, arguments, said) = match n {
                        0 => ("sleep", json!({"ms": 300}), "slept 300 ms".to_owned()),
                        _ => (
                            "echo",
                            json!({"text": format!("{n}-{calls}")}),
                            format!("{n}-{calls}"),
                        ),
                    };
                    let answer = call(&client, tool, &arguments).await;
                    assert!(answer.contains(&said), "call {calls} of {n}: {answer}");
                    calls += 1;
                }
                calls
            });
        }
        Self { enough, calling }
    }

    /// How many calls there were; none failed.
    async fn end(mut self) -> usize {
        self.enough.store(true, Ordering::Relaxed);
        let mut calls = 0;
        while let Some(called) = self.calling.join_next().await {
            calls += called.unwrap();
        }
        calls
    }
}

async fn call(client: &RawClient, tool: &str, arguments: &Value) -> String {
    let params = json!({"name": tool, "arguments": arguments});
    client.ask("tools/call", &params.to_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_setting_counts_at_once_and_fails_no_call() {
    let far = RawRemote::start(Era::Old).await;
    let text = |entry: &str| {
        let backends = demo("one", TOOLS) + &remote("far", &far.url());
        let auth = format!("{{name: door, type: auth, tokens: {{one: {TOKEN}}}}}");
        config(
            "mtime",
            &backends,
            &format!("middleware: [{auth}, {entry}]\n"),
        )
    };
    let mut host = Host::start(&text("recovery")).await;
    let client = RawClient::connect_with(host.url(), TOKEN).await;
    let (folder, url) = (host.folder().to_owned(), host.url().to_owned());
    let load = Load::begin(&host).await;
    let probe = async || call(&client, "probe", &json!({"text": "a needle"})).await;
    let fail = async || call(&client, "sin", &json!({"how": "fail"})).await;

    for (before, after) in [
        ("{audit: {file: first}}", "{audit: {file: second}}"),
        (
            "{allow: {tools: [\"*\"]}}",
            "{allow: {tools: [echo, sleep, nap]}}",
        ),
        ("{deny: {tools: [none]}}", "{deny: {tools: [probe]}}"),
        (
            "{rate-limit: {calls: 100, seconds: 3600, tools: [probe]}}",
            "{rate-limit: {calls: 1, seconds: 3600, tools: [probe]}}",
        ),
        (
            "{concurrency-limit: {calls: 2, wait: 0, tools: [nap]}}",
            "{concurrency-limit: {calls: 1, wait: 0, tools: [nap]}}",
        ),
        ("{timeout: {seconds: 60}}", "{timeout: {seconds: 1}}"),
        (
            "{retry: {attempts: 2, backoff: 0.01}}",
            "{retry: {attempts: 3, backoff: 0.01}}",
        ),
        (
            "{circuit-breaker: {failures: 100}}",
            "{circuit-breaker: {failures: 1, open: 3600}}",
        ),
        (
            "{redact: {patterns: [nothing]}}",
            "{redact: {patterns: [needle]}}",
        ),
        (
            "{arguments: {fixed: {probe: {text: one}}}}",
            "{arguments: {fixed: {probe: {text: two}}}}",
        ),
    ] {
        for (entry, is_new) in [(before, false), (after, true)] {
            // This one outlasts the change, and is of the time before it.
            let (nap, next) = (json!({"ms": 700}), text(entry));
            let (long, event) = tokio::join!(call(&client, "nap", &nap), host.apply(&next));
            assert!(long.contains("slept 700 ms"), "{entry}: {long}");
            assert!(event.message.contains("middleware"), "{event:?}");
            let name = entry.trim_start_matches('{').split(':').next().unwrap();
            match name {
                "audit" => {
                    probe().await;
                    let file = if is_new { "second" } else { "first" };
                    let written = || fs::read_to_string(folder.join(file)).unwrap_or_default();
                    until("the audit", || written().contains("probe")).await;
                }
                "allow" | "deny" => {
                    let listed = client.ask("tools/list", "{}").await;
                    assert_eq!(listed.contains("\"probe\""), !is_new, "{entry}");
                    assert_eq!(probe().await.contains("is not allowed"), is_new);
                }
                "rate-limit" => {
                    assert!(probe().await.contains("needle"));
                    assert_eq!(probe().await.contains("too many calls"), is_new);
                }
                "concurrency-limit" => {
                    let nap = json!({"ms": 300});
                    let other = RawClient::connect_with(&url, TOKEN).await;
                    let (one, two) =
                        tokio::join!(call(&client, "nap", &nap), call(&other, "nap", &nap));
                    let refused = [&one, &two].iter().any(|it| it.contains(r#""code":429"#));
                    assert_eq!(refused, is_new, "{entry}: {one} {two}");
                }
                "timeout" => {
                    let late = call(&client, "nap", &json!({"ms": 1500})).await;
                    assert_eq!(late.contains("took longer than 1 s"), is_new, "{late}");
                }
                "retry" => {
                    let asked = far.count("tools/call");
                    assert!(fail().await.contains("HTTP 503"));
                    let tries = far.count("tools/call") - asked;
                    assert_eq!(tries, if is_new { 3 } else { 2 });
                }
                "circuit-breaker" => {
                    assert!(fail().await.contains("HTTP 503"));
                    assert_eq!(fail().await.contains("is left alone for now"), is_new);
                }
                "redact" => assert_eq!(probe().await.contains("a [redacted]"), is_new),
                "arguments" => {
                    let said = if is_new { "two" } else { "one" };
                    assert!(probe().await.contains(&format!("\"text\":\"{said}\"")));
                }
                other => panic!("nothing is known of {other}"),
            }
        }
    }
    // Who may come in.
    assert_eq!(knock(&url, Some(OTHER)).await.status(), 401);
    let both = format!("one: {TOKEN}, other: {OTHER}");
    let open = text("recovery").replace(&format!("one: {TOKEN}"), &both);
    host.apply(&open).await;
    assert_eq!(knock(&url, Some(OTHER)).await.status(), 200);

    let calls = load.end().await;
    assert!(calls > 100, "{calls} calls are no load");
    assert!(host.stop().await.success());
}

/// Lays a component into the folder as careful people do.
fn lay(folder: &Path, component: &[u8]) {
    fs::write(folder.join(".mine"), component).unwrap();
    fs::rename(folder.join(".mine"), folder.join("mine.wasm")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_of_middleware_is_replaced_under_calls() {
    let arguments = fs::read(env!("MIDDLEWARE_ARGUMENTS")).unwrap();
    let hostile = fs::read(env!("HOSTILE_MIDDLEWARE")).unwrap();
    let folder = TempDir::new().unwrap();
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("mine.yaml"), "grants: {clock: true}\n").unwrap();
    lay(&plugins, &arguments);
    let rest = format!(
        "middleware: [{{auth: {{token: {TOKEN}}}}}, {{mine: {{defaults: {{none: {{a: 1}}}}}}}}]\nplugins: {{limits: {{time: 10}}}}\n"
    );
    let host = Host::start_in(folder, &config("mtime", &demo("one", TOOLS), &rest)).await;
    let client = RawClient::connect_with(host.url(), TOKEN).await;
    let load = Load::begin(&host).await;
    // To the one this is a command, to the other nothing in particular.
    let told = json!({"text": "through", "in": "request", "sin": "answer"});
    for round in 0..6 {
        let (component, said) = match round % 2 {
            0 => (&hostile, "answered"),
            _ => (&arguments, "through"),
        };
        lay(&plugins, component);
        let swapped = async { while !call(&client, "probe", &told).await.contains(said) {} };
        soon("the other component", swapped).await;
    }
    let calls = load.end().await;
    assert!(calls > 100, "{calls} calls are no load");
    let errors = host.events().into_iter().filter(|it| it.kind == "error");
    assert_eq!(errors.count(), 0);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_component_of_middleware_is_replaced_while_the_file_is_broken() {
    let arguments = fs::read(env!("MIDDLEWARE_ARGUMENTS")).unwrap();
    let folder = TempDir::new().unwrap();
    let plugins = folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("mine.yaml"), "grants: {clock: true}\n").unwrap();
    lay(&plugins, &arguments);
    let rest = "middleware: [{mine: {defaults: {none: {a: 1}}}}]\nplugins: {limits: {time: 10}}\n";
    let mut host = Host::start_in(folder, &config("mtime", &demo("one", TOOLS), rest)).await;
    assert_eq!(host.settle("{").await.kind, "error");
    lay(&plugins, &fs::read(env!("HOSTILE_MIDDLEWARE")).unwrap());
    let client = RawClient::connect(host.url()).await;
    let told = json!({"text": "through", "in": "request", "sin": "answer"});
    let swapped = async { while !call(&client, "probe", &told).await.contains("answered") {} };
    soon("the other component", swapped).await;
    assert!(host.stop().await.success());
}
