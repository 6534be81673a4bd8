//! WASM plugins on wasmtime: engine, compile cache, limits, and the components behind the ports
//! `watch::Detector` and `reload::ReloadHandler`. Lower rooms see those traits and never this
//! room. A plugin gets no files, no network, no environment and no time to waste.

mod bindings;
mod detector;
mod engine;
mod fault;
mod handler;
mod instance;
mod isolation;
mod library;
mod output;
mod prepared;
mod state;
mod watchdog;

pub use engine::{Limits, PluginEngine};
pub use isolation::{Isolation, Used};
pub use library::{Described, Kind, Library};
pub use prepared::{Opened, Prepared};
