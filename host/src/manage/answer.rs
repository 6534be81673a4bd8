//! An answer that is JSON.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Problem;

/// The answer with this in it.
pub(super) fn json(answer: &impl Serialize) -> Response {
    json_as(StatusCode::OK, answer)
}

/// The same, with another status.
pub(super) fn json_as(status: StatusCode, answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}
