//! One call of a client on its way through the gateway. Parameters and results are JSON as it
//! came, so that what the gateway does not know passes through.

use serde_json::{Map, Value};
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
    /// What is asked.
    pub method: Method,
    /// The name under which the client knows the tool, prompt or resource.
    pub shown_as: String,
    /// The backend that has it.
    pub backend: String,
    /// The parameters as the backend will get them.
    pub params: Map<String, Value>,
    /// Cancelled when the client takes the call back.
    pub cancelled: CancellationToken,
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
}

impl CallError {
    /// -32602: the client named something that is not there.
    pub fn unknown(capability: Capability, name: &str) -> Self {
        Self {
            code: -32602,
            message: format!("unknown {}: {name}", capability.as_str()),
            data: None,
        }
    }

    /// -32603: this side could not do it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            code: -32603,
            message: message.into(),
            data: None,
        }
    }
}
