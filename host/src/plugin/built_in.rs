//! The components that `build.rs` has embedded. Each is compiled when it is first wanted: who
//! only watches needs one of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::apart::apart;
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
pub(super) const MIDDLEWARE: [(&str, &[u8]); 1] = [embedded!("arguments")];
pub(super) const LAST_RESORT: (&str, &[u8]) = embedded!("hash");

/// For so long one that could not be made is not tried again: the watcher asks at each turn.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    bytes: &'static [u8],
    made: Mutex<Option<Made>>,
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
            made: Mutex::default(),
        }
    }

    /// The plugin with the limits of this engine. May compile it.
    pub(super) fn get(&self, engine: &PluginEngine) -> Result<Arc<Edition>, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (limits, now) = (engine.limits(), Instant::now());
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
    use super::super::isolation::Isolation;
    use super::*;
    use crate::config::PluginLimits;

    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_be_made_is_tried_again_after_a_while_and_with_other_limits() {
        let whole = Limits::from(PluginLimits::default());
        let no_time = Limits {
            time: Duration::from_nanos(1),
            ..whole
        };
        let engine = PluginEngine::isolated(no_time, None, Isolation::default()).unwrap();
        let built_in = BuiltIn::new(LAST_RESORT);
        let tried = || {
            let first = built_in.get(&engine).map(|_| ()).unwrap_err();
            assert!(first.contains("ran past its deadline"), "{first}");
            built_in.made.lock().unwrap().as_ref().unwrap().at
        };
        let first = tried();
        tokio::time::advance(AGAIN / 2).await;
        assert_eq!(tried(), first);
        tokio::time::advance(AGAIN).await;
        assert!(tried() > first);
        assert!(built_in.get(&engine.with_limits(whole)).is_ok());
    }
}
