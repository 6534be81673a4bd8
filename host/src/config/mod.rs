//! config.yaml, from bytes to a checked [`SentinelConfig`], with every problem at once: each has
//! its line and column, what to do about it, and what was probably meant.
//!
//! The way: bytes → [`Document`] (`document`, `yaml`, `node`) → readers that gather problems
//! (`reader`, `value`) → one file for each section. What plugins propose goes through the same
//! readers.
//!
//! It does no I/O beyond reading what it is given, imports no other room, and never resolves a
//! placeholder for anyone but the host. Whether a plugin exists or a backend answers is not
//! known here.

mod backend;
mod backends;
mod conflict_resolution;
mod connection;
mod difference;
mod document;
mod hidden;
mod host_grant;
mod load;
mod middleware;
mod node;
mod origin;
mod patterns;
mod plugin_file;
mod plugins;
mod problem;
mod reader;
mod report;
mod seal;
mod sentinel;
mod server;
mod shown;
mod suggest;
mod sync;
mod template;
mod token;
mod value;
mod version;
mod yaml;

pub use backend::{BackendSpec, Connection, HealthSettings, Protocol, Sharing, Timeouts};
pub use difference::{Difference, DifferenceKind, differences};
pub use document::{Document, MAX_BYTES};
pub use hidden::Hidden;
pub use host_grant::{HostGrant, is_public};
pub(crate) use load::read_with;
pub use load::{Draft, Known, Load, load, parse};
pub use middleware::{
    AuditSettings, AuthSettings, BreakerSettings, ConcurrencySettings, JwtSettings, KeyPlace,
    MiddlewareSettings, MiddlewareSpec, Names, OnFault, Per, PluggedEntry, PluggedSettings,
    RateSettings, RedactSettings, RetrySettings, SignatureAlgorithm, is_own_middleware,
};
pub use origin::Origin;
pub use patterns::{Expressions, Globs};
pub use plugin_file::{PluginFile, PluginGrants, SignalGrant, plugin_file};
pub(crate) use plugin_file::{plugin_grants, plugin_settings};
pub use plugins::{PluginLimits, PluginSettings};
pub use problem::{Place, Problem, Problems, Severity};
pub(crate) use reader::MapReader;
pub use seal::Seal;
pub use sentinel::SentinelConfig;
pub use server::{ManagementSettings, ServerLimits, ServerSettings, Transport};
pub use shown::{shown, shown_url};
pub use suggest::nearest;
pub use sync::{
    DEBOUNCE_SECONDS, MAX_DEBOUNCE_SECONDS, OnFailure, POLL_INTERVAL_SECONDS, PROBATION_SECONDS,
    SAFETY_INTERVAL_SECONDS, SyncSettings,
};
pub use template::{Environment, MissingVariable, Template, TemplateError};
pub use token::Token;
pub(crate) use value::Value;
