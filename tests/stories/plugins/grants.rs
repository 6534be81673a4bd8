//! Nothing is granted by default. What a plugin imports and is not granted is refused, by name,
//! with the line to add; `plugin inspect` says it before anybody lays it into the folder.

use std::fs;

use super::{GRANTED, LONG, dropped_in, errors, good, is_error, text};
use crate::harness::{Event, Host};

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_line_to_add() {
    let hostile = fs::read(env!("HOSTILE_DETECTOR")).unwrap();
    let folder = dropped_in(&[("mine.wasm", &hostile)]);
    let mut host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let told = host.events();
    let told = told.iter().find(|it| is_error(it)).unwrap();
    assert!(
        told.message
            .contains("plugins/mine.wasm: it imports `wasi:clocks/"),
        "{told:?}"
    );
    assert!(
        told.message
            .contains("add to mine.yaml beside it: `grants: {clock: true}`"),
        "{told:?}"
    );
    fs::write(host.folder().join("plugins/mine.yaml"), GRANTED).unwrap();
    host.event("the plugin", |it| {
        it.message.contains("plugin `mine` (detector) is there")
    })
    .await;
    host.apply(&text("mine", "add", LONG, "")).await;
    assert_eq!(errors(&host), 1);
}

#[tokio::test]
async fn what_is_granted_no_more_is_used_no_more() {
    let hostile = fs::read(env!("HOSTILE_DETECTOR")).unwrap();
    let folder = dropped_in(&[("mine.wasm", &hostile), ("mine.yaml", GRANTED)]);
    let mut host = Host::start_in(folder, &text("mine", "echo", LONG, "")).await;
    host.apply(&text("mine", "add", LONG, "")).await;
    let beside = host.folder().join("plugins/mine.yaml");
    fs::write(&beside, "grants: {}\n").unwrap();
    let refused = host.event("that it is refused", is_error).await;
    assert!(refused.message.contains("not granted"), "{refused:?}");
    assert!(!refused.message.contains("goes on"), "{refused:?}");
    let instead = |it: &Event| it.message.contains("`mine` keeps failing; `hash` looks");
    host.event("that another looks in its place", instead).await;
    host.apply(&text("mine", "whoami", LONG, "")).await;
    fs::write(&beside, GRANTED).unwrap();
    host.event("the plugin", |it| {
        it.message.contains("plugin `mine` (detector) is there")
    })
    .await;
    host.apply(&text("mine", "echo", LONG, "")).await;
}

#[tokio::test]
async fn a_mistake_beside_a_plugin_is_told_with_its_line() {
    let folder = dropped_in(&[
        ("mine.yaml", b"grants:\n  clok: true\n"),
        ("mine.wasm", &good()),
    ]);
    let host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let told = host.events();
    let told = told.iter().find(|it| is_error(it)).unwrap();
    assert!(
        told.message
            .contains("mine.yaml:2:3: grants.clok: unknown key; did you mean `clock`?"),
        "{told:?}"
    );
}

#[tokio::test]
async fn inspect_says_what_a_component_is_and_lacks() {
    let hostile = fs::read(env!("HOSTILE_DETECTOR")).unwrap();
    let folder = dropped_in(&[
        ("mine.wasm", &hostile),
        ("good.wasm", &good()),
        ("bad.wasm", b"x"),
    ]);
    let host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let inspect = |name: &str| {
        let file = host.folder().join("plugins").join(name);
        let mut command = std::process::Command::new(crate::harness::binary());
        let output = command
            .args(["plugin", "inspect"])
            .arg(file)
            .arg("--json")
            .output();
        output.unwrap()
    };
    let of =
        |name: &str| serde_json::from_slice::<serde_json::Value>(&inspect(name).stdout).unwrap();
    let mine = of("mine.wasm");
    assert_eq!(mine["kind"], "detector");
    assert_eq!(mine["wants"], serde_json::json!(["clock"]));
    assert_eq!(mine["lacks"], serde_json::json!(["clock"]));
    assert!(mine["refused"].as_str().unwrap().contains("not granted"));
    let good = of("good.wasm");
    assert_eq!(good["refused"], serde_json::Value::Null);
    assert_eq!(good["limits"]["memory"], 64);
    assert_eq!(inspect("bad.wasm").status.code(), Some(2));
    // And `list` says the same of all of them.
    let (listed, code) = host.home().answer(&["plugin", "list"]);
    let states = listed.as_array().unwrap().iter();
    let states: Vec<_> = states
        .map(|it| (it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states[..3],
        [("bad", "refused"), ("good", "ready"), ("mine", "refused")]
    );
    assert_eq!(code, Some(1));
}
