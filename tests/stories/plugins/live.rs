//! The plugins folder while the host runs: what is dropped in is there, what is replaced is
//! another, what is taken away is gone, and none of it needs a restart.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::{GRANTED, LONG, dropped_in, errors, good, text};
use crate::harness::{Client, Host, config, demo, digest, until};

const HANDLER: &str = env!("HOSTILE_HANDLER");

/// Lays a file into the plugins folder of this host, as `cp` does.
fn drop_in(host: &Host, name: &str, bytes: &[u8]) -> PathBuf {
    let folder = host.folder().join("plugins");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
    folder.join(name)
}

#[tokio::test]
async fn a_detector_that_is_dropped_in_is_usable_at_once() {
    let mut host = Host::start(&text("mtime", "echo", LONG, "")).await;
    let wants = text("my-rules", "add", LONG, "");
    let refused = host.settle(&wants).await;
    assert!(
        refused.message.contains("no detector `my-rules`"),
        "{refused:?}"
    );

    drop_in(&host, "my-rules.wasm", &good());
    let there = host
        .event("the plugin", |it| it.message.contains("my-rules"))
        .await;
    assert!(
        there
            .message
            .starts_with("plugin `my-rules` (detector) is there: "),
        "{there:?}"
    );
    // What was rejected for want of it is tried again.
    assert_eq!(host.outcome(&wants).await.kind, "changed");
    host.apply(&text("my-rules", "echo", LONG, "")).await;
    let status = host.status_like("it to look", |it| it["detection"]["detector"] == "my-rules");
    status.await;
}

#[tokio::test]
async fn a_handler_that_is_dropped_in_reads_its_section_at_once() {
    let command = "hostile: {in: propose, sin: refuse}\n";
    let claims = text("mtime", "echo", LONG, command);
    let mut host = Host::start(&claims).await;
    let client = Client::connect(host.url()).await;
    drop_in(&host, "hostile.yaml", GRANTED);
    let file = drop_in(&host, "hostile.wasm", &fs::read(HANDLER).unwrap());
    let refused = host.outcome(&claims).await;
    assert!(
        refused.message.contains("hostile: as commanded"),
        "{refused:?}"
    );
    assert_eq!(
        client.tools().await,
        ["echo"],
        "the last good configuration serves"
    );

    host.apply(&text("mtime", "add", LONG, "")).await;
    fs::remove_file(file).unwrap();
    host.event("it to go", |it| it.message == "plugin `hostile` is gone")
        .await;
    host.apply(&text("mtime", "echo", LONG, command)).await;
}

#[tokio::test]
async fn a_plugin_that_is_replaced_by_something_broken_goes_on() {
    let folder = dropped_in(&[("mine.wasm", &good())]);
    let mut host = Host::start_in(folder, &text("mine", "echo", LONG, "")).await;
    drop_in(&host, "mine.wasm", b"no component");
    let told = host.event("the refusal", |it| it.kind == "error").await;
    assert!(
        told.message
            .contains("mine.wasm: it is not a WebAssembly component"),
        "{told:?}"
    );
    assert!(
        told.message.ends_with("; the one before it goes on"),
        "{told:?}"
    );
    host.apply(&text("mine", "add", LONG, "")).await;

    drop_in(
        &host,
        "mine.wasm",
        &fs::read(env!("DETECTOR_HASH")).unwrap(),
    );
    host.event("the new one", |it| {
        it.message.contains("takes over from the one before it")
    })
    .await;
    host.apply(&text("mine", "echo", LONG, "")).await;
    assert_eq!(errors(&host), 1);
}

#[tokio::test]
async fn a_plugin_that_is_taken_away_goes_on_as_long_as_it_is_in_use() {
    let folder = dropped_in(&[("mine.wasm", &good())]);
    let mut host = Host::start_in(folder, &text("mine", "echo", LONG, "")).await;
    fs::remove_file(host.folder().join("plugins/mine.wasm")).unwrap();
    let told = host.event("the word", |it| it.kind == "degraded").await;
    assert!(
        told.message.contains("plugin `mine` is gone; it goes on"),
        "{told:?}"
    );
    host.apply(&text("mine", "add", LONG, "")).await;
    host.apply(&text("mtime", "add", LONG, "")).await;
    host.event("its end", |it| it.message == "plugin `mine` is gone")
        .await;
    let refused = host.settle(&text("mine", "echo", LONG, "")).await;
    assert!(
        refused.message.contains("no detector `mine`"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_component_is_not_taken_before_it_is_whole() {
    let mut host = Host::start(&text("mtime", "echo", LONG, "")).await;
    let (good, folder) = (good(), host.folder().join("plugins"));
    fs::create_dir(&folder).unwrap();
    let mut slow = fs::File::create(folder.join("slow.wasm")).unwrap();
    let mut rest = good.as_slice();
    let mut write = |slow: &mut fs::File, bytes: usize| {
        let (now, later) = rest.split_at(bytes.min(rest.len()));
        slow.write_all(now).unwrap();
        rest = later;
    };
    for number in 0..3 {
        write(&mut slow, good.len() / 4);
        // Others that come meanwhile are there, and this one is not told of.
        let marker = format!("marker{number}");
        drop_in(&host, &format!("{marker}.wasm"), &good);
        until("the marker", || {
            // A writer that does nothing for long has forgotten to close it.
            write(&mut slow, 1);
            let events = host.events();
            assert!(events.iter().all(|it| !it.message.contains("slow")));
            events.iter().any(|it| it.message.contains(&marker))
        })
        .await;
    }
    write(&mut slow, good.len());
    drop(slow);
    host.event("the plugin", |it| {
        it.message.contains("plugin `slow` (detector) is there")
    })
    .await;
    assert_eq!(errors(&host), 0);
}

#[tokio::test]
async fn what_the_configuration_says_of_plugins_holds_at_once() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::write(folder.path().join("elsewhere/mine.wasm"), good()).unwrap();
    let mut host = Host::start_in(folder, &text("mtime", "echo", LONG, "")).await;
    let elsewhere = |limits: &str| {
        let text = text("mine", "add", LONG, "");
        let from = text.find("plugins: ").unwrap();
        format!(
            "{}plugins: {{dir: elsewhere, limits: {{{limits}}}}}\n",
            &text[..from]
        )
    };
    host.apply(&elsewhere("time: 10")).await;
    host.event("the plugin", |it| {
        it.message.contains("plugin `mine` (detector) is there")
    })
    .await;
    host.status_like("it to look", |it| it["detection"]["detector"] == "mine")
        .await;
    // Less memory than it begins with: the one before it goes on.
    host.apply(&elsewhere("memory: 1")).await;
    host.event("the refusal", |it| it.message.contains("(limits.memory)"))
        .await;
    host.apply(&elsewhere("memory: 2")).await;
}

/// The same component with 2 MiB that nobody reads: a section of its own.
fn large(mut component: Vec<u8>) -> Vec<u8> {
    component.extend([0, 0x82, 0x80, 0x80, 0x01, 1, b'x']);
    component.resize(component.len() + 2 * 1024 * 1024, 0);
    component
}

#[tokio::test]
async fn what_is_said_of_plugins_and_what_needs_it_may_come_in_one_save() {
    let folder = dropped_in(&[("large.wasm", &large(good()))]);
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let arguments = fs::read(env!("MIDDLEWARE_ARGUMENTS")).unwrap();
    fs::write(folder.path().join("elsewhere/mine.wasm"), arguments).unwrap();
    let says = |detection: &str, plugins: &str, rest: &str| {
        let plugins = format!("plugins: {{limits: {{time: 10, memory: 32, {plugins}}}\n");
        config(detection, &demo("demo", "echo"), &(plugins + rest))
    };
    let small = says("mtime", "size: 1}", "");
    let mut host = Host::start_in(folder, &small).await;
    let client = Client::connect(host.url()).await;
    let told = host.events();
    let refused = told.iter().any(|it| it.message.contains("(limits.size)"));
    assert!(refused, "{told:?}");
    host.apply(&says("large", "size: 4}", "")).await;
    host.status_like("it to look", |it| it["detection"]["detector"] == "large")
        .await;

    let entry = "middleware: [{mine: {fixed: {echo: {text: fixed}}}}]\n";
    let there = says("large", "size: 4}, dir: elsewhere", entry);
    let refused = host.settle(&there).await;
    assert!(
        refused.message.contains("there is no detector `large`"),
        "it does not lie there: {refused:?}"
    );
    let there = says("mtime", "size: 4}, dir: elsewhere", entry);
    let next = host.folder().join("next.yaml");
    fs::write(&next, &there).unwrap();
    let (planned, _) = host.home().answer(&["plan", next.to_str().unwrap()]);
    assert_eq!(planned["outcome"], "applied", "{planned}");
    host.apply(&there).await;
    let said = || client.call("echo", json!({"text": "x"}));
    assert_eq!(said().await.unwrap(), "fixed");
    // The one that the folder is watched for takes its place.
    let takes_over = || {
        let (all, _) = host.home().answer(&["plugin", "list"]);
        let mut all = all.as_array().unwrap().iter();
        all.any(|it| it["name"] == "mine" && it["in_use"] == true)
    };
    until("it to be in use", takes_over).await;
    assert_eq!(said().await.unwrap(), "fixed");
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_component_must_have_the_digest_that_is_pinned() {
    let good = good();
    let pin = |digest: &str| format!("sha256: {digest}\n");
    let mut host = Host::start(&text("mtime", "echo", LONG, "")).await;
    drop_in(&host, "mine.yaml", pin(&"0".repeat(64)).as_bytes());
    drop_in(&host, "mine.wasm", &good);
    let told = host.event("the refusal", |it| it.kind == "error").await;
    assert!(told.message.contains("mine.yaml pins 000000"), "{told:?}");
    assert!(told.message.contains(&digest(&good)), "{told:?}");
    drop_in(&host, "mine.yaml", pin(&digest(&good)).as_bytes());
    host.event("the plugin", |it| {
        it.message.contains("plugin `mine` (detector) is there")
    })
    .await;
}

#[tokio::test]
async fn a_component_that_is_too_large_is_not_even_read() {
    let mut host = Host::start(&text("mtime", "echo", LONG, "")).await;
    let file = drop_in(&host, "huge.wasm", &good());
    let file = fs::File::options().write(true).open(file).unwrap();
    file.set_len(500 * 1024 * 1024).unwrap();
    drop(file);
    let told = host
        .event("the refusal", |it| it.message.contains("524288000"))
        .await;
    assert!(told.message.contains("(limits.size)"), "{told:?}");
    host.apply(&text("mtime", "add", LONG, "")).await;
}
