//! What a guest says, by the import `log` or by printing, goes to the host's log under the
//! plugin's name: line by line, each cut, and no more than so many in one call. Who goes on all
//! the same is ended.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::isolation::Isolation;

/// A guest that goes on for so many lines beyond those that are told does nothing else. It is
/// ended: each costs the host's time, which no deadline counts.
const PATIENCE: u32 = 10_000;
/// Bytes of one line.
const MAX_LINE: usize = 4096;

/// Bytes that a guest may write at once; WASI's own streams allow as much.
const PERMIT: usize = 64 * 1024;

/// Bytes of one text that a guest hands over: a note, a reason, a path.
const MAX_TEXT: usize = 1024;

/// What a guest says, cut to what people read.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
    text
}

/// The guest said far more than it may.
#[derive(Debug, thiserror::Error)]
#[error("{said} lines in one call, {limit} are told (limits.log)")]
pub(super) struct TooManyLines {
    said: u32,
    limit: u32,
}

/// The log as one guest has it.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    plugin: Arc<str>,
    limit: u32,
    said: AtomicU32,
    isolation: Option<Isolation>,
    /// What it said on standard error: where a guest panics, it says why.
    last_words: Mutex<String>,
}

impl Lines {
    pub(super) fn new(plugin: &Arc<str>, limit: u32, isolation: Option<Isolation>) -> Self {
        Self(Arc::new(Shared {
            plugin: Arc::clone(plugin),
            limit,
            said: AtomicU32::new(0),
            isolation,
            last_words: Mutex::default(),
        }))
    }

    /// A call begins: it may write its lines.
    pub(super) fn begin(&self) {
        self.0.said.store(0, Ordering::Relaxed);
        self.last_words().clear();
    }

    /// What it said on standard error in this call.
    pub(super) fn last_words(&self) -> MutexGuard<'_, String> {
        let words = &self.0.last_words;
        words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic is told in several lines, of which the last is advice for who can start it anew.
    fn remember(&self, line: &str) {
        let mut words = self.last_words();
        if words.len() < MAX_TEXT / 2 && !line.starts_with("note: ") {
            let space = if words.is_empty() { "" } else { " " };
            *words += &format!("{space}{}", cut(line.to_owned()));
        }
    }

    pub(super) fn tell(&self, level: Level, line: &str) -> Result<(), TooManyLines> {
        let Shared { limit, .. } = *self.0;
        let said = self.0.said.fetch_add(1, Ordering::Relaxed) + 1;
        let plugin = self.0.plugin.as_ref();
        if said > limit {
            if said == limit + 1 {
                tracing::warn!(target: "config_sync::plugin", plugin, "no more lines in this call");
            }
            return match said > limit + PATIENCE {
                true => Err(TooManyLines { said, limit }),
                false => Ok(()),
            };
        }
        let line = line
            .get(..line.floor_char_boundary(MAX_LINE))
            .unwrap_or(line);
        if let Some(isolation) = &self.0.isolation {
            isolation.hear(level, line);
        }
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(target: "config_sync::plugin", plugin, "{line}")
            };
        }
        match level {
            Level::TRACE => line!(trace),
            Level::DEBUG => line!(debug),
            Level::INFO => line!(info),
            Level::WARN => line!(warn),
            Level::ERROR => line!(error),
        }
        Ok(())
    }
}

/// Standard output or standard error of a guest.
#[derive(Clone)]
pub(super) struct Output {
    lines: Lines,
    level: Level,
    begun: Arc<Mutex<Vec<u8>>>,
}

impl Output {
    pub(super) fn new(lines: Lines, level: Level) -> Self {
        Self {
            lines,
            level,
            begun: Arc::default(),
        }
    }

    fn take(&self, bytes: &[u8]) -> Result<(), TooManyLines> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(begun.len());
            begun.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut *begun);
                let line = String::from_utf8_lossy(&line);
                if line.trim().is_empty() {
                    continue;
                }
                if self.level == Level::WARN {
                    self.lines.remember(line.trim());
                }
                self.lines.tell(self.level, line.trim_end())?;
            }
        }
        Ok(())
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    /// For WASI 0.3 alone, which is not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes)
            .map_err(|error| StreamError::Trap(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}
