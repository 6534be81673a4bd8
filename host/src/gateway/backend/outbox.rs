//! Lines to a backend, sent without waiting: what its pipe takes at once goes at once, the rest
//! waits in order, up to a bound. So a call that is dropped leaves no half line behind, and a
//! backend that does not read costs nobody any time.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::Notify;

/// What may wait for a backend that does not read, in bytes.
const BACKLOG: usize = 64 * 1024 * 1024;

/// Why a line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSent {
    /// Nobody reads any more.
    Closed,
    /// Too much waits already.
    Full,
}

pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// So much of the first line is written.
    written: usize,
    /// All lines together.
    bytes: usize,
    /// What takes bytes at once, where there is such a thing.
    pipe: Option<Arc<pipe::Sender>>,
    closed: bool,
}

impl Outbox {
    /// Into a pipe.
    pub(super) fn into_pipe(pipe: pipe::Sender) -> Self {
        let waiting = Waiting {
            pipe: Some(Arc::new(pipe)),
            ..Waiting::default()
        };
        Self {
            waiting: Mutex::new(waiting),
            more: Notify::new(),
        }
    }

    /// Into a stream, which only [`Outbox::write_to`] writes to.
    pub(super) fn into_stream() -> Self {
        Self {
            waiting: Mutex::default(),
            more: Notify::new(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a line; the end of the line is added.
    pub(super) fn send(&self, mut line: Vec<u8>) -> Result<(), NotSent> {
        line.push(b'\n');
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(NotSent::Closed);
        }
        if waiting.bytes > BACKLOG {
            return Err(NotSent::Full);
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        if waiting.lines.len() == 1 {
            waiting.write();
        }
        if !waiting.lines.is_empty() {
            self.more.notify_one();
        }
        if waiting.closed {
            return Err(NotSent::Closed);
        }
        Ok(())
    }

    /// Takes no more, and lets go of the pipe.
    pub(super) fn close(&self) {
        self.waiting().close();
        self.more.notify_one();
    }

    /// Writes what the pipe did not take at once. Ends when this is closed.
    pub(super) async fn write_to_pipe(&self) {
        loop {
            self.more.notified().await;
            loop {
                let pipe = match &*self.waiting() {
                    waiting if waiting.closed => return,
                    waiting if waiting.lines.is_empty() => break,
                    waiting => waiting.pipe.clone(),
                };
                let Some(pipe) = pipe else { return };
                tokio::select! {
                    ready = pipe.writable() => if ready.is_err() {
                        self.close();
                    },
                    // More to write, or closed.
                    () = self.more.notified() => {}
                }
                self.waiting().write();
            }
        }
    }

    /// Writes everything. Ends when this is closed, or the stream is.
    pub(super) async fn write_to(&self, mut stream: impl AsyncWrite + Unpin) {
        loop {
            self.more.notified().await;
            loop {
                let line = {
                    let mut waiting = self.waiting();
                    if waiting.closed {
                        return;
                    }
                    let Some(line) = waiting.lines.pop_front() else {
                        break;
                    };
                    waiting.bytes -= line.len();
                    line
                };
                let written = async {
                    stream.write_all(&line).await?;
                    stream.flush().await
                };
                if written.await.is_err() {
                    self.close();
                    return;
                }
            }
        }
    }
}

impl Waiting {
    fn close(&mut self) {
        *self = Self {
            closed: true,
            ..Self::default()
        };
    }

    /// As much as the pipe takes now.
    fn write(&mut self) {
        let Some(pipe) = self.pipe.clone() else {
            return;
        };
        while let Some(line) = self.lines.front() {
            match pipe.try_write(&line[self.written..]) {
                Ok(count) if self.written + count == line.len() => {
                    self.bytes -= line.len();
                    self.written = 0;
                    self.lines.pop_front();
                }
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.close(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn what_the_pipe_does_not_take_at_once_follows_in_order() {
        let (writer, reader) = pipe::pipe().unwrap();
        let outbox = Arc::new(Outbox::into_pipe(writer));
        let long = vec![b'x'; 300_000];
        for line in [b"first".to_vec(), long.clone(), b"last".to_vec()] {
            outbox.send(line).unwrap();
        }
        let writing = Arc::clone(&outbox);
        let writing = tokio::spawn(async move { writing.write_to_pipe().await });
        let mut lines = BufReader::new(reader).lines();
        for expected in ["first".len(), long.len(), "last".len()] {
            let line = lines.next_line().await.unwrap().unwrap();
            assert_eq!(line.len(), expected);
        }
        outbox.close();
        writing.await.unwrap();
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert_eq!(outbox.send(Vec::new()), Err(NotSent::Closed));
    }

    #[tokio::test]
    async fn a_backend_that_does_not_read_is_given_no_more_than_the_bound() {
        let (writer, reader) = pipe::pipe().unwrap();
        let outbox = Outbox::into_pipe(writer);
        let line = vec![b'x'; BACKLOG / 2];
        let taken = (0..10).take_while(|_| outbox.send(line.clone()).is_ok());
        assert_eq!(taken.count(), 2);
        assert_eq!(outbox.send(Vec::new()), Err(NotSent::Full));
        drop(reader);
        assert!(outbox.write_to_pipe().now_or_never().is_none());
    }
}
