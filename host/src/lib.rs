//! Config Sync: a host that watches a `config.yaml` and reloads a running MCP gateway without a
//! restart and without failing one call.
//!
//! The rooms, in the order in which data flows through them (a file imports only rooms of a
//! lower rank; `host/tests/rooms.rs` checks it):
//!
//! 1. [`target`]: the watched file; [`config`]: what its bytes mean; [`events`]: what happened;
//!    [`state`]: what is kept on disk; [`secrets`]: what placeholders stand for; [`caller`]: what
//!    whoever comes in says of itself; [`http_client`]: what every client over HTTP begins with;
//!    [`mcp`]: the protocol on the wire;
//! 2. [`watch`]: notices that the file changed and came to rest; [`gateway`]: what serves;
//!    [`settings`]: who has a say in `sync`, and what is stored;
//!    [`manage`]: answers how the host is, and takes orders;
//! 3. [`reload`]: one transaction from settled change to new snapshot; [`tui`]: the terminal UI;
//! 4. [`plugin`]: the WASM detectors and handlers behind the ports of `watch` and `reload`;
//!    [`memory`]: what outlives the process, behind the port of `reload`; [`follow`]: the watching
//!    half alone, for any files;
//! 5. [`service`]: builds the rooms and owns their life;
//!    [`conformance`]: the ways in which files are saved, as a test of detectors;
//!    [`testkit`]: the isolation bench for plugins;
//! 6. [`cli`]: one file for each subcommand.

pub mod caller;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod events;
pub mod follow;
pub mod gateway;
pub mod http_client;
pub mod manage;
pub mod mcp;
pub mod memory;
pub mod plugin;
pub mod reload;
pub mod secrets;
pub mod service;
pub mod settings;
pub mod state;
pub mod target;
pub mod testkit;
pub mod tui;
pub mod watch;
