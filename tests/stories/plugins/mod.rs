//! Plugins from outside. Here: good ones serve under the name of their file, broken ones are named
//! and hide no other. Beside: what those do that misbehave while they run.

#[path = "../../../host/src/plugin/unfold/bombs.rs"]
mod bombs;
mod bounds;
mod detectors;
mod effects;
mod grants;
mod handlers;
mod leaks;
mod live;
mod middleware;
mod printing;
mod published;
mod quarantine;
mod reach;
mod swapped;

use std::fs;

use tempfile::TempDir;

use crate::harness::{Client, Event, Host, config, demo};

/// Short for guests that never end, since each of their faults takes so long.
const SHORT: &str = "0.2";
/// For all others, so that a busy machine is not taken for a slow guest.
const LONG: &str = "10";
/// What people read in one line, and no more than that of whatever a plugin says.
const READABLE: usize = 8 * 1024;

/// A folder in whose `plugins` these files lie.
fn dropped_in(plugins: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let inside = folder.path().join("plugins");
    fs::create_dir(&inside).unwrap();
    for (name, bytes) in plugins {
        fs::write(inside.join(name), bytes).unwrap();
    }
    folder
}

/// What the guests that misbehave need to misbehave in every way.
const GRANTED: &[u8] = b"grants: {clock: true}\n";

/// A folder with this component under the name `hostile`.
fn hostile(component: &str) -> TempDir {
    let component = fs::read(component).unwrap();
    dropped_in(&[("hostile.yaml", GRANTED), ("hostile.wasm", &component)])
}

fn text(detection: &str, tools: &str, time: &str, rest: &str) -> String {
    let limits = format!("plugins: {{limits: {{time: {time}, memory: 32}}}}\n{rest}");
    config(detection, &demo("demo", tools), &limits)
}

fn good() -> Vec<u8> {
    fs::read(env!("DETECTOR_MTIME")).unwrap()
}

fn is_error(event: &Event) -> bool {
    event.kind == "error"
}

fn errors(host: &Host) -> usize {
    host.events().iter().filter(|event| is_error(event)).count()
}

#[tokio::test]
async fn a_detector_serves_under_the_name_of_its_file() {
    let folder = dropped_in(&[("my-rules.wasm", &good())]);
    let mut host = Host::start_in(folder, &text("my-rules", "echo", LONG, "")).await;
    let client = Client::connect(host.url()).await;
    host.apply(&text("my-rules", "add", LONG, "")).await;
    assert_eq!(client.tools().await, ["add"]);
    assert_eq!(errors(&host), 0);
}

#[tokio::test]
async fn what_is_no_plugin_is_named_with_the_reason_and_hides_no_other() {
    let good = good();
    let noise: Vec<u8> = (0..4096_u32).map(|n| (n * n % 251) as u8).collect();
    let (truncated, _) = good.split_at(good.len() / 2);
    let broken: [(&str, &[u8], &str); 6] = [
        (
            "truncated.wasm",
            truncated,
            "it is not a WebAssembly component",
        ),
        ("noise.wasm", &noise, "it is not a WebAssembly component"),
        ("empty.wasm", b"", "it is not a WebAssembly component"),
        (
            "core.wasm",
            b"\0asm\x01\0\0\0",
            "it is a core module, not a component",
        ),
        ("stranger.wasm", b"\0asm\x0d\0\x01\0", "it exports none of"),
        ("greedy.wasm", &greedy(&good), "plugin/lag@0.1."),
    ];
    let bombs = bombs::all();
    let bombs = bombs
        .iter()
        .map(|(name, bytes, why)| (*name, &bytes[..], *why));
    let broken: Vec<_> = broken.into_iter().chain(bombs).collect();
    let mut plugins: Vec<_> = broken
        .iter()
        .map(|(name, bytes, _)| (*name, *bytes))
        .collect();
    plugins.push(("good.wasm", &good));
    let mut host = Host::start_in(dropped_in(&plugins), &text("good", "echo", LONG, "")).await;
    for (name, _, reason) in &broken {
        let path = format!("plugins/{name}: ");
        let told = host.events();
        let told = told.iter().find(|event| event.message.contains(&path));
        let told = told.unwrap_or_else(|| panic!("{name} is not named"));
        assert_eq!(told.kind, "error");
        assert!(told.message.contains(reason), "{told:?}");
    }
    assert_eq!(errors(&host), broken.len());
    host.apply(&text("good", "add", LONG, "")).await;
}

/// The same component, and it wants an interface that no host has.
fn greedy(component: &[u8]) -> Vec<u8> {
    const HAS: &[u8] = b"config-sync:plugin/log@";
    const WANTS: &[u8] = b"config-sync:plugin/lag@";
    let mut bytes = component.to_vec();
    let places = component.windows(HAS.len()).enumerate();
    for (at, _) in places.filter(|(_, window)| *window == HAS) {
        bytes[at..at + HAS.len()].copy_from_slice(WANTS);
    }
    bytes
}

#[tokio::test]
async fn a_detector_that_cannot_be_used_is_refused_by_name_and_the_old_one_goes_on() {
    let folder = dropped_in(&[("empty.wasm", b"")]);
    let mut host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let refused = host.settle(text("empty", "add", LONG, "")).await;
    assert_eq!(refused.kind, "error");
    assert!(refused.message.contains("sync.detection"), "{refused:?}");
    assert!(
        refused.message.contains("empty.wasm cannot be used"),
        "{refused:?}"
    );
    host.apply(&text("mtime", "add", LONG, "")).await;
}

#[tokio::test]
async fn a_broken_file_with_the_name_of_a_built_in_plugin_does_not_replace_it() {
    let folder = dropped_in(&[("hash.wasm", b"")]);
    let mut host = Host::start_in(folder, &text("hash", "echo", LONG, "")).await;
    host.apply(&text("hash", "add", LONG, "")).await;
    assert_eq!(errors(&host), 1);
}
