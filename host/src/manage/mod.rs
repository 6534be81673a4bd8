//! The management API: a server, on a Unix socket and over TCP, that answers how the running host is and takes
//! a few orders, the client of it, and the port by which it asks the service. Version 1, under
//! `/manage/v1`.
//!
//! Never knows how the service does what it is asked, never answers with what may be a secret
//! (names, places, digests, and values that are known to be none), and never makes the host wait
//! for a reader.

mod answer;
mod attempt;
mod body;
mod client;
mod door;
mod host;
mod place;
mod plan;
mod plugins;
mod problem;
mod query;
mod route;
mod server;
mod settings;
mod sse;
mod status;
mod threshold;
mod troubles;

pub use attempt::{Attempt, Digests, PhaseTime};
pub use client::{Client, ClientError, Following, Told};
pub use door::Door;
pub use host::{Host, Refused, Reloaded, Restored, SaveTo};
pub use place::{Place, Socket};
pub use plan::{Plan, PlannedTool, Renamed};
pub use plugins::{Plugin, PluginKind, PluginState};
pub use problem::Problem;
pub use server::Server;
pub use settings::{Bounds, ConfigValue, Configuration, Layer, Origin, Setting, Settings, Word};
pub use status::{
    Backend, BackendState, Breaker, BreakerState, ConnectedClient, Detection, Health, LastReload,
    Latency, Load, OnDisk, Serves, Status, Tool, Watching,
};

/// What every path of this version begins with.
pub const PREFIX: &str = "/manage/v1";

#[cfg(test)]
pub(crate) mod tests;
