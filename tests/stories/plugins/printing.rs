//! A guest that prints, or reads what it is granted, wherever the host asks it: while a reload
//! gives a middleware its settings, and in commands that start no host.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::effects::{git, with_plugin};
use super::{GRANTED, LONG, dropped_in, errors, hostile, text};
use crate::harness::{Client, Host, Watching, binary, cache, digest};

#[tokio::test]
async fn a_middleware_that_prints_while_it_takes_its_settings_serves() {
    let with = |entry: &str| {
        let entry = format!("middleware: [{entry}]\n");
        text("hash", "echo", LONG, &entry)
    };
    let says = "{hostile: {sin: say}}";
    let folder = hostile(env!("HOSTILE_MIDDLEWARE"));
    let mut host = Host::start_in(folder, &with(says)).await;
    host.apply(&with("")).await;
    host.apply(&with(says)).await;
    let client = Client::connect(host.url()).await;
    let passed = client.call("echo", json!({"text": "x"})).await;
    assert_eq!(passed.as_deref(), Ok("x"));
    // It still reloads.
    host.apply(&with("")).await;
    assert_eq!(errors(&host), 0);
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn watch_looks_with_a_detector_that_reads_what_it_is_granted() {
    let folder = with_plugin("git", env!("DETECTOR_GIT"), "");
    let at = folder.path();
    let beside = format!(
        "grants: {{read: [{git}]}}\nsettings: {{git: {git}}}\n",
        git = at.join(".git").display()
    );
    fs::write(at.join("plugins/git.yaml"), beside).unwrap();
    let file = at.join("app.conf");
    fs::write(&file, "one").unwrap();
    git(at, &["init", "--quiet"]);
    git(at, &["add", "app.conf"]);
    git(at, &["commit", "--quiet", "-m", "one"]);
    let plugins = at.join("plugins");
    let mut watching = watch(&file, &plugins, "git").await;
    for text in ["two", "three", "four"] {
        fs::write(&file, text).unwrap();
        git(at, &["commit", "--quiet", "-am", text]);
        let fired = format!("FIRED {}", digest(text));
        watching.line("the change", |line| line == fired).await;
    }
    let log = watching.log();
    assert!(!log.iter().any(|it| it.contains("panicked")), "{log:#?}");
    assert!(watching.stop().await.success());
}

/// Follows the file with this detector.
async fn watch(file: &Path, plugins: &Path, detector: &str) -> Watching {
    Watching::start([
        file.to_str().unwrap(),
        "--plugins",
        plugins.to_str().unwrap(),
        "--detection",
        detector,
        "--poll-interval",
        "0.05",
        "--debounce",
        "0",
    ])
    .await
}

/// A folder with a detector that prints while it says what it is.
fn says() -> TempDir {
    let yaml = [GRANTED, b"settings: {describe: say}\n"].concat();
    let component = fs::read(env!("HOSTILE_DETECTOR")).unwrap();
    dropped_in(&[("mine.yaml", &yaml), ("mine.wasm", &component)])
}

/// On the only thread that there is.
#[tokio::test]
async fn watch_looks_with_a_detector_that_prints_while_it_says_what_it_is() {
    let folder = says();
    let (file, plugins) = (
        folder.path().join("app.conf"),
        folder.path().join("plugins"),
    );
    fs::write(&file, "one").unwrap();
    let mut watching = watch(&file, &plugins, "mine").await;
    fs::write(&file, "two").unwrap();
    let fired = format!("FIRED {}", digest("two"));
    watching.line("the change", |line| line == fired).await;
    assert!(watching.stop().await.success());
}

/// What the binary says to this, where it succeeds.
fn said(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder);
    let output = command.env("XDG_CACHE_HOME", cache()).output().unwrap();
    let [said, complaint] =
        [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
    assert!(output.status.success(), "{args:?}: {said}{complaint}");
    said
}

#[test]
fn one_that_prints_while_it_says_what_it_is_can_be_inspected_and_judged() {
    let folder = says();
    let plugins = folder.path().join("plugins");
    let inspected = said(&plugins, &["plugin", "inspect", "mine.wasm"]);
    assert!(inspected.contains("usable     yes"), "{inspected}");
    let once = ["--pattern", "rename-over", "--poll-interval", "0.1"];
    let judge = [&["plugin", "conformance", "mine.wasm"][..], &once].concat();
    let judged = said(&plugins, &judge);
    assert!(judged.contains("rename-over"), "{judged}");
}
