use serde_json::{Map, Value};

use crate::{Decision, Method, MiddlewareDescriptor, Problem, Refusal, Reply, Request, Revision};

/// A step that calls pass through on their way to a backend and back.
///
/// ```
/// use config_sync_sdk::{
///     Decision, Middleware, MiddlewareDescriptor, Problem, Refusal, Request, Settings, Ways,
/// };
///
/// /// `- curfew: {tools: [deploy]}` refuses these tools.
/// pub struct Curfew(Vec<String>);
///
/// impl Middleware for Curfew {
///     fn describe() -> MiddlewareDescriptor {
///         MiddlewareDescriptor { summary: "refuses tools".into(), ways: Ways::REQUEST }
///     }
///
///     fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
///         let tools = settings.get("tools").cloned().unwrap_or_default();
///         serde_json::from_value(tools)
///             .map(Self)
///             .map_err(|error| vec![Problem::error("tools", error.to_string())])
///     }
///
///     fn on_request(&self, request: &Request) -> Result<Decision, String> {
///         Ok(if self.0.contains(&request.name) {
///             Decision::Refuse(Refusal::new(403, "not at this hour"))
///         } else {
///             Decision::Pass
///         })
///     }
/// }
///
/// config_sync_sdk::export!(middleware: Curfew);
/// ```
///
/// The value that `configure` makes lives as long as its instance. There may be several instances,
/// and each may be replaced between two calls: do not count in it what must not be lost.
pub trait Middleware: Sized + 'static {
    /// What the middleware is, and which way the host should ask it about.
    fn describe() -> MiddlewareDescriptor;

    /// A middleware with the settings below its name in the file. Every problem at once, rather
    /// than the first one; their paths start at the settings.
    fn configure(settings: Settings) -> Result<Self, Vec<Problem>>;

    /// Before the call goes on. `Err` is a fault of the middleware, not the answer to a client.
    fn on_request(&self, _request: &Request) -> Result<Decision, String> {
        Ok(Decision::Pass)
    }

    /// After it came back, with the request as it went on.
    fn on_response(&self, _request: &Request, _reply: &Reply) -> Result<Revision, String> {
        Ok(Revision::Pass)
    }
}

/// The settings as they stand in the file, `${VAR}` and `secret:` as written.
pub type Settings = Map<String, Value>;

impl Request {
    /// The parameters to read. To hand changed ones on, mind that a number of more than 64 bits
    /// loses digits here.
    ///
    /// # Errors
    /// When they are no JSON object, which no host hands over.
    pub fn params(&self) -> Result<Map<String, Value>, String> {
        serde_json::from_str(&self.params)
            .map_err(|error| format!("the parameters are no JSON object: {error}"))
    }
}

impl Reply {
    /// The result to read, if it is one; numbers as in [`Request::params`].
    ///
    /// # Errors
    /// When it is no JSON object, which no host hands over.
    pub fn result(&self) -> Result<Option<Map<String, Value>>, String> {
        match self {
            Self::Error(_) => Ok(None),
            Self::Result(result) => serde_json::from_str(result)
                .map(Some)
                .map_err(|error| format!("the result is no JSON object: {error}")),
        }
    }
}

impl Decision {
    /// The call goes on with these parameters.
    pub fn change(params: Map<String, Value>) -> Self {
        Self::Change(Value::Object(params).to_string())
    }

    /// The call goes no further: this is its result.
    pub fn answer(result: Map<String, Value>) -> Self {
        Self::Answer(Value::Object(result).to_string())
    }
}

impl Revision {
    /// The client gets this result instead.
    pub fn change(result: Map<String, Value>) -> Self {
        Self::Change(Value::Object(result).to_string())
    }
}

impl Refusal {
    /// An error for the client. MCP has the codes from -32768 to -32000 for itself.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }
}

impl Method {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallTool => "tools/call",
            Self::GetPrompt => "prompts/get",
            Self::ReadResource => "resources/read",
        }
    }
}
