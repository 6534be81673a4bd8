//! A call ends on the snapshot it began on, whatever comes between; then what is gone stops, with
//! everything that it started. The calls here are held by their backend until the story says so,
//! and thus outlast the swap for certain.

use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::signal::Signal;
use serde_json::json;

use super::harness::{
    Client, Held, Host, RAW_BACKEND, binary, config, demo, group, is_gone, until,
};

fn raw(env: &str) -> String {
    format!("  raw: {{command: \"{RAW_BACKEND}\", env: {{N: \"{env}\"}}}}\n")
}

/// A host with `backends`, and a client of it.
async fn start(backends: &str) -> (Host, Arc<Client>) {
    let host = Host::start(&config("mtime", backends, "")).await;
    let client = Client::connect(host.url()).await;
    (host, Arc::new(client))
}

/// The only child of the host.
fn only_child(host: &Host) -> u32 {
    let children = host.children();
    assert_eq!(children.len(), 1, "{children:?}");
    children[0].id
}

#[tokio::test]
async fn a_call_to_a_removed_backend_ends_with_its_result() {
    let (mut host, client) = start(&raw("1")).await;
    let process = only_child(&host);
    let held = Held::begin(&client).await;
    host.apply(&config("mtime", "", "")).await;
    assert!(client.tools().await.is_empty());
    assert!(!is_gone(process));
    assert_eq!(held.release().await.unwrap(), "released");
    until("the removed backend to end", || is_gone(process)).await;
}

#[tokio::test]
async fn a_call_to_a_replaced_backend_ends_with_its_result() {
    let (mut host, client) = start(&raw("1")).await;
    let process = only_child(&host);
    let held = Held::begin(&client).await;
    host.apply(&config("mtime", &raw("2"), "")).await;
    // The next call goes to the next process, and waits for nobody.
    let next = client.call("mirror", json!({})).await;
    assert_eq!(next.unwrap(), "");
    assert_eq!(host.children().len(), 2);
    assert_eq!(held.release().await.unwrap(), "released");
    until("the replaced process to end", || is_gone(process)).await;
}

#[tokio::test]
async fn a_call_of_more_than_half_a_second_outlives_its_backend() {
    let tools = "sleep,whoami";
    let (mut host, client) = start(&demo("one", tools)).await;
    let process = client.process("whoami").await;
    let sleeper = Arc::clone(&client);
    let call = tokio::spawn(async move { sleeper.call("sleep", json!({"ms": 1500})).await });
    // On its way before the file is saved: the session answers in order.
    client.process("whoami").await;
    host.apply(&config("mtime", "", "")).await;
    assert_eq!(call.await.unwrap().unwrap(), "slept 1500 ms");
    until("the removed backend to end", || is_gone(process)).await;
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_time_ends_with_an_error() {
    let limited = raw("1").replace("}}", "}, timeouts: {drain: 0.1}}");
    let (mut host, client) = start(&limited).await;
    let process = only_child(&host);
    let held = Held::begin(&client).await;
    host.apply(&config("mtime", "", "")).await;
    until("the removed backend to end", || is_gone(process)).await;
    let error = held.ended().await.unwrap_err();
    assert!(error.contains("backend `raw` did not answer"), "{error}");
}

#[tokio::test]
async fn sigterm_lets_a_call_end_and_leaves_no_child() {
    let (mut host, client) = start(&raw("1")).await;
    let process = only_child(&host);
    let held = Held::begin(&client).await;
    host.signal(Signal::SIGTERM);
    host.event("the host to stop", |it| it.message == "stopping")
        .await;
    assert!(!is_gone(process));
    assert_eq!(held.release().await.unwrap(), "released");
    let status = host.ended().await;
    assert_eq!(status.code(), Some(0));
    until("the backend to end", || is_gone(process)).await;
}

#[tokio::test]
async fn sigint_ends_the_host_as_well() {
    let (host, _client) = start(&demo("one", "echo")).await;
    let process = only_child(&host);
    host.signal(Signal::SIGINT);
    assert_eq!(host.ended().await.code(), Some(0));
    until("the backend to end", || is_gone(process)).await;
}

/// A shell with a child that outlives it, which becomes a demo server.
fn family(before: &str) -> String {
    let host: PathBuf = binary();
    let script = format!("{before}sleep 1000 & exec '{}' demo-server", host.display());
    format!("  family: {{command: sh, args: [-c, \"{script}\"]}}\n")
}

#[tokio::test]
async fn children_of_a_removed_backend_go_with_it() {
    let (mut host, _client) = start(&family("")).await;
    let process = only_child(&host);
    assert_eq!(group(process).len(), 2, "the server and its child");
    host.apply(&config("mtime", "", "")).await;
    until("the whole family to end", || group(process).is_empty()).await;
}

#[tokio::test]
async fn children_of_a_backend_go_with_the_host_even_if_they_will_not_hear() {
    let (host, _client) = start(&family("trap '' TERM; ")).await;
    let process = only_child(&host);
    assert_eq!(group(process).len(), 2, "the server and its child");
    assert!(host.stop().await.success());
    assert!(group(process).is_empty());
}

#[tokio::test]
async fn a_backend_that_ignores_every_word_is_killed() {
    // Neither the end of its input nor SIGTERM means anything to it.
    let script = format!(
        "trap '' TERM; '{}' demo-server; while :; do sleep 1000; done",
        binary().display()
    );
    let deaf = format!("  deaf: {{command: sh, args: [-c, \"{script}\"]}}\n");
    let (mut host, _client) = start(&deaf).await;
    let process = only_child(&host);
    host.apply(&config("mtime", "", "")).await;
    until("the whole group to end", || group(process).is_empty()).await;
}
