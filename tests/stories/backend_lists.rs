//! What backends do by themselves: they offer more than before, they die, they come back.

use std::os::unix::fs::symlink;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use super::harness::List::{Prompts, Resources, Tools};
use super::harness::{Client, Host, Remote, binary, config, demo, remote};

#[tokio::test]
async fn a_backend_that_offers_more_is_followed_with_one_word_to_clients() {
    let server = Remote::start("far_grow=grow").await;
    let both = [&*demo("one", "grow"), &remote("far", server.url())].concat();
    let mut host = Host::start(&config("mtime", &both, "")).await;
    let client = Client::connect(host.url()).await;

    for (tool, backend, step) in [("grow", "one", 1), ("far_grow", "far", 2)] {
        let name = format!("{backend}_new");
        client.call(tool, json!({ "name": name })).await.unwrap();
        let event = host.event("a changed catalog", |it| it.kind == "changed");
        let event = event.await;
        let message = format!(
            "the catalog follows backend `{backend}`: {} tools",
            2 + step
        );
        assert_eq!((event.message, event.generation), (message, 1 + step));
        client.told(step as usize).await;
        assert!(client.tools().await.contains(&name));
        let answer = client.call(&name, json!({"text": "hi"})).await;
        assert_eq!(answer.unwrap(), "hi");
    }

    // A marker: nothing but the prompts change.
    let hidden = both.replacen("]}", "], filters: {prompts: {deny: [\"*\"]}}}", 1);
    host.apply(&config("mtime", &hidden, "")).await;
    assert_eq!(client.told(3).await, [Tools, Tools, Prompts]);
    // What has grown is not forgotten by a reload that leaves the backend as it is.
    let tools = ["far_grow", "far_new", "grow", "one_new"];
    assert_eq!(client.tools().await, tools);
}

#[tokio::test]
async fn a_backend_that_dies_is_missed_loudly_and_comes_back() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("server");
    symlink(binary(), &program).unwrap();
    let mortal = format!(
        "  mortal: {{command: \"{}\", args: [demo-server, --name, mortal, --tools, \"mortal_whoami=whoami\"]}}\n",
        program.display()
    );
    let both = [&*mortal, &demo("one", "one_whoami=whoami")].concat();
    let mut host = Host::start(&config("mtime", &both, "")).await;
    let client = Client::connect(host.url()).await;
    let process = client.process("mortal_whoami").await;
    let other = client.process("one_whoami").await;

    // It dies, and cannot start again for now.
    std::fs::remove_file(&program).unwrap();
    kill(Pid::from_raw(process.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let event = host.event("a word about its death", |it| it.kind == "degraded");
    let message = event.await.message;
    assert!(
        message.starts_with("backend `mortal` is down: its process ended (signal: 9"),
        "{message}"
    );
    let missing = host.event("a word about its absence", |it| {
        it.message
            .starts_with("backend `mortal` is missing: the command")
    });
    assert_eq!(missing.await.kind, "degraded");
    let error = client.call("mortal_whoami", json!({})).await.unwrap_err();
    assert!(error.contains("mortal"), "{error}");
    assert_eq!(client.process("one_whoami").await, other);

    symlink(binary(), &program).unwrap();
    let event = host.event("its return", |it| it.kind == "changed").await;
    assert_eq!(event.message, "backend `mortal` serves again");
    assert_ne!(client.process("mortal_whoami").await, process);
    assert_eq!(client.process("one_whoami").await, other);
    let come_and_go = [Tools, Prompts, Resources];
    assert_eq!(client.told(6).await, [come_and_go, come_and_go].concat());
}

#[tokio::test]
async fn a_remote_backend_that_restarts_serves_again() {
    let server = Remote::start("far_whoami=whoami").await;
    let text = config("mtime", &remote("far", server.url()), "");
    let mut host = Host::start(&text).await;
    let client = Client::connect(host.url()).await;
    client.process("far_whoami").await;

    let address = server.kill().await;
    let error = client.call("far_whoami", json!({})).await.unwrap_err();
    assert!(error.contains("backend `far` did not answer"), "{error}");

    let _server = Remote::start_at(&address, "far_whoami=whoami").await;
    client.process("far_whoami").await;
    // It was no reload.
    let event = host.apply(&format!("{text}middleware: []\n")).await;
    assert_eq!(event.generation, 2);
}
