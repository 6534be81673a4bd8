//! The management API: a server on a Unix socket that answers how the running host is and takes
//! a few orders, the client of it, and the port by which it asks the service. Version 1, under
//! `/manage/v1`.
//!
//! Never knows how the service does what it is asked, never answers with a value of the
//! configuration (names, places and digests only), and never makes the host wait for a reader.

mod answer;
mod client;
mod host;
mod place;
mod problem;
mod query;
mod server;
mod sse;
mod status;
mod troubles;

pub use client::{Client, ClientError, Following, Told};
pub use host::{Host, Refused, Reloaded};
pub use place::{Place, Socket};
pub use problem::Problem;
pub use server::serve;
pub use status::{
    Backend, BackendState, Detection, LastReload, OnDisk, Serves, Status, Tool, Watching,
};

/// What every path of this version begins with.
pub const PREFIX: &str = "/manage/v1";

#[cfg(test)]
mod tests;
