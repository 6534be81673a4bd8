//! `config-sync check`, as people and scripts see it; and a start that is refused the same way.

use std::process::{Command, Output};

use tempfile::TempDir;

use super::harness::{binary, config, demo};

/// Runs the host in a folder with this config.yaml.
fn run(args: &[&str], config: &str) -> Output {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    Command::new(binary())
        .args(args)
        .current_dir(&folder)
        .env_remove("CONFIG_SYNC_CONFIG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const WRONG: &str = r#"version: "1"
server: {port: 99999}
backends:
  one: {comand: config-sync}
  two: {type: sse, url: "http://localhost/"}
sync:
  poll_interval: -1
  detektion: hash
"#;

#[test]
fn a_right_file_is_told_in_one_line() {
    let checked = run(&["check"], &config("mtime", &demo("one", "echo"), ""));
    assert_eq!(checked.status.code(), Some(0));
    assert!(text(&checked.stdout).ends_with("config.yaml: right, 1 backend\n"));
    assert_eq!(text(&checked.stderr), "");
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let checked = run(&["check"], WRONG);
    assert_eq!(checked.status.code(), Some(1));
    assert_eq!(text(&checked.stdout), "");
    let report = text(&checked.stderr);
    for (place, said) in [
        ("config.yaml:2:", "99999"),
        ("config.yaml:4:", "did you mean `command`?"),
        ("config.yaml:5:", "legacy SSE is not served"),
        ("config.yaml:7:", "poll_interval: -1"),
        ("config.yaml:8:", "did you mean `detection`?"),
    ] {
        assert!(report.contains(place), "no {place} in {report}");
        assert!(report.contains(said), "no {said} in {report}");
    }
}

#[test]
fn a_detector_that_nobody_has_is_a_problem_before_the_file_is_saved() {
    let checked = run(&["check"], &config("mtimes", &demo("one", "echo"), ""));
    assert_eq!(checked.status.code(), Some(1));
    let report = text(&checked.stderr);
    assert!(
        report.contains("sync.detection: there is no detector `mtimes`"),
        "{report}"
    );
}

#[test]
fn a_start_on_a_wrong_file_tells_the_same() {
    let (checked, started) = (run(&["check"], WRONG), run(&["run"], WRONG));
    assert_eq!(started.status.code(), Some(1));
    let report = |output: &Output| {
        let text = text(&output.stderr);
        let lines = text.lines().map(str::to_owned);
        // The folders differ.
        let lines: Vec<_> = lines.filter(|line| !line.contains("-->")).collect();
        lines
    };
    assert_eq!(report(&checked), report(&started));
}

#[test]
fn no_file_at_all_is_told_with_the_ways_to_name_one() {
    let folder = TempDir::new().unwrap();
    for command in ["check", "run"] {
        let refused = Command::new(binary())
            .arg(command)
            .current_dir(&folder)
            .env_remove("CONFIG_SYNC_CONFIG")
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let report = text(&refused.stderr);
        assert!(report.contains("--config"), "{report}");
        assert!(report.contains("CONFIG_SYNC_CONFIG"), "{report}");
    }
}
