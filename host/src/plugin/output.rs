//! What a guest says, by the import `log` or by printing, goes to the host's log under the
//! plugin's name: line by line, each cut, and no more than so many in one call.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use super::isolation::Isolation;

/// Lines that one call may write. A guest in a loop would otherwise fill the disk.
const LINES_PER_CALL: u32 = 200;
/// Bytes of one line.
const MAX_LINE: usize = 4096;

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

/// The log as one guest has it.
#[derive(Clone)]
pub(super) struct Lines {
    plugin: Arc<str>,
    left: Arc<AtomicU32>,
    isolation: Option<Isolation>,
}

impl Lines {
    pub(super) fn new(plugin: &str, isolation: Option<Isolation>) -> Self {
        Self {
            plugin: plugin.into(),
            left: Arc::new(AtomicU32::new(LINES_PER_CALL)),
            isolation,
        }
    }

    /// A call begins: it may write its lines.
    pub(super) fn begin(&self) {
        self.left.store(LINES_PER_CALL, Ordering::Relaxed);
    }

    pub(super) fn tell(&self, level: Level, line: &str) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        let plugin = self.plugin.as_ref();
        match left {
            0 => return,
            1 => {
                tracing::warn!(target: "config_sync::plugin", plugin, "no more lines in this call")
            }
            _ => {}
        }
        let line = line
            .get(..line.floor_char_boundary(MAX_LINE))
            .unwrap_or(line);
        if let Some(isolation) = &self.isolation {
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

    fn write(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(begun.len());
            begun.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut *begun);
                let line = String::from_utf8_lossy(&line);
                if !line.trim().is_empty() {
                    self.lines.tell(self.level, line.trim_end());
                }
            }
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
