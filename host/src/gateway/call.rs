//! One call of a client on its way through the gateway. Parameters and results are JSON as it
//! came, so that what the gateway does not know passes through.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::Capability;

/// The methods that go to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `tools/call`
    CallTool,
    /// `prompts/get`
    GetPrompt,
    /// `resources/read`
    ReadResource,
}

impl Method {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::CallTool, Self::GetPrompt, Self::ReadResource];

    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallTool => "tools/call",
            Self::GetPrompt => "prompts/get",
            Self::ReadResource => "resources/read",
        }
    }

    /// What it names.
    pub fn capability(self) -> Capability {
        match self {
            Self::CallTool => Capability::Tool,
            Self::GetPrompt => Capability::Prompt,
            Self::ReadResource => Capability::Resource,
        }
    }

    /// The parameter that holds the name.
    pub fn name_key(self) -> &'static str {
        self.capability().name_key()
    }
}

/// A call, with where it goes already decided.
#[derive(Debug, Clone)]
pub struct Call {
    /// Unique in this process; stands in the audit log and in error messages.
    pub id: u64,
    /// The client's own name and version, as it introduced itself.
    pub client: String,
    /// Whose token it showed, where clients must show one.
    pub caller: Option<String>,
    /// What is asked.
    pub method: Method,
    /// The name under which the client knows the tool, prompt or resource.
    pub shown_as: String,
    /// The backend that has it.
    pub backend: String,
    /// The parameters as the backend will get them.
    pub params: Map<String, Value>,
    /// To do it twice does no more than to do it once, or so the tool says.
    pub repeatable: bool,
    /// Cancelled when the client takes the call back.
    pub cancelled: CancellationToken,
}

impl Call {
    /// Who calls: by its token, else as it calls itself.
    pub fn who(&self) -> &str {
        self.caller.as_deref().unwrap_or(&self.client)
    }
}

/// How a call ends: the `result` as the backend sent it, or an error.
pub type Reply = Result<Value, CallError>;

/// A JSON-RPC error (section 5.1 of its specification).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct CallError {
    /// The code, as on the wire.
    pub code: i32,
    /// For the client. Holds nothing of the host's insides.
    pub message: String,
    /// As the backend sent it.
    pub data: Option<Value>,
    /// Who says so.
    pub origin: Origin,
}

/// Where an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The backend answered with it.
    Backend,
    /// The gateway did not ask the backend, or the client took the call back.
    Gateway,
    /// The backend was asked and gave no answer.
    NoAnswer,
}

/// "Forbidden", in the range that JSON-RPC leaves to servers.
const FORBIDDEN: i32 = -32003;
/// "Too many requests", likewise.
const TRY_LATER: i32 = -32029;

impl CallError {
    /// -32602: the client named something that is not there.
    pub fn unknown(capability: Capability, name: &str) -> Self {
        Self {
            code: -32602,
            message: format!("unknown {}: {name}", capability.as_str()),
            data: None,
            origin: Origin::Gateway,
        }
    }

    /// -32603: this side could not do it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            code: -32603,
            message: message.into(),
            data: None,
            origin: Origin::Gateway,
        }
    }

    /// The backend gave no answer.
    pub fn no_answer(message: impl Into<String>) -> Self {
        Self {
            origin: Origin::NoAnswer,
            ..Self::internal(message)
        }
    }

    /// The client took the call back.
    pub fn cancelled() -> Self {
        Self::internal("the call was cancelled")
    }

    /// -32003: the configuration does not allow it.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self {
            code: FORBIDDEN,
            ..Self::internal(message)
        }
    }

    /// -32029: not now. When, stands in the message and, in seconds, in `data.retryAfter`.
    pub fn try_later(message: impl fmt::Display, wait: Option<Duration>) -> Self {
        let Some(wait) = wait else {
            return Self {
                code: TRY_LATER,
                ..Self::internal(format!("{message}; try again later"))
            };
        };
        // Up to the next tenth: whoever waits so long must not come too early.
        let seconds = (wait.as_secs_f64() * 10.0).ceil() / 10.0;
        Self {
            code: TRY_LATER,
            data: Some(json!({ "retryAfter": seconds })),
            ..Self::internal(format!("{message}; try again in {seconds} s"))
        }
    }
}
