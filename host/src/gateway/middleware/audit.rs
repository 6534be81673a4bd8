//! Audit: one JSON line for each call, with who, what, where, how long and how it ended. Never
//! arguments or results. Calls do not wait for the disk: a task of its own writes the lines.

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use jiff::Zoned;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Middleware, Next};
use crate::gateway::{Call, Reply};

/// Lines that may wait for the disk; beyond that they are dropped, and counted in the log.
const BACKLOG: usize = 4096;

pub(super) struct Audit {
    lines: mpsc::Sender<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    timestamp: String,
    call: u64,
    client: String,
    method: &'static str,
    name: String,
    backend: String,
    milliseconds: f64,
    /// `ok`, `tool-error` (the tool itself says so) or `error`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
}

impl Audit {
    /// Opens `path` for appending, with the folders on the way.
    pub(super) fn open(path: &Path, tasks: &TaskTracker) -> Result<Self, String> {
        let file =
            open(path).map_err(|error| format!("cannot append to {}: {error}", path.display()))?;
        let (lines, waiting) = mpsc::channel(BACKLOG);
        tasks.spawn(write(
            path.to_owned(),
            BufWriter::new(File::from_std(file)),
            waiting,
        ));
        Ok(Self { lines })
    }
}

fn open(path: &Path) -> std::io::Result<std::fs::File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
}

/// Ends when the middleware is dropped and every line is written.
async fn write(path: PathBuf, mut file: BufWriter<File>, mut waiting: mpsc::Receiver<Line>) {
    let mut failing = false;
    while let Some(line) = waiting.recv().await {
        let mut next = Some(line);
        let mut result = Ok(());
        while let Some(line) = next {
            if let Ok(mut json) = serde_json::to_vec(&line) {
                json.push(b'\n');
                result = file.write_all(&json).await;
            }
            next = waiting.try_recv().ok();
        }
        let result = match result {
            Ok(()) => file.flush().await,
            error => error,
        };
        match result {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(file = %path.display(), %error, "audit lines are lost");
            }
            Err(_) => {}
        }
    }
}

impl Middleware for Audit {
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let began = Instant::now();
            let mut line = Line {
                timestamp: Zoned::now()
                    .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
                    .to_string(),
                call: call.id,
                client: call.client.clone(),
                method: call.method.as_str(),
                name: call.shown_as.clone(),
                backend: call.backend.clone(),
                milliseconds: 0.0,
                outcome: "ok",
                code: None,
            };
            let reply = next.run(call).await;
            line.milliseconds = began.elapsed().as_secs_f64() * 1000.0;
            match &reply {
                Ok(result) if result.get("isError") == Some(&true.into()) => {
                    line.outcome = "tool-error"
                }
                Ok(_) => {}
                Err(error) => {
                    line.outcome = "error";
                    line.code = Some(error.code);
                }
            }
            if self.lines.try_send(line).is_err() {
                tracing::warn!("an audit line is lost: the disk does not keep up");
            }
            reply
        })
    }
}
