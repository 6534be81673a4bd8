//! A stream of server-sent events, read with a bound: a server that never comes to the end of an
//! event fills no memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use sse_stream::{Error, Sse, SseStream};

/// One of them: any of data, kind, id and pause may be missing.
pub type Event = Sse;

/// The events of a stream of bytes.
pub struct Events {
    parsed: Pin<Box<dyn Stream<Item = Result<Event, Error>> + Send>>,
    /// Bytes since the last event.
    unfinished: Arc<AtomicUsize>,
    limit: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("the stream broke")]
struct Broke;

impl Events {
    /// No event may have more than `limit` bytes, or what comes in one piece with its end.
    pub fn of<E>(
        bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
        limit: usize,
    ) -> Self {
        let unfinished = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unfinished);
        let bytes = bytes.map(move |piece| {
            let piece = piece.map_err(|_| Broke)?;
            let before = count.fetch_add(piece.len(), Ordering::Relaxed);
            if before + piece.len() > limit {
                return Err(Broke);
            }
            Ok(piece)
        });
        Self {
            parsed: Box::pin(SseStream::from_bytes_stream(bytes)),
            unfinished,
            limit,
        }
    }

    /// The next; `None` at the end.
    ///
    /// # Errors
    /// When the stream breaks off or cannot be understood, or an event is too long.
    pub async fn next(&mut self) -> Result<Option<Event>, String> {
        let event = self.parsed.next().await.transpose();
        let unfinished = self.unfinished.swap(0, Ordering::Relaxed);
        event.map_err(|error| {
            if unfinished > self.limit {
                return "it is longer than allowed".to_owned();
            }
            format!("its stream is broken ({error})")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    fn events(pieces: &'static [&'static str]) -> Events {
        let pieces = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>(Bytes::from_static(piece.as_bytes())));
        Events::of(stream::iter(pieces), 32)
    }

    #[tokio::test]
    async fn many_short_events_pass_where_a_long_one_does_not() {
        let mut short = events(&["data: 0123456789\n\n"; 10]);
        for _ in 0..10 {
            let event = short.next().await.unwrap().unwrap();
            assert_eq!(event.data.unwrap(), "0123456789");
        }
        assert_eq!(short.next().await, Ok(None));
        let mut long = events(&["data: 0123456789\n"; 10]);
        let why = long.next().await.unwrap_err();
        assert_eq!(why, "it is longer than allowed");
    }

    #[tokio::test]
    async fn what_is_no_event_is_said() {
        let why = events(&["<html>\n\n"]).next().await.unwrap_err();
        assert!(why.starts_with("its stream is broken"), "{why}");
    }
}
