//! The answers about the host, as plain data: for JSON, and for those who read it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the host is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Its id.
    pub process: u32,
    /// Where the service is in its life: `running`, `starting`, `stopping`...
    pub state: String,
    /// Since when the host runs (RFC 3339).
    pub started: String,
    /// The watched file.
    pub config: String,
    /// Where MCP clients are served.
    pub address: Option<String>,
    /// Where the management API is served over TCP, if it is.
    #[serde(default)]
    pub management: Option<String>,
    /// An edit of the file would be followed.
    pub live: bool,
    /// Whether the file is watched, and if not, why not.
    pub watching: Watching,
    /// What serves; nothing before the first reload has ended well.
    pub serves: Option<Serves>,
    /// What the file holds at this moment.
    pub on_disk: OnDisk,
    /// What asked for the reload that runs now.
    pub reloading: Option<String>,
    /// The reload that ended last.
    pub last_reload: Option<LastReload>,
    /// Seconds until what failed is tried again.
    pub retry_in: Option<f64>,
    /// Seconds until the file is looked at again, for a change of it is waiting to settle
    /// (`sync.debounce`); absent while nothing waits.
    #[serde(default)]
    pub settles_in: Option<f64>,
    /// How changes are noticed; nothing before that has begun.
    pub detection: Option<Detection>,
    /// Every backend that should serve, then those on their way in or out.
    pub backends: Vec<Backend>,
    /// What is not as it should be, one line each, with what to do. Empty when all is well.
    pub troubles: Vec<String>,
}

/// Whether the file is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Watching {
    /// Changes to the file are noticed and followed.
    On,
    /// The host has not come so far yet.
    NotYet,
    /// Somebody has paused it.
    Paused,
    /// `on_failure: stop` has stopped it.
    Stopped,
    /// `sync.enabled: false` has turned it off.
    Off,
}

/// What serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Serves {
    /// Its number.
    pub generation: u64,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// How many tools clients see.
    pub tools: usize,
    /// How many prompts.
    pub prompts: usize,
    /// How many resources.
    pub resources: usize,
    /// How many clients are connected.
    pub clients: usize,
}

/// What the file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnDisk {
    /// SHA-256 of its bytes, in hex; absent when it cannot be read.
    pub digest: Option<String>,
    /// These bytes serve.
    pub same: bool,
    /// Why it cannot be read.
    pub error: Option<String>,
}

/// A reload that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastReload {
    /// When it began (RFC 3339).
    pub started: String,
    /// When it ended.
    pub ended: String,
    /// What asked for it: `start`, `last-good`, `detector`, `hangup`, `api`, `retry`, `probation`,
    /// `plugins`.
    pub trigger: String,
    /// How: `unchanged`, `applied`, `rejected`, `failed`, `reverted`.
    pub outcome: String,
    /// Why, one line each, with place and remedy.
    pub reasons: Vec<String>,
    /// SHA-256 of the bytes that it was about.
    pub digest: Option<String>,
    /// Those bytes serve.
    pub serves: bool,
    /// What serves since then.
    pub generation: u64,
}

/// How changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Detection {
    /// What `sync.detection` names.
    pub wanted: String,
    /// The detector that looks.
    pub detector: String,
    /// The one that is wanted keeps failing, or cannot be had: this one looks in its place.
    pub stands_in: bool,
    /// `events` or `polling`.
    pub by: String,
    /// Why events cannot be trusted, and what to do.
    pub degraded: Option<String>,
    /// Since when all this is so (RFC 3339).
    pub since: String,
}

/// One backend that should serve, or is on its way in or out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Whether it does.
    pub state: BackendState,
    /// Its process, if it is one of ours.
    pub process: Option<u32>,
    /// How many of the tools that clients see are its own.
    pub tools: usize,
    /// Why it does not serve, is not well, or has its calls refused.
    pub reason: Option<String>,
    /// How it is.
    #[serde(default)]
    pub health: Health,
    /// Since when it is so (RFC 3339).
    #[serde(default)]
    pub since: String,
    /// A circuit breaker that lets its calls not pass; absent while they do.
    #[serde(default)]
    pub breaker: Option<Breaker>,
    /// How its calls go; kept over its restarts and over reloads.
    #[serde(default)]
    pub load: Load,
}

impl Backend {
    /// Whether it should serve: others are on their way in or out.
    pub fn should_serve(&self) -> bool {
        self.state != BackendState::Apart
    }

    /// The one word that says most about it.
    pub fn word(&self) -> &'static str {
        match (self.state, self.health) {
            (_, Health::Connecting) => "connecting",
            (_, Health::Draining) => "draining",
            (BackendState::Serving, Health::Degraded) => "degraded",
            (BackendState::Serving, _) => "serving",
            (BackendState::Ended, _) => "ended",
            (BackendState::Missing, _) => "missing",
            (BackendState::Apart, Health::Down) => "down",
            (BackendState::Apart, Health::Ready | Health::Degraded) => "waiting",
        }
    }
}

/// How a backend is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It is being started, or connected.
    Connecting,
    /// It answers.
    #[default]
    Ready,
    /// It did not answer when it was last asked how it is, and is asked again each second.
    Degraded,
    /// It ended, did not start, or was given up after too many questions without an answer; it is
    /// started again in time.
    Down,
    /// Nobody wants it any more; it ends its last calls (`timeouts.drain`).
    Draining,
}

/// What a circuit breaker does with the calls of a backend that gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breaker {
    /// `open`, or `half-open`.
    pub state: BreakerState,
    /// Seconds until one call may try.
    pub tries_in: f64,
}

/// Whether calls pass a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// None do.
    Open,
    /// One may, or does.
    HalfOpen,
}

/// How the calls of a backend go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// Calls that it was asked, in this life of the host.
    pub calls: u64,
    /// Those of them that had no answer.
    pub unanswered: u64,
    /// Those under way.
    pub under_way: u64,
    /// Calls a second over the last minute.
    pub per_second: f64,
    /// Milliseconds that answers took; absent before the first one.
    pub latency: Option<Latency>,
    /// How often it was started again after it had ended, or had not started.
    pub restarts: u64,
}

/// How long the last answers took, 256 of them at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Half of them took no longer, in milliseconds.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// None took longer.
    pub max: f64,
}

/// Whether a backend serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackendState {
    /// Its tools can be called.
    Serving,
    /// It ended by itself, and is started again; its tools answer with an error meanwhile.
    Ended,
    /// It did not start, and is tried again; its tools are not there.
    Missing,
    /// It runs beside what serves, and is none of it: it connects for a reload or waits there for
    /// others, is kept warm on probation, or drains. Another of its name may serve.
    Apart,
}

/// One client that is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectedClient {
    /// `name/version`, as it calls itself.
    pub name: String,
    /// The version of the protocol that it speaks.
    pub protocol: String,
    /// Since when it is connected (RFC 3339).
    pub since: String,
}

/// One tool that clients see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// As clients call it.
    pub name: String,
    /// Where it leads.
    pub backend: String,
    /// What the backend calls it.
    pub original: String,
    /// What it does, in the words that clients see.
    pub description: Option<String>,
    /// What it takes, as JSON Schema.
    #[serde(default)]
    pub input_schema: serde_json::Value,
}
