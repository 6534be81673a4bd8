//! The engine that all plugins share: compiles components, keeps what it compiled on disk, and
//! holds what every call is limited to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, Linker, Resource};
use wasmtime::{Cache, CacheConfig, Config, Engine};
use wasmtime_wasi::p2::DynPollable;

use super::bindings;
use super::isolation::Isolation;
use super::state::{State, Waiting};
use super::watchdog::Watchdog;
use crate::config::PluginLimits;

const MIB: usize = 1024 * 1024;

/// The largest component that is loaded, in bytes. Python and JavaScript make 12 to 18 MB.
pub(super) const MAX_COMPONENT: u64 = 64 * 1024 * 1024;

/// As wasmtime-wasi names it; the linker serves every 0.2 by it.
const WASI_POLL: &str = "wasi:io/poll@0.2.12";

/// What one call of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time in the guest itself; what the host does for it does not count.
    pub time: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
}

impl From<PluginLimits> for Limits {
    fn from(limits: PluginLimits) -> Self {
        Self {
            time: limits.time,
            memory: limits.memory_mib as usize * MIB,
        }
    }
}

/// Compiles and links components. Clones share it.
#[derive(Clone)]
pub struct PluginEngine {
    engine: Engine,
    linker: Arc<Linker<State>>,
    watchdog: Arc<Watchdog>,
    limits: Limits,
    isolation: Option<Isolation>,
}

impl PluginEngine {
    /// An engine that keeps compiled components under `cache`, or nowhere.
    ///
    /// # Errors
    /// When this machine cannot run wasmtime.
    pub fn new(limits: Limits, cache: Option<PathBuf>) -> wasmtime::Result<Self> {
        Self::build(limits, cache, None)
    }

    /// As [`Self::new`]; its plugins live in `isolation`, and do the same each time.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn isolated(
        limits: Limits,
        cache: Option<PathBuf>,
        isolation: Isolation,
    ) -> wasmtime::Result<Self> {
        Self::build(limits, cache, Some(isolation))
    }

    fn build(
        limits: Limits,
        cache: Option<PathBuf>,
        isolation: Option<Isolation>,
    ) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        if isolation.is_some() {
            config
                .consume_fuel(true)
                .cranelift_nan_canonicalization(true)
                .relaxed_simd_deterministic(true);
        }
        config.wasm_component_model(true).epoch_interruption(true);
        if let Some(folder) = cache {
            let mut settings = CacheConfig::new();
            settings.with_directory(&folder);
            match Cache::new(settings) {
                Ok(cache) => {
                    config.cache(Some(cache));
                }
                Err(error) => tracing::warn!(
                    folder = %folder.display(), %error,
                    "compiled plugins cannot be kept; starting takes longer"
                ),
            }
        }
        let engine = Engine::new(&config)?;
        let watchdog = Arc::new(Watchdog::start(engine.clone())?);
        let linker = Arc::new(linker(&engine)?);
        Ok(Self {
            engine,
            linker,
            watchdog,
            limits,
            isolation,
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    pub(super) fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// The same engine with other limits.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    pub(super) fn isolation(&self) -> Option<&Isolation> {
        self.isolation.as_ref()
    }

    /// Compiles a component, or takes it from the cache.
    ///
    /// # Errors
    /// What is wrong with these bytes, and the remedy.
    pub(super) fn compile(&self, bytes: &[u8]) -> Result<Component, String> {
        // The fourth byte after the magic tells a core module (1) from a component (13).
        if bytes.get(..8) == Some(b"\0asm\x01\0\0\0") {
            return Err("it is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`".to_owned());
        }
        Component::from_binary(&self.engine, bytes)
            .map_err(|error| format!("it is not a WebAssembly component: {}", error.root_cause()))
    }
}

/// Everything that a plugin may import.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    bindings::detector::DetectorPlugin::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| {
        state
    })?;
    refuse_waiting(&mut linker)?;
    Ok(linker)
}

/// A guest that waits (WASI's poll, under every sleep) stands in the host, where no epoch reaches
/// it. A plugin has nothing to wait for: it answers, and is asked again.
fn refuse_waiting(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut poll = linker.instance(WASI_POLL)?;
    poll.func_wrap(
        "poll",
        |_, (_,): (Vec<Resource<DynPollable>>,)| -> wasmtime::Result<(Vec<u32>,)> {
            Err(Waiting.into())
        },
    )?;
    poll.func_wrap(
        "[method]pollable.block",
        |_, (_,): (Resource<DynPollable>,)| -> wasmtime::Result<()> { Err(Waiting.into()) },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
