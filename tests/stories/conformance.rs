//! The save-pattern suite, played by the built host: every way of saving a file, for each of the
//! built-in detectors and for one that is dropped in.

use serde_json::Value;
use tokio::process::Command;

use super::harness::{binary, cache, long};

/// Longer than the pauses of the slow writer, so that a watcher that does not wait for writers
/// would be found out by the other patterns; short, so that the suite takes a minute.
const TIMES: [&str; 6] = [
    "--poll-interval",
    "0.1",
    "--debounce",
    "0.25",
    "--safety-interval",
    "4",
];

async fn play(detectors: &[&str]) -> Value {
    let mut command = Command::new(binary());
    command
        .args(["plugin", "conformance", "--json"])
        .args(TIMES)
        .args(detectors)
        .env("XDG_CACHE_HOME", cache());
    let output = long("the suite", command.output()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn verdict<'a>(report: &'a Value, pattern: &str, column: usize) -> &'a str {
    let patterns = report["patterns"].as_array().unwrap();
    let row = patterns.iter().find(|row| row["name"] == pattern);
    row.unwrap()["verdicts"][column]["verdict"]
        .as_str()
        .unwrap()
}

#[tokio::test]
async fn every_way_of_saving_is_one_change() {
    let report = play(&[]).await;
    let detectors = ["mtime", "hash", "inotify", "auto"];
    assert_eq!(report["detectors"], serde_json::json!(detectors));
    assert!(report["patterns"].as_array().unwrap().len() >= 80);
    // What only a look by content can find is not put down to the detector.
    assert_eq!(verdict(&report, "same-size-same-time", 0), "by-content");
    assert_eq!(verdict(&report, "same-size-same-time", 1), "right");
    assert_eq!(verdict(&report, "slow-writer", 2), "right");
}

#[tokio::test]
async fn a_detector_from_a_file_is_judged_like_any_other() {
    let pattern = [
        "--pattern",
        "rename",
        "--pattern",
        "same-size",
        env!("DETECTOR_MTIME"),
    ];
    let report = play(&pattern).await;
    assert_eq!(report["detectors"], serde_json::json!(["detector_mtime"]));
    assert_eq!(verdict(&report, "rename-over", 0), "right");
    assert_eq!(verdict(&report, "same-size-same-time", 0), "by-content");
}

#[tokio::test]
async fn what_nobody_has_is_no_suite_that_holds() {
    for (args, said) in [
        (
            ["mtime", "--pattern", "tuoch"],
            "no pattern has `tuoch` in its name",
        ),
        (
            ["mtimes", "--pattern", "touch"],
            "there is no detector `mtimes`",
        ),
    ] {
        let mut command = Command::new(binary());
        let command = command.args(["plugin", "conformance"]).args(args);
        let output = command
            .env("XDG_CACHE_HOME", cache())
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(said), "{told}");
    }
}
