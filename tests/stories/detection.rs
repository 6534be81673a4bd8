//! `sync.detection` follows the file like everything else.

use super::harness::{Client, Host, config, demo};

/// How each detector tells what it saw; `inotify` by its events, or by what changed when a look
/// for another reason came first.
const NOTES: [(&str, &[&str]); 4] = [
    ("hash", &["sha256 "]),
    ("inotify", &["renamed", "replaced"]),
    ("mtime", &["mtime "]),
    ("hash", &["sha256 "]),
];

fn text(detector: &str, tool: &str) -> String {
    config(detector, &demo("one", &format!("{tool}=echo")), "")
}

#[tokio::test]
async fn the_detector_changes_live_and_the_next_one_notices_edits() {
    let mut host = Host::start(&text("mtime", "t")).await;
    let client = Client::connect(host.url()).await;
    for (detector, notes) in NOTES {
        let event = host.apply(&text(detector, "t")).await;
        assert_eq!(event.message, "configuration reloaded (~ sync)");
        // This one falls between the two detectors, and is not lost.
        host.apply(&text(detector, "between")).await;
        assert_eq!(client.tools().await, ["between"]);
        host.apply(&text(detector, "t")).await;
        assert_eq!(client.tools().await, ["t"]);
        let log = host.log();
        let seen = log.iter().rfind(|line| line.contains("a change was seen"));
        let told = notes.iter().any(|note| seen.unwrap().contains(note));
        assert!(told, "{detector}: {seen:?}");
    }
}

#[tokio::test]
async fn an_unknown_detector_is_refused_with_the_known_ones() {
    let text = text("mtime", "t");
    let mut host = Host::start(&text).await;
    let event = host.settle(text.replace("mtime", "telepathy")).await;
    assert_eq!(event.kind, "error");
    let place = "rejected: config.yaml:3:";
    assert!(event.message.starts_with(place), "{}", event.message);
    for said in [
        "there is no detector `telepathy`",
        "hash",
        "inotify",
        "mtime",
    ] {
        assert!(event.message.contains(said), "{}", event.message);
    }
    assert_eq!(host.settle(&text).await.kind, "no-change");
    host.apply(&text.replace("t=", "u=")).await;
}
