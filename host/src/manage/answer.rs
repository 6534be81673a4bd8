//! An answer that is JSON, and those that are too small for a file of their own.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::Problem;
use crate::events::SyncEvent;

/// Whether the host is there.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    /// `running` is well.
    pub(super) state: String,
}

/// The last events.
#[derive(Serialize, JsonSchema)]
pub(super) struct Events {
    /// Oldest first.
    pub(super) events: Vec<SyncEvent>,
    /// How many before these are no longer kept.
    pub(super) missed: u64,
    /// The id that was given is of an earlier life of the host.
    pub(super) restarted: bool,
    /// What to give as `Last-Event-ID` to get those after these.
    pub(super) last_id: String,
}

/// Whether edits are followed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Paused {
    /// No edit is followed until somebody resumes.
    pub(super) paused: bool,
    /// Whether this call has changed that.
    pub(super) changed: bool,
}

/// A backend is being started.
#[derive(Serialize, JsonSchema)]
pub(super) struct Starting {
    /// The name of the backend.
    pub(super) backend: String,
    /// `starting`.
    pub(super) state: &'static str,
}

/// The host is ending.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stopping {
    /// `stopping`.
    pub(super) state: &'static str,
}

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
