//! Bodies of answers, with a bound: whole ones, and streams of server-sent events.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::MAX_MESSAGE;
use crate::mcp::Events;

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

/// What it says that it is, where that is neither.
pub(super) fn other_type(answer: &Response) -> Option<String> {
    let is = answer.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let known = is_json(answer) || is_one(answer);
    (!known).then(|| format!("it is `{is}`, not JSON"))
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

/// The events of an answer.
pub(super) fn events(answer: Response) -> Events {
    Events::of(answer.bytes_stream(), MAX_MESSAGE)
}
