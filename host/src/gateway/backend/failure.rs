//! Why a request to a backend has no result. What is said stands after the backend's name, and is
//! for clients: without paths and addresses.

use std::fmt;

use crate::mcp::RpcError;

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The backend says so.
    Error(RpcError),
    /// There is no answer; what it did instead.
    NoAnswer(String),
    /// An answer of HTTP alone: whoever stands there does not want such requests; what it did.
    Refused(String),
    /// Nobody wants it any more.
    Cancelled,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::NoAnswer(what) | Self::Refused(what) => write!(f, "it {what}"),
            Self::Cancelled => f.write_str("it was cancelled"),
        }
    }
}

impl Failure {
    /// The other side knows no such method.
    pub(super) fn is_method_not_found(&self) -> bool {
        matches!(self, Self::Error(error) if error.code == RpcError::METHOD_NOT_FOUND)
    }

    pub(super) fn silent(why: &str) -> Self {
        Self::NoAnswer(format!("did not answer: {why}"))
    }

    pub(super) fn unreadable(why: &str) -> Self {
        Self::NoAnswer(format!("gave an answer that cannot be read: {why}"))
    }
}
