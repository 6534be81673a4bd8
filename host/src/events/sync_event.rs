//! One line of what happened, for people and for programs. Holds no secret: whoever writes
//! `details` puts names and places there, never values.

use jiff::Zoned;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a [`SyncEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A new configuration or catalog serves.
    Changed,
    /// Somebody touched the file, and nothing follows from it.
    NoChange,
    /// Something failed; the last good state serves.
    Error,
    /// The host goes on with less than it should have, and why.
    Degraded,
    /// The service entered another state of its life.
    State,
    /// A client came or went.
    Client,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Changed,
        Self::NoChange,
        Self::Error,
        Self::Degraded,
        Self::State,
        Self::Client,
    ];

    /// The word that stands in `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::NoChange => "no-change",
            Self::Error => "error",
            Self::Degraded => "degraded",
            Self::State => "state",
            Self::Client => "client",
        }
    }
}

/// What happened, when, and which configuration served then.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SyncEvent {
    /// Its number in this life of the host; the first one has 1.
    pub number: u64,
    /// Local time of day, `"14:32:05"`.
    pub time: String,
    /// What sort of event this is.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// One line for people: `"3 backends reloaded"`.
    pub details: String,
    /// The moment with date and offset (RFC 3339, milliseconds).
    pub timestamp: String,
    /// The generation that serves; 0 before the first.
    pub generation: u64,
    /// SHA-256 of the configuration that the event is about, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A moment with date and offset (RFC 3339, milliseconds).
pub fn timestamp(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

impl SyncEvent {
    /// An event that happened at `at`.
    pub fn new(at: &Zoned, kind: EventKind, details: impl Into<String>) -> Self {
        Self {
            number: 0,
            time: at.strftime("%H:%M:%S").to_string(),
            kind,
            details: details.into(),
            timestamp: timestamp(at),
            generation: 0,
            digest: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_three_fields_of_the_specification() {
        let at: Zoned = "2026-11-23T14:32:05.25+00:00[UTC]".parse().unwrap();
        let event = SyncEvent::new(&at, EventKind::NoChange, "same bytes");
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["time"], "14:32:05");
        assert_eq!(json["type"], "no-change");
        assert_eq!(json["details"], "same bytes");
        assert_eq!(json["timestamp"], "2026-11-23T14:32:05.250+00:00");
    }
}
