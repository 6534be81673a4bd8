//! An error as JSON-RPC sends it (section 5.1 of its specification), with the codes that MCP
//! gives a meaning.

use std::fmt;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Members, Raw};

/// What is wrong, as the peer said it.
#[derive(Debug, Clone)]
pub struct RpcError {
    /// The kind of error.
    pub code: i64,
    /// For people.
    pub message: String,
    /// The details.
    pub data: Option<Raw>,
    /// Whatever else was said, of which JSON-RPC knows nothing.
    pub beside: Members,
}

impl RpcError {
    /// No JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// JSON, but no message.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The peer has no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// What was asked for is not there, or asked for in the wrong way.
    pub const INVALID_PARAMS: i64 = -32602;
    /// This side could not do it.
    pub const INTERNAL_ERROR: i64 = -32603;
    /// Resource not found, up to 2025-11-25.
    pub const RESOURCE_NOT_FOUND: i64 = -32002;
    /// Something must be done at a URL first (2025-11-25).
    pub const URL_ELICITATION_REQUIRED: i64 = -32042;
    /// A header says something else than the body (2026-07-28).
    pub const HEADER_MISMATCH: i64 = -32020;
    /// The client lacks a capability that the request needs (2026-07-28).
    pub const MISSING_CAPABILITY: i64 = -32021;
    /// A version that is not spoken here (2026-07-28).
    pub const UNSUPPORTED_VERSION: i64 = -32022;

    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
            beside: Members::default(),
        }
    }
}

impl Serialize for RpcError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(data) = &self.data {
            map.serialize_entry("data", data)?;
        }
        for (key, value) in self.beside.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// An error without a message is one nevertheless.
impl<'de> Deserialize<'de> for RpcError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut beside = Members::deserialize(deserializer)?;
        let code = beside.remove("code").unwrap_or_default();
        let message = beside.remove("message");
        Ok(Self {
            code: serde_json::from_str(code.get()).map_err(D::Error::custom)?,
            message: match message {
                Some(message) => serde_json::from_str(message.get()).map_err(D::Error::custom)?,
                None => String::new(),
            },
            data: beside.remove("data"),
            beside,
        })
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for RpcError {}
