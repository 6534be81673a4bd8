//! Connections over TCP before anybody has shown a token: a bounded number of them, each for a
//! bounded time. Whoever is let in ([`Stranger::let_in`]) keeps the connection as long as it likes.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Connections at the same time.
const CONNECTIONS: usize = 256;
/// Of these, from nobody knows whom.
const STRANGERS: usize = 64;
/// So long a stranger may take to become known.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets connections come as long as there is room; one more is closed at once, so that its client
/// is told.
pub(super) struct Threshold {
    listener: TcpListener,
    connections: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// One connection.
pub(super) struct Guest {
    stream: TcpStream,
    stranger: Stranger,
    patience: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

/// Of one connection, whether somebody was let in on it.
#[derive(Clone)]
pub(super) struct Stranger {
    is_known: Arc<AtomicBool>,
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Threshold {
    pub(super) fn new(listener: TcpListener) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            listener,
            connections: places(CONNECTIONS),
            strangers: places(STRANGERS),
        }
    }

    fn admit(&self, stream: TcpStream) -> Option<Guest> {
        let place = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        Some(Guest {
            _place: place(&self.connections)?,
            stranger: Stranger {
                is_known: Arc::default(),
                place: Arc::new(Mutex::new(Some(place(&self.strangers)?))),
            },
            stream,
            patience: Box::pin(sleep(PATIENCE)),
        })
    }
}

impl Listener for Threshold {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Some(guest) = self.admit(stream) {
                return (guest, address);
            }
            tracing::debug!(%address, "too many connections to the management API");
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Stranger {
    /// It is none any more.
    pub(super) fn let_in(&self) {
        self.is_known.store(true, Ordering::Relaxed);
        self.leave();
    }

    fn leave(&self) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        drop(place.take());
    }
}

impl Connected<IncomingStream<'_, Threshold>> for Stranger {
    fn connect_info(stream: IncomingStream<'_, Threshold>) -> Self {
        stream.io().stranger.clone()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.stranger.leave();
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_known = self.stranger.is_known.load(Ordering::Relaxed);
        if !is_known && self.patience.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        pin!(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        pin!(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn threshold() -> (Threshold, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Threshold::new(listener), address)
    }

    async fn come(threshold: &mut Threshold, at: SocketAddr) -> (TcpStream, Guest) {
        let client = TcpStream::connect(at).await.unwrap();
        let (guest, _) = threshold.accept().await;
        (client, guest)
    }

    #[tokio::test]
    async fn one_stranger_too_many_is_closed_at_once_and_one_who_is_known_makes_room() {
        let (mut threshold, at) = threshold().await;
        let mut all = Vec::new();
        for _ in 0..STRANGERS {
            all.push(come(&mut threshold, at).await);
        }
        let mut late = TcpStream::connect(at).await.unwrap();
        let mut bytes = [0; 1];
        tokio::select! {
            closed = late.read(&mut bytes) => assert!(matches!(closed, Ok(0) | Err(_))),
            _ = threshold.accept() => panic!("it was let come"),
        }
        all[0].1.stranger.let_in();
        all.push(come(&mut threshold, at).await);
        // One who leaves makes room, too.
        all.remove(1);
        all.push(come(&mut threshold, at).await);
        // Those who are known are bounded as well.
        while all.len() < CONNECTIONS {
            all.last().unwrap().1.stranger.let_in();
            all.push(come(&mut threshold, at).await);
        }
        all.last().unwrap().1.stranger.let_in();
        let late = TcpStream::connect(at).await.unwrap();
        assert!(threshold.admit(late).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_not_waited_for_and_one_who_is_known_is() {
        let (mut threshold, at) = threshold().await;
        let (_client, mut guest) = come(&mut threshold, at).await;
        let mut bytes = [0; 1];
        let error = guest.read(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let (_client, mut guest) = come(&mut threshold, at).await;
        guest.stranger.let_in();
        let waited = tokio::time::timeout(PATIENCE * 10, guest.read(&mut bytes)).await;
        assert!(waited.is_err(), "it waits");
    }
}
