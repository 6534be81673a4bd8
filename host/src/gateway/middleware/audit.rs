//! Audit: one JSON line for each call, with who, what, where, how long and how it ended. Never
//! results, and arguments only where the file asks for them. Calls do not wait for the disk: a
//! task of its own writes the lines.

mod file;
mod line;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Middleware, Next};
use crate::config::{AuditSettings, OnFault};
use crate::gateway::{Call, CallError, Reply};
use file::AuditFile;
use line::Line;

/// Lines that may wait for the disk; beyond that they are dropped, and said in the log.
const BACKLOG: usize = 4096;
/// Lines that are written at once.
const BATCH: usize = 256;

pub(super) struct Audit {
    settings: AuditSettings,
    lines: mpsc::Sender<Line>,
    /// Lines are being lost.
    losing: Arc<AtomicBool>,
}

impl Audit {
    /// Opens `path` for appending, with the folders on the way.
    pub(super) fn open(
        path: &Path,
        settings: &AuditSettings,
        tasks: &TaskTracker,
    ) -> Result<Self, String> {
        let mut file = AuditFile::new(path, settings);
        file.open()
            .map_err(|error| format!("cannot append to {}: {error}", path.display()))?;
        let (lines, waiting) = mpsc::channel(BACKLOG);
        let losing = Arc::new(AtomicBool::new(false));
        tasks.spawn(write(file, waiting, Arc::clone(&losing)));
        Ok(Self {
            settings: settings.clone(),
            lines,
            losing,
        })
    }

    fn send(&self, line: Line) {
        if self.lines.try_send(line).is_err() && !self.losing.swap(true, Ordering::Relaxed) {
            tracing::error!("audit lines are lost: the disk does not keep up");
        }
    }
}

/// Ends when the middleware is dropped and every line is written.
async fn write(mut file: AuditFile, mut waiting: mpsc::Receiver<Line>, losing: Arc<AtomicBool>) {
    let mut lines = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut lines, BATCH).await > 0 {
        let batch = std::mem::take(&mut lines);
        let written = tokio::task::spawn_blocking(move || {
            file.look();
            let written = batch.iter().try_for_each(|line| file.write(line));
            (file, written)
        });
        let Ok((back, written)) = written.await else {
            return;
        };
        file = back;
        match written {
            Ok(()) => {
                if losing.swap(false, Ordering::Relaxed) {
                    tracing::info!(file = %file.path().display(), "audit lines are written again");
                }
            }
            Err(error) => {
                if !losing.swap(true, Ordering::Relaxed) {
                    tracing::error!(file = %file.path().display(), %error, "audit lines are lost");
                }
            }
        }
    }
}

impl Middleware for Audit {
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        if !call.method.is_call() {
            return next.run(call);
        }
        Box::pin(async move {
            let began = Instant::now();
            let mut line = Line::of(&call, &self.settings);
            // The line of a refused call is what finds out that the disk takes lines again.
            if self.settings.fail == OnFault::Closed && self.losing.load(Ordering::Relaxed) {
                let refused = Err(CallError::internal(
                    "the gateway cannot keep its record of calls, and takes none before it can",
                ));
                line.end(&refused, began.elapsed());
                self.send(line);
                return refused;
            }
            let mut unfinished = Unfinished {
                audit: self,
                line: Some(line),
                began,
            };
            let reply = next.run(call).await;
            if let Some(mut line) = unfinished.line.take() {
                line.end(&reply, began.elapsed());
                self.send(line);
            }
            reply
        })
    }
}

/// A call that is under way; one that is dropped has its line as well.
struct Unfinished<'a> {
    audit: &'a Audit,
    line: Option<Line>,
    began: Instant,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(mut line) = self.line.take() {
            line.dropped(self.began.elapsed());
            self.audit.send(line);
        }
    }
}
