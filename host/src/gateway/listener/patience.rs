//! A connection with bounds to its patience: a client that has begun a request must come to the
//! end of its headers, and one that is sent something must take it. One that does neither is
//! idle, which is no offence.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long headers may take from their first byte on.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent.
const STALLED: Duration = Duration::from_secs(60);

/// How far the requests of a connection have come: counts when the headers of one are there, and
/// when all of it is. While the count is odd, what comes is no header.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrival(Arc<AtomicU64>);

impl Arrival {
    /// The headers are there.
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// All of it is there: what comes is the next one.
    pub(super) fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that gives up in the end.
pub(super) struct Patient<S> {
    stream: S,
    arrival: Arrival,
    /// When the first bytes of headers came, the count was this.
    in_headers: Option<u64>,
    headers: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, arrival: Arrival) -> Self {
        Self {
            stream,
            arrival,
            in_headers: None,
            headers: None,
            stalled: None,
        }
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// Pending, unless this time is over.
fn bounded(
    timer: &mut Option<Pin<Box<Sleep>>>,
    patience: Duration,
    context: &mut Context<'_>,
) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
    timer.as_mut().poll(context)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let count = this.arrival.count();
        if this.in_headers.is_some_and(|began| began != count) {
            this.in_headers = None;
            this.headers = None;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before && count.is_multiple_of(2) {
                this.in_headers = Some(count);
            }
            return read;
        }
        if this.in_headers.is_some() {
            ready!(bounded(&mut this.headers, HEADERS, context));
            return Poll::Ready(Err(timed_out("the headers did not come to their end")));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn written<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        ready!(bounded(&mut self.stalled, STALLED, context));
        Poll::Ready(Err(timed_out("the client does not read")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.written(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn headers_that_trickle_are_given_up_and_silence_is_not() {
        let (mut client, server) = duplex(100);
        let arrival = Arrival::default();
        let mut server = Patient::new(server, arrival.clone());
        let mut byte = [0];
        // Idle for an hour, then one whole request.
        let silence = server.read(&mut byte);
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, silence).await.is_err());
        client.write_all(b"G").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        arrival.begin();
        let body = server.read(&mut byte);
        assert!(tokio::time::timeout(hour, body).await.is_err());
        arrival.end();
        // Another, all of which came at once.
        client.write_all(b"G").await.unwrap();
        server.read_exact(&mut byte).await.unwrap();
        arrival.begin();
        arrival.end();
        let silence = server.read(&mut byte);
        assert!(tokio::time::timeout(hour, silence).await.is_err());

        let began = Instant::now();
        tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        });
        let error = loop {
            if let Err(error) = server.read_exact(&mut byte).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), HEADERS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut client, server) = duplex(10);
        let mut server = Patient::new(server, Arrival::default());
        // As long as it takes something, it may take its time.
        let reading = async {
            let mut ten = [0; 10];
            for _ in 0..5 {
                tokio::time::sleep(STALLED / 2).await;
                client.read_exact(&mut ten).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[0; 60]), reading);
        written.unwrap();
        let began = Instant::now();
        let error = server.write_all(&[0; 60]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), STALLED);
    }
}
