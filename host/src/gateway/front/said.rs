//! Answers as HTTP carries them: one JSON object, a stream of events, or a refusal that says what
//! to do.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use super::outbox::Reader;
use crate::gateway::pass::Endless;
use crate::gateway::{CallError, Reply};
use crate::mcp::{Id, Message, Response as Said, RpcError};

/// Silence on a stream is broken so often, so that whatever stands in between keeps it open, and
/// a client that is gone is noticed.
const BREATH: Duration = Duration::from_secs(15);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The answer to a request as one message.
pub(super) fn message(id: Id, reply: Reply) -> Vec<u8> {
    let said = Said {
        id: Some(id),
        result: reply.map_err(RpcError::from),
    };
    Message::Response(said).to_line()
}

/// The answer to a request as one JSON object. The way of nearly every call: nothing is read or
/// written anew.
pub(super) fn json(status: StatusCode, id: &Id, reply: Reply) -> Response {
    let body = match reply {
        Ok(result) => {
            let (id, result) = (id.as_json(), result.get());
            let mut body = Vec::with_capacity(id.len() + result.len() + 40);
            for part in [
                r#"{"jsonrpc":"2.0","id":"#,
                id,
                r#","result":"#,
                result,
                "}",
            ] {
                body.extend_from_slice(part.as_bytes());
            }
            body
        }
        Err(error) => message(id.clone(), Err(error)),
    };
    of_json(status, body)
}

fn of_json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The status that goes with an error in the new era.
pub(super) fn status_of(error: &CallError) -> StatusCode {
    match error.code {
        RpcError::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        RpcError::HEADER_MISMATCH
        | RpcError::MISSING_CAPABILITY
        | RpcError::UNSUPPORTED_VERSION => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// A refusal of the whole HTTP request. The request in it is named where it could be made out.
pub(super) fn refuse(status: StatusCode, id: Option<Id>, error: RpcError) -> Response {
    let said = Said {
        id,
        result: Err(error),
    };
    of_json(status, Message::Response(said).to_line())
}

/// As [`refuse`], of what is no matter of JSON-RPC.
pub(super) fn refuse_http(status: StatusCode, say: &'static str) -> Response {
    (status, say).into_response()
}

/// A stream that has no end of its own.
pub(super) fn endless(mut stream: Response) -> Response {
    stream.extensions_mut().insert(Endless);
    stream
}

/// How a stream names its events.
pub(super) struct Numbering {
    /// The stream within its session.
    pub(super) stream: u64,
    /// It begins with an event that says nothing but where it begins, so that a client can come
    /// back to it from the first moment on (from 2025-11-25).
    pub(super) primed: Option<u64>,
}

/// A stream of what `reader` reads. It ends with it or at `end`, or when the client leaves;
/// `with_it` ends with it.
pub(super) fn stream(
    reader: Reader,
    numbering: Option<Numbering>,
    end: CancellationToken,
    with_it: impl Send + 'static,
) -> Response {
    let primed = numbering.as_ref().and_then(|it| {
        let number = it.primed?;
        Some(Bytes::from(format!(
            "id: {}-{number}\ndata: \n\n",
            it.stream
        )))
    });
    let numbered = numbering.map(|it| it.stream);
    let state = (reader, primed, end, with_it);
    let events = futures::stream::unfold(
        state,
        move |(mut reader, primed, end, with_it)| async move {
            let event = match primed {
                Some(event) => event,
                None => tokio::select! {
                    biased;
                    next = reader.next() => match next {
                        Some(next) => event(numbered, next),
                        // Let go, it may come back after so many milliseconds.
                        None => format!("retry: {}\n\n", reader.let_go()?.as_millis()).into(),
                    },
                    () = end.cancelled() => return None,
                    () = tokio::time::sleep(BREATH) => Bytes::from_static(b":\n\n"),
                },
            };
            let event = Ok::<_, std::convert::Infallible>(event);
            Some((event, (reader, None, end, with_it)))
        },
    );
    let headers = [
        (CONTENT_TYPE, EVENTS),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    (headers, Body::from_stream(events)).into_response()
}

/// The message holds no line end, so it is one line of data.
fn event(stream: Option<u64>, (number, message): (u64, Bytes)) -> Bytes {
    let mut event = Vec::with_capacity(message.len() + 64);
    if let Some(stream) = stream {
        event.extend_from_slice(format!("id: {stream}-{number}\n").as_bytes());
    }
    event.extend_from_slice(b"event: message\ndata: ");
    event.extend_from_slice(&message);
    event.extend_from_slice(b"\n\n");
    event.into()
}

/// The stream and the event that `Last-Event-ID` names.
pub(super) fn place(last_event: &str) -> Option<(u64, u64)> {
    let (stream, number) = last_event.split_once('-')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}
