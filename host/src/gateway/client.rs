//! A client, as far as what serves may reach it: the port between the front, which keeps its
//! session or its one request, and backends, which tell it and ask it things.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::mcp::{Id, Members, Notification, Raw, RpcError, Version};

/// Names a client as long as it is connected; never given twice in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientId(u64);

impl ClientId {
    /// One that no other client has.
    pub(crate) fn next() -> Self {
        static GIVEN: AtomicU64 = AtomicU64::new(1);
        Self(GIVEN.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much weight a log message has (RFC 5424, section 6.2.1), least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl LogLevel {
    pub(crate) const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    /// The level of this name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// As it stands on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}

/// A client, as it introduces itself.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// `name/version`
    pub(crate) name: String,
    pub(crate) version: Version,
    /// `clientInfo`, as it came.
    pub(crate) info: Option<Raw>,
    pub(crate) capabilities: Members,
}

/// What a backend asks of a client.
pub(crate) struct Question {
    pub(crate) method: String,
    pub(crate) params: Option<Raw>,
    /// How the backend hears of progress with it, under the token that it gave.
    pub(crate) progress: Box<dyn Fn(Notification) + Send + Sync>,
    /// With what words the backend takes it back, if it does: set before the future is dropped.
    pub(crate) taken_back: Arc<OnceLock<Members>>,
}

impl Question {
    /// One of which nobody wants to hear before it is answered.
    pub(crate) fn plain(method: String, params: Option<Raw>) -> Self {
        Self {
            method,
            params,
            progress: Box::new(|_| {}),
            taken_back: Arc::default(),
        }
    }
}

/// A client that is connected, or has a request under way.
pub(crate) trait Client: Send + Sync {
    /// Stays the same while it is connected. Clients without sessions have one for each caller on
    /// each connection.
    fn id(&self) -> ClientId;

    /// What it said of itself.
    fn profile(&self) -> &Profile;

    /// `name/version`, as it calls itself.
    fn name(&self) -> &str {
        &self.profile().name
    }

    /// What it speaks.
    fn version(&self) -> Version {
        self.profile().version
    }

    /// Its `clientInfo`, as it sent it.
    fn info(&self) -> Option<&RawValue> {
        self.profile().info.as_deref()
    }

    /// What it can do, as it declared it.
    fn capabilities(&self) -> &Members {
        &self.profile().capabilities
    }

    /// From which level on it asked for log messages, by `logging/setLevel`. (A client of the new
    /// era asks with each request, in `_meta`.)
    fn log_level(&self) -> Option<LogLevel>;

    /// Tells it something: in the course of its request `about`, or beside any. Never waits: a
    /// client that does not read loses its connection, not the backend its time.
    fn tell(&self, about: Option<&Id>, notification: Notification);

    /// Asks it something (sampling, elicitation, roots) in the course of its request `about`, or
    /// beside any. A client of the new era gets it as `input_required` and answers with its next
    /// request; beside any it cannot be asked. One that leaves, or takes the request back, gives an
    /// error for an answer. If the future is dropped, nobody wants the answer any more.
    fn ask(
        &self,
        about: Option<&Id>,
        question: Question,
    ) -> BoxFuture<'static, Result<Raw, RpcError>>;

    /// The backend lets go of the stream of this request, and goes on with it after `wait`: a client
    /// that is served by such a stream may be let go as well, and comes back.
    fn let_go(&self, _request: &Id, _wait: Duration) {}

    /// With what words (the parameters of `notifications/cancelled`) it took this request back, if
    /// it did.
    fn taken_back(&self, request: &Id) -> Option<Members>;

    /// How it left, for people.
    fn farewell(&self) -> &'static str {
        "left"
    }

    /// Cancelled when it left.
    fn gone(&self) -> &CancellationToken;
}

impl fmt::Debug for dyn Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({} {})", self.id(), self.name())
    }
}
