//! One call of a client on its way through the gateway. Parameters and results are the text that
//! came, so that what the gateway does not know passes through.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Capability;
use super::asking::Asking;
use super::client::Client;
use crate::mcp::{Id, Members, Raw, RpcError, raw_of};

/// The methods that go to one backend: that which has what they name, or may know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// `tools/call`
    CallTool,
    /// `prompts/get`
    GetPrompt,
    /// `resources/read`
    ReadResource,
    /// `completion/complete`, for an argument of a prompt
    CompletePrompt,
    /// `completion/complete`, for a variable of a resource template
    CompleteResource,
    /// `resources/subscribe`
    Subscribe,
    /// `resources/unsubscribe`
    Unsubscribe,
    /// One that the gateway does not know: of an extension, or of a version to come.
    Other(Arc<str>),
}

/// Where the parameters of a completion say what it is for.
const REFERENCE: &str = "ref";

impl Method {
    /// The method of this name with these parameters.
    pub(super) fn of(name: &str, params: &Members) -> Self {
        match name {
            "tools/call" => Self::CallTool,
            "prompts/get" => Self::GetPrompt,
            "resources/read" => Self::ReadResource,
            "resources/subscribe" => Self::Subscribe,
            "resources/unsubscribe" => Self::Unsubscribe,
            "completion/complete" => {
                let kind = params.object(REFERENCE).and_then(|it| it.text("type"));
                if kind.as_deref() == Some("ref/resource") {
                    Self::CompleteResource
                } else {
                    Self::CompletePrompt
                }
            }
            _ => Self::Other(name.into()),
        }
    }

    /// As it stands on the wire.
    pub fn on_the_wire(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::CallTool => "tools/call",
            Self::GetPrompt => "prompts/get",
            Self::ReadResource => "resources/read",
            Self::CompletePrompt | Self::CompleteResource => "completion/complete",
            Self::Subscribe => "resources/subscribe",
            Self::Unsubscribe => "resources/unsubscribe",
            Self::Other(name) => return Cow::Owned(name.as_ref().to_owned()),
        })
    }

    /// What it names; nothing that is known, if it is not known itself.
    pub fn capability(&self) -> Option<Capability> {
        Some(match self {
            Self::CallTool => Capability::Tool,
            Self::GetPrompt | Self::CompletePrompt => Capability::Prompt,
            Self::ReadResource | Self::Subscribe | Self::Unsubscribe => Capability::Resource,
            Self::CompleteResource => Capability::ResourceTemplate,
            Self::Other(_) => return None,
        })
    }

    /// Whether it uses the tool, prompt or resource: what limits and records of calls are about.
    pub fn is_call(&self) -> bool {
        matches!(self, Self::CallTool | Self::GetPrompt | Self::ReadResource)
    }

    /// The name that the parameters hold.
    pub(super) fn name_in(&self, params: &Members) -> Option<String> {
        match self {
            Self::CompletePrompt => params.object(REFERENCE)?.text("name"),
            Self::CompleteResource => params.object(REFERENCE)?.text("uri"),
            _ => params.text(self.capability()?.name_key()),
        }
    }

    /// Puts another name into the parameters.
    pub(super) fn rename(&self, params: &mut Members, name: &str) {
        let (Ok(name), Some(kind)) = (raw_of(&name), self.capability()) else {
            return;
        };
        let key = match self {
            Self::CompletePrompt => "name",
            Self::CompleteResource => "uri",
            _ => return params.set(kind.name_key(), name),
        };
        if let Some(mut reference) = params.object(REFERENCE) {
            reference.set(key, name);
            params.set(REFERENCE, reference.to_raw());
        }
    }
}

/// A call, with where it goes already decided.
#[derive(Debug, Clone)]
pub struct Call {
    /// Unique in this process; stands in the audit log and in error messages.
    pub id: u64,
    /// Who asks.
    pub(super) client: Arc<dyn Client>,
    /// The client's own name for its request.
    pub(super) request: Id,
    /// Whose token it showed, where clients must show one.
    pub caller: Option<String>,
    /// What is asked.
    pub method: Method,
    /// The name under which the client knows the tool, prompt or resource; empty, if there is none.
    pub shown_as: String,
    /// The template that it is of, if it is not listed itself: clients make such names.
    pub(super) template: Option<String>,
    /// The backend that has it.
    pub backend: String,
    /// The parameters as the backend will get them.
    pub params: Members,
    /// To do it twice does no more than to do it once, or so the tool says.
    pub repeatable: bool,
    /// Cancelled when the client takes the call back.
    pub cancelled: CancellationToken,
    /// What its client is asked meanwhile.
    pub(super) asking: Asking,
}

impl Call {
    /// Who calls: by its token, else as it calls itself.
    pub fn who(&self) -> &str {
        self.caller.as_deref().unwrap_or_else(|| self.client.name())
    }
}

/// How a call ends: the `result` as the backend sent it, or an error.
pub type Reply = Result<Raw, CallError>;

/// A JSON-RPC error (section 5.1 of its specification).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message} ({code})")]
pub struct CallError {
    /// The code, as on the wire.
    pub code: i64,
    /// For the client. Holds nothing of the host's insides.
    pub message: String,
    /// As the backend sent it.
    pub data: Option<Raw>,
    /// What else the backend said in it.
    pub beside: Members,
    /// Who says so.
    pub origin: ErrorOrigin,
}

/// Where an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorOrigin {
    /// The backend answered with it.
    Backend,
    /// The gateway did not ask the backend, or the client took the call back.
    Gateway,
    /// The backend was asked and gave no answer.
    NoAnswer,
}

// Our own codes are those of HTTP: from -32768 to -32000 there may be none (2026-07-28, "Error
// codes").
const FORBIDDEN: i64 = 403;
const TRY_LATER: i64 = 429;

impl CallError {
    /// As `origin` says it.
    pub(super) fn of(error: RpcError, origin: ErrorOrigin) -> Self {
        Self {
            code: error.code,
            message: error.message,
            data: error.data,
            beside: error.beside,
            origin,
        }
    }

    /// -32602: the client named something that is not there. (Of resources 2026-07-28 wants to
    /// have the URI in the data.)
    pub fn unknown(capability: Capability, name: &str) -> Self {
        let data = (capability == Capability::Resource).then(|| json!({ "uri": name }));
        Self {
            data: data.and_then(|it| raw_of(&it).ok()),
            ..Self::invalid(format!("unknown {}: {name}", capability.as_str()))
        }
    }

    /// -32601: nobody here knows this method.
    pub fn no_method(method: &str) -> Self {
        Self {
            code: RpcError::METHOD_NOT_FOUND,
            ..Self::internal(format!("there is no method `{method}`"))
        }
    }

    /// -32602: what was asked for makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: RpcError::INVALID_PARAMS,
            ..Self::internal(message)
        }
    }

    /// -32603: this side could not do it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            code: RpcError::INTERNAL_ERROR,
            message: message.into(),
            data: None,
            beside: Members::default(),
            origin: ErrorOrigin::Gateway,
        }
    }

    /// The backend gave no answer.
    pub fn no_answer(message: impl Into<String>) -> Self {
        Self {
            origin: ErrorOrigin::NoAnswer,
            ..Self::internal(message)
        }
    }

    /// The client took the call back.
    pub fn cancelled() -> Self {
        Self::internal("the call was cancelled")
    }

    /// 403: the configuration does not allow it.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self {
            code: FORBIDDEN,
            ..Self::internal(message)
        }
    }

    /// 429: not now. When, stands in the message and, in seconds, in `data.retryAfter`.
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
            data: raw_of(&json!({ "retryAfter": seconds })).ok(),
            ..Self::internal(format!("{message}; try again in {seconds} s"))
        }
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            data: error.data,
            beside: error.beside,
        }
    }
}
