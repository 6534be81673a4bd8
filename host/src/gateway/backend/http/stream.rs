//! Bodies of answers, with a bound: whole ones, and streams of server-sent events.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, StreamExt};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
pub(super) use sse_stream::Sse as Event;
use sse_stream::SseStream;

use super::MAX_MESSAGE;

fn has_type(answer: &Response, wanted: &str) -> bool {
    let is = answer.headers().get(CONTENT_TYPE);
    let is = is.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (start, rest) = is.split_at_checked(wanted.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(wanted) && !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

pub(super) fn is_one(answer: &Response) -> bool {
    has_type(answer, "text/event-stream")
}

pub(super) fn is_json(answer: &Response) -> bool {
    has_type(answer, "application/json")
}

/// The whole body, if it is not longer than `limit` bytes.
pub(super) async fn read(mut answer: Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let piece = answer.chunk().await;
        let Some(piece) = piece.map_err(|_| "its end is missing".to_owned())? else {
            return Ok(body);
        };
        if body.len() + piece.len() > limit {
            return Err("it is longer than allowed".to_owned());
        }
        body.extend_from_slice(&piece);
    }
}

type Parsed = Pin<Box<dyn Stream<Item = Result<Event, sse_stream::Error>> + Send>>;

/// The events of an answer.
pub(super) struct Events {
    parsed: Parsed,
    /// Bytes since the last event.
    unfinished: Arc<AtomicUsize>,
}

#[derive(Debug, thiserror::Error)]
#[error("the stream broke")]
struct Broke;

impl Events {
    pub(super) fn of(answer: Response) -> Self {
        let unfinished = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unfinished);
        let bytes = answer.bytes_stream().map(move |piece| {
            let piece = piece.map_err(|_| Broke)?;
            let before = count.fetch_add(piece.len(), Ordering::Relaxed);
            if before + piece.len() > MAX_MESSAGE {
                return Err(Broke);
            }
            Ok(piece)
        });
        Self {
            parsed: Box::pin(SseStream::from_bytes_stream(bytes)),
            unfinished,
        }
    }

    /// The next; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, String> {
        let event = self.parsed.next().await.transpose();
        let unfinished = self.unfinished.swap(0, Ordering::Relaxed);
        event.map_err(|error| {
            if unfinished > MAX_MESSAGE {
                return "it is longer than allowed".to_owned();
            }
            format!("its stream is broken ({error})")
        })
    }
}
