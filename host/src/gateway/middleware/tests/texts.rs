//! What is taken out of what passes, and what is written down about it.

use super::*;

#[tokio::test(start_paused = true)]
async fn secrets_reach_neither_the_backend_nor_the_client() {
    let redact = |also: Value| {
        let mut settings = json!({"patterns": ["sk-[a-z0-9]+", "geheim"]});
        settings
            .as_object_mut()
            .unwrap()
            .extend(also.as_object().unwrap().clone());
        json!([{ "redact": settings }])
    };
    let world = World::new(&["sk-tool"], redact(json!({}))).await;
    let said = world.call("x", "sk-tool", "use sk-abc123, geheim!").await;
    assert_eq!(text(said), "use [redacted], [redacted]!");
    let (_, params) = world.fakes.calls().remove(0);
    assert_eq!(params["arguments"]["text"], "use [redacted], [redacted]!");
    assert_eq!(params["name"], "sk-tool", "the call must not go astray");

    world
        .reload(
            &["sk-tool"],
            redact(json!({"arguments": false, "replacement": "$0*"})),
        )
        .await;
    assert_eq!(text(world.call("x", "sk-tool", "sk-abc123").await), "$0*");
    assert_eq!(world.fakes.calls()[1].1["arguments"]["text"], "sk-abc123");
}

#[tokio::test(start_paused = true)]
async fn more_than_may_be_searched_is_refused_or_passes_by_choice() {
    let redact = |fail: &str| json!([{"redact": {"patterns": ["x"], "max_size": 1, "fail": fail}}]);
    let long = "y".repeat((1 << 20) + 1);
    let world = World::new(&["a"], redact("closed")).await;
    let error = world.call("x", "a", &long).await.unwrap_err();
    assert_eq!(error.code, 403);
    assert!(
        error
            .message
            .starts_with("the arguments hold more than 1 MiB"),
        "{error}"
    );
    assert_eq!(world.arrived(), 0);
    world.reload(&["a"], redact("open")).await;
    assert_eq!(text(world.call("x", "a", &long).await), long);
}

fn audit(file: &str, fail: &str) -> Value {
    json!([{"audit": {"file": file, "fail": fail, "arguments": true}}, {"deny": {"tools": ["no"]}}])
}

/// The lines of an audit file, once the host that wrote it has stopped.
async fn lines(world: World, file: &std::path::Path) -> Vec<Value> {
    assert!(world.gateway.shut_down(60 * SECOND).await);
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[tokio::test]
async fn every_call_has_its_line_whatever_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/audit.jsonl");
    let world = World::new(&["a", "no"], audit(file.to_str().unwrap(), "open")).await;
    assert!(world.call("x", "a", "hi").await.is_ok());
    assert!(world.call("x", "no", "").await.is_err());
    let lines = lines(world, &file).await;
    let line = lines[0].as_object().unwrap();
    let keys: Vec<_> = line.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "timestamp",
            "call",
            "client",
            "method",
            "name",
            "backend",
            "arguments",
            "milliseconds",
            "outcome"
        ]
    );
    assert_eq!(line["client"], "x");
    assert_eq!(line["arguments"], json!({"text": "hi"}));
    assert_eq!(line["outcome"], "ok");
    assert_eq!(lines[1]["outcome"], "refused");
    assert_eq!(lines[1]["code"], 403);
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn on_a_full_disk_calls_are_refused_or_go_on_as_the_file_says() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let world = World::new(&["a"], audit("/dev/full", "open")).await;
    for _ in 0..50 {
        assert!(world.call("x", "a", "hi").await.is_ok());
    }
    let world = World::new(&["a"], audit("/dev/full", "closed")).await;
    // The first cannot know yet; from when the disk has spoken, calls are refused.
    let refused = loop {
        if let Err(error) = world.call("x", "a", "hi").await {
            break error;
        }
    };
    assert_eq!(
        refused.message,
        "the gateway cannot keep its record of calls, and takes none before it can"
    );
}
