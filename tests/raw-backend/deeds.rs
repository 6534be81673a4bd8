//! What no server should do, and what takes its time.

use std::io::{Error, Write};
use std::path::Path;

use serde_json::{Value, json};

/// What it says instead of an answer; nothing, if it says nothing.
pub(crate) fn sin(id: &Value, how: &str) -> Option<String> {
    let answer = |id: &Value, text: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    match how {
        "answer-twice" => Some(format!("{}\n{}", answer(id, "once"), answer(id, "twice"))),
        "answer-another" => Some(answer(&json!(999_999_999), "to nobody")),
        "break-off" => Some(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":["#
        )),
        // More than the host takes of one message.
        "fill-memory" => Some(answer(id, &"x".repeat(100_000_000))),
        "flood" => {
            let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
            let said = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"again"}}"#;
            let lines = format!("{changed}\n{said}\n{{\"no\":\"message\"}}\n").repeat(10_000);
            Some(lines + &answer(id, "after the flood"))
        }
        "exit" => std::process::exit(3),
        // Silence.
        _ => None,
    }
}

/// Lines too long, no UTF-8, no JSON, no JSON-RPC; and more than a pipe holds.
pub(crate) fn babble() -> Result<(), Error> {
    let (mut output, mut errors) = (std::io::stdout().lock(), std::io::stderr().lock());
    errors.write_all("long ".repeat(10_000).as_bytes())?;
    errors.write_all(b"\n\xff\xfe\n")?;
    for _ in 0..10_000 {
        errors.write_all(b"a line that nobody needs\n")?;
    }
    output.write_all(b"Starting up...\n\n{\"jsonrpc\":\"2.0\"}\n[]\n\xff\xfe\n")?;
    output.flush()
}

pub(crate) fn hold(folder: &Path) {
    // If it cannot be made, the caller waits in vain for it and says so.
    let _ = std::fs::write(folder.join("held"), "");
    let (_nobody, wakes) = std::sync::mpsc::channel::<()>();
    // Without the folder, its caller is gone.
    while folder.exists() && !folder.join("release").exists() {
        let _ = wakes.recv_timeout(std::time::Duration::from_millis(10));
    }
}
