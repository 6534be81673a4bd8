//! The components that `build.rs` has embedded. Each is compiled when it is first wanted: who
//! only watches needs one of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::edition::Edition;
use super::engine::PluginEngine;
use super::limits::Limits;
use crate::config::PluginFile;

macro_rules! embedded {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm")),
        )
    };
}

pub(super) const DETECTORS: [(&str, &[u8]); 3] =
    [embedded!("mtime"), embedded!("hash"), embedded!("inotify")];
/// Asked in this order; drop-ins come before them.
pub(super) const HANDLERS: [(&str, &[u8]); 3] = [
    embedded!("backends"),
    embedded!("middleware"),
    embedded!("tools"),
];
pub(super) const LAST_RESORT: (&str, &[u8]) = embedded!("hash");

pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    bytes: &'static [u8],
    /// With the limits that it was made with.
    ready: Mutex<Option<(Limits, Arc<Edition>)>>,
}

impl BuiltIn {
    pub(super) fn new((name, bytes): (&'static str, &'static [u8])) -> Self {
        Self {
            name,
            bytes,
            ready: Mutex::default(),
        }
    }

    /// The plugin with the limits of this engine.
    pub(super) fn get(&self, engine: &PluginEngine) -> Result<Arc<Edition>, String> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = engine.limits();
        if let Some((_, edition)) = ready.as_ref().filter(|(known, _)| *known == limits) {
            return Ok(Arc::clone(edition));
        }
        let edition = Edition::new(
            self.name,
            engine,
            self.bytes,
            &PluginFile::default(),
            limits,
        )
        .map_err(|error| format!("built-in plugin `{}`: {error}", self.name))?;
        *ready = Some((limits, Arc::clone(&edition)));
        Ok(edition)
    }
}
