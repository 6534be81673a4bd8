//! The components that `build.rs` has embedded. Each is compiled when it is first wanted: who
//! only watches needs one of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::apart::apart;
use super::edition::Edition;
use super::engine::PluginEngine;
use super::limits::Limits;
use crate::config::{PluginFile, PluginLimits};

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
pub(super) const MIDDLEWARE: [(&str, &[u8]); 1] = [embedded!("arguments")];
pub(super) const LAST_RESORT: (&str, &[u8]) = embedded!("hash");

/// For so long one that could not be made is not tried again: the watcher asks at each turn.
const AGAIN: Duration = Duration::from_secs(60);

/// Clones share what was made.
#[derive(Clone)]
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    bytes: &'static [u8],
    made: Arc<Mutex<Option<Made>>>,
}

struct Made {
    limits: Limits,
    at: Instant,
    edition: Result<Arc<Edition>, String>,
}

impl BuiltIn {
    pub(super) fn new((name, bytes): (&'static str, &'static [u8])) -> Self {
        Self {
            name,
            bytes,
            made: Arc::default(),
        }
    }

    /// The plugin with the limits of this engine, or those that it cannot do without: the host
    /// cannot do without it. May compile it.
    pub(super) fn get(&self, engine: &PluginEngine) -> Result<Arc<Edition>, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let least = Limits::from(PluginLimits::default());
        let (limits, now) = (engine.limits().at_least(least), Instant::now());
        let holds = |it: &&Made| {
            it.limits == limits && (it.edition.is_ok() || now.duration_since(it.at) < AGAIN)
        };
        if let Some(known) = made.as_ref().filter(holds) {
            return known.edition.clone();
        }
        let file = PluginFile::default();
        let edition = apart(false, || {
            Ok(Edition::new(self.name, engine, self.bytes, &file, limits))
        });
        let edition = edition
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|error| format!("built-in plugin `{}`: {error}", self.name));
        *made = Some(Made {
            limits,
            at: now,
            edition: edition.clone(),
        });
        edition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(limits: PluginLimits) -> PluginEngine {
        PluginEngine::new(limits.into(), None).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_be_made_is_tried_again_after_a_while() {
        let engine = engine(PluginLimits::default());
        let built_in = BuiltIn::new(("broken", &b"no component"[..]));
        let tried = || {
            let first = built_in.get(&engine).map(|_| ()).unwrap_err();
            assert!(first.contains("built-in plugin `broken`: "), "{first}");
            built_in.made.lock().unwrap().as_ref().unwrap().at
        };
        let first = tried();
        tokio::time::advance(AGAIN / 2).await;
        assert_eq!(tried(), first);
        tokio::time::advance(AGAIN).await;
        assert!(tried() > first);
    }

    #[tokio::test(start_paused = true)]
    async fn the_lowest_limits_that_can_be_said_take_no_built_in_plugin_away() {
        let engine = engine(PluginLimits {
            time: Duration::from_millis(10),
            memory_mib: 1,
            table: 1,
            stack_kib: 64,
            output_kib: 1,
            log: 0,
            size_mib: 1,
        });
        for embedded in [&DETECTORS[..], &HANDLERS, &MIDDLEWARE].concat() {
            BuiltIn::new(embedded).get(&engine).unwrap();
        }
    }
}
