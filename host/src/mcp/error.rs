//! An error as JSON-RPC sends it (section 5.1 of its specification), with the codes that MCP
//! gives a meaning.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::Raw;

/// What is wrong, as the peer said it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RpcError {
    /// The kind of error.
    pub code: i64,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Whatever else was said.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub data: Option<Raw>,
}

/// A member that is `null` is there.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Raw>, D::Error> {
    Raw::deserialize(from).map(Some)
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
        }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for RpcError {}
