//! The isolation bench, by the built host: the scenarios that stand beside every plugin of ours,
//! and what an author sees when a plugin does not do what he expects.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::harness::{Host, binary, cache, config, demo, soon, until};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

async fn test(component: &Path, scenarios: &[PathBuf], more: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .args(["plugin", "test"])
        .arg(component)
        .args(scenarios)
        .args(more)
        .env("XDG_CACHE_HOME", cache());
    soon("the bench", command.output()).await.unwrap()
}

fn component(package: &str) -> PathBuf {
    Path::new(env!("GUESTS"))
        .join(package.replace('-', "_"))
        .with_extension("wasm")
}

/// Every file in a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// A scenario in a folder of its own.
fn scenario(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first.yaml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[tokio::test]
async fn every_plugin_of_ours_does_what_its_scenarios_say() {
    let mut played = 0;
    for folder in files(&Path::new(ROOT).join("plugins")) {
        let package = folder.file_name().unwrap().to_str().unwrap();
        if package == "sdk" || !folder.is_dir() {
            continue;
        }
        let scenarios = files(&folder.join("scenarios"));
        assert!(!scenarios.is_empty(), "{package} has no scenario");
        let output = test(&component(package), &scenarios, &["--json"]).await;
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{package}: {said}{told}");
        let report: Value = serde_json::from_str(said).unwrap();
        for run in report["scenarios"].as_array().unwrap() {
            for step in run["steps"].as_array().unwrap() {
                let unjudged = step["answer"].is_object() && step["expected"].is_null();
                assert!(!unjudged, "{} expects nothing: {step}", run["scenario"]);
            }
        }
        played += scenarios.len();
    }
    assert!(played > 10, "only {played} scenarios were found");
}

#[tokio::test]
async fn the_same_scenario_takes_the_same_to_the_last_instruction() {
    let scenarios = files(&Path::new(ROOT).join("plugins/detector-inotify/scenarios"));
    let component = component("detector-inotify");
    let first = test(&component, &scenarios, &["--json"]).await;
    let again = test(&component, &scenarios, &["--json"]).await;
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert!(report["scenarios"][0]["steps"][0]["fuel"].as_u64() > Some(0));
    assert_eq!(text(&first.stdout), text(&again.stdout));
}

#[tokio::test]
async fn what_is_not_as_expected_is_shown_and_can_be_blessed() {
    let wrong = "\
file: \"a\"
timeline:
  - start:
    expect: unchanged
  - write: \"bb\"
  # seen by its size
  - tick:
    expect:
      verdict: changed
      note: size 1 -> 3
";
    let (_folder, path) = scenario(wrong);
    let scenarios = [path.clone()];
    let component = component("detector-mtime");

    let failed = test(&component, &scenarios, &[]).await;
    assert_eq!(failed.status.code(), Some(1));
    let note = "mtime 12:00:00 -> 12:00:02, size 1 -> 2";
    let said = text(&failed.stdout);
    assert!(said.contains("- note: size 1 -> 3\n"), "{said}");
    assert!(said.contains(&format!("+ note: {note}\n")), "{said}");
    let junit = test(&component, &scenarios, &["--junit"]).await;
    assert!(text(&junit.stdout).contains("failures=\"1\""));

    let blessed = test(&component, &scenarios, &["--bless"]).await;
    assert!(blessed.status.success(), "{}", text(&blessed.stderr));
    let now = std::fs::read_to_string(&path).unwrap();
    assert_eq!(now, wrong.replace("size 1 -> 3", note));
}

#[tokio::test]
async fn a_scenario_with_slips_is_refused_with_every_line() {
    let (_folder, path) = scenario(
        "\
timelin:
  - start:
timeline:
  - strat:
  - write: 7
  - tick:
    expect: chnged
  - write: a
    expect: changed
  - propose: {}
    after: -1
  - tick:
      expect: changed
",
    );
    let output = test(&component("detector-mtime"), &[path], &[]).await;
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    for problem in [
        ":1:1: timelin: unknown key; did you mean `timeline`?",
        ":4:5: timeline[0].strat: unknown key; did you mean `start`?",
        ":5:12: timeline[1].write: expected text, found a number; put it in quotes",
        "`chnged` is none of unchanged, changed, missing, asleep; did you mean `changed`?",
        ":9:5: timeline[3].expect: nothing answers this step",
        "timeline[4].after: expected 0 to 1000000000 seconds, found -1",
        ":12:5: timeline[5].tick: nothing may stand here; `tick` takes nothing",
    ] {
        assert!(told.contains(problem), "{problem}\n{told}");
    }
}

#[tokio::test]
async fn a_plugin_that_misbehaves_does_so_on_the_bench_first() {
    let (_folder, path) = scenario(
        "\
file: \"# sin: trap\"
timeline:
  - start:
    expect: {fault: trap}
  - propose: {}
",
    );
    let output = test(&component("hostile-detector"), &[path], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("trap       fuel "), "{said}");
    assert!(
        said.contains("first.yaml:5: `propose` is for a handler; this is a detector"),
        "{said}"
    );
}

#[tokio::test]
async fn what_a_file_did_is_recorded_and_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, trace) = (
        folder.path().join("any.conf"),
        folder.path().join("trace.yaml"),
    );
    std::fs::write(&path, "a").unwrap();
    let mut recorder = Command::new(binary())
        .args(["record", "--poll-interval", "0.1", "--debounce", "0.05"])
        .arg(&path)
        .arg("-o")
        .arg(&trace)
        .env("XDG_CACHE_HOME", cache())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(recorder.stdout.take().unwrap()).lines();
    let ready = soon("the recorder", lines.next_line()).await.unwrap();
    assert!(ready.unwrap().starts_with("RECORDING "));

    std::fs::write(&path, "bb").unwrap();
    let written = || std::fs::read_to_string(&trace).unwrap();
    // The tick after the change, at which a detector without events would see it.
    until("the change in the trace", || {
        let text = written();
        text.contains("settled: sha256") && text.split("size: 2").nth(1).is_some_and(ticks)
    })
    .await;
    let pid = Pid::from_raw(recorder.id().unwrap().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    assert!(soon("its end", recorder.wait()).await.unwrap().success());
    assert!(!written().contains("content:"));

    for detector in ["detector-mtime", "detector-hash", "detector-inotify"] {
        let output = test(
            &component(detector),
            std::slice::from_ref(&trace),
            &["--steps"],
        )
        .await;
        let said = text(&output.stdout);
        assert!(
            output.status.success() && said.contains(" changed "),
            "{said}"
        );
    }
}

fn ticks(text: &str) -> bool {
    text.contains("- tick:")
}

#[tokio::test]
async fn a_scenario_grants_what_a_plugin_needs_or_says_the_line_to_add() {
    let (_folder, path) = scenario("timeline:\n  - propose: {}\n");
    let output = test(&component("handler-signal"), &[path], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("broke off: it imports `config-sync:plugin/signal@"),
        "{said}"
    );
    let line = "add to the scenario: `grants: {signal: [/run/nginx.pid]}`";
    assert!(said.contains(line), "{said}");
}

#[tokio::test]
async fn what_a_plugin_sends_is_shown_where_it_differs() {
    let (_folder, path) = scenario(
        "\
grants: {signal: [/run/nginx.pid]}
timeline:
  - {finished: applied, expect: {sent: []}}
",
    );
    let scenarios = [path.clone()];
    let output = test(&component("handler-signal"), &scenarios, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("- sent: []\n"), "{said}");
    assert!(said.contains("+ - signal: hangup\n"), "{said}");

    let blessed = test(&component("handler-signal"), &scenarios, &["--bless"]).await;
    assert!(blessed.status.success(), "{}", text(&blessed.stderr));
    let now = std::fs::read_to_string(&path).unwrap();
    let sent = r#"{"sent":[{"signal":"hangup","to":"/run/nginx.pid"}]}"#;
    let step = format!("  - {{finished: applied, expect: {sent}}}\n");
    assert!(now.ends_with(&step), "{now}");
}

#[tokio::test]
async fn what_the_host_tells_of_a_file_stands_in_its_trace() {
    let config = |tools| config("mtime", &demo("demo", tools), "");
    let mut host = Host::start(&config("echo")).await;
    let trace = host.folder().join("trace.yaml");
    let mut command = host.home().command(&["record", "--poll-interval", "0.1"]);
    command.arg("-o").arg(&trace).stdout(Stdio::piped());
    let mut recorder = Command::from(command).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(recorder.stdout.take().unwrap()).lines();
    let ready = soon("the recorder", lines.next_line()).await.unwrap();
    assert!(ready.unwrap().starts_with("RECORDING "));
    host.apply(&config("add")).await;
    until("what the host told", || {
        let text = std::fs::read_to_string(&trace).unwrap();
        text.contains(" the host: changed: ") && text.contains("settled: sha256")
    })
    .await;
    let pid = Pid::from_raw(recorder.id().unwrap().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    assert!(soon("its end", recorder.wait()).await.unwrap().success());
    let traces = [trace];
    let output = test(&component("detector-mtime"), &traces, &["--steps"]).await;
    assert!(
        text(&output.stdout).contains(" changed "),
        "{}",
        text(&output.stdout)
    );
}

#[tokio::test]
async fn after_a_fault_an_instance_is_fresh_and_after_a_refusal_it_is_the_same() {
    let (_folder, path) = scenario(
        "\
file: \"# sin: third\"
timeline:
  - start:
    expect: unchanged
  - tick:
    expect: unchanged
  - write: \"# sin: answer\"
  - tick:
    expect: {fault: output}
  - write: \"# sin: third\"
  - tick:
    expect: changed
  - tick:
    expect: unchanged
  - write: \"# sin: refuse\"
  - tick:
    expect: {fault: refusal}
  - write: \"# sin: third\"
  - tick:
    expect: {fault: trap}
",
    );
    let played = test(&component("hostile-detector"), &[path], &["--steps"]).await;
    assert!(played.status.success(), "{}", text(&played.stdout));
}

#[tokio::test]
async fn a_version_that_cannot_use_the_memory_before_it_begins_with_none() {
    let (_folder, path) = scenario(&format!(
        "\
file: \"# sin: remember\"
timeline:
  - start:
    expect: unchanged
  - tick:
    expect: {{fault: refusal}}
  - swap: {}
  - tick:
    expect: unchanged
  - tick:
    expect: {{fault: refusal}}
",
        component("hostile-detector").display()
    ));
    let played = test(&component("hostile-detector"), &[path], &["--steps"]).await;
    assert!(played.status.success(), "{}", text(&played.stdout));
}

#[tokio::test]
async fn an_answer_of_a_middleware_that_is_none_is_a_fault_on_the_bench_as_well() {
    let (_folder, path) = scenario(
        "\
timeline:
  - configure: {}
    expect: ready
  - request: {name: echo, params: {arguments: {in: request, sin: garbage}}}
    expect: {fault: bad-answer}
  - response: {name: echo, params: {arguments: {in: response, sin: list}}, result: {}}
    expect: {fault: bad-answer}
  - request: {name: echo}
    expect: pass
",
    );
    let played = test(&component("hostile-middleware"), &[path], &["--steps"]).await;
    assert!(played.status.success(), "{}", text(&played.stdout));
}
