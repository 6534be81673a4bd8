//! WASM plugins on wasmtime: the folders they lie in, engine, compile cache, grants, limits,
//! faults, and the components behind the ports `watch::Detector`, `reload::ReloadHandler` and
//! `gateway::MiddlewarePlugin`. Lower rooms see those traits and never this room. A plugin gets no files, no network, no
//! environment and no clock that its user has not granted it, and no time to waste.

mod apart;
mod bindings;
mod built_in;
mod detector;
mod edition;
mod engine;
mod fault;
mod files;
mod grants;
mod handler;
mod health;
mod http;
mod inspect;
mod instance;
mod isolation;
mod library;
mod limits;
mod list;
mod load;
mod middleware;
mod output;
mod outside;
mod preopened;
mod prepared;
mod shelf;
mod signal;
mod state;
mod unfold;
mod waiting;
mod watchdog;

pub use engine::PluginEngine;
pub use health::STRIKES;
pub use inspect::{Inspected, inspect};
pub use isolation::{Isolation, Used};
pub use library::{Change, Changed, Elsewhere, Library, plugin_folders};
pub use limits::Limits;
pub use outside::{HttpAnswer, Outside};
pub use prepared::{Opened, OpenedMiddleware, Prepared};
