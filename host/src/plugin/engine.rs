//! The engines that all plugins share: compile components, keep what they compiled on disk. One
//! for each size of the stack, since that is fixed when an engine is made; most hosts have one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine, WasmBacktraceDetails};

use super::bindings;
use super::files;
use super::isolation::Isolation;
use super::limits::Limits;
use super::state::State;
use super::unfold;
use super::waiting;
use super::watchdog::Watchdog;

/// Compiles and links components. Clones share it.
#[derive(Clone)]
pub struct PluginEngine {
    shared: Arc<Shared>,
    limits: Limits,
    /// That of the limits which it was made with: most plugins are of it.
    _first: Option<Arc<Workshop>>,
}

struct Shared {
    cache: Option<Cache>,
    isolation: Option<Isolation>,
    /// As long as some plugin is of it.
    by_stack: Mutex<BTreeMap<usize, Weak<Workshop>>>,
}

/// One engine, and everything that a plugin may import.
pub(super) struct Workshop {
    pub(super) engine: Engine,
    pub(super) linker: Linker<State>,
    pub(super) watchdog: Arc<Watchdog>,
}

impl PluginEngine {
    /// An engine that keeps compiled components under `cache`, or nowhere. `limits` hold for
    /// whatever has no others.
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
        let cache = cache.and_then(|folder| {
            let mut settings = CacheConfig::new();
            settings.with_directory(&folder);
            Cache::new(settings)
                .inspect_err(|error| {
                    tracing::warn!(
                        folder = %folder.display(), %error,
                        "compiled plugins cannot be kept; starting takes longer"
                    );
                })
                .ok()
        });
        let mut engine = Self {
            shared: Arc::new(Shared {
                cache,
                isolation,
                by_stack: Mutex::default(),
            }),
            limits,
            _first: None,
        };
        engine._first = Some(engine.workshop(limits.stack)?);
        Ok(engine)
    }

    /// The same engine, with other limits for whatever has none of its own.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn isolation(&self) -> Option<&Isolation> {
        self.shared.isolation.as_ref()
    }

    /// The engine for a stack of so many bytes.
    pub(super) fn workshop(&self, stack: usize) -> wasmtime::Result<Arc<Workshop>> {
        let by_stack = &self.shared.by_stack;
        let mut by_stack = by_stack.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_stack.get(&stack).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .epoch_interruption(true)
            .max_wasm_stack(stack)
            .wasm_backtrace_details(WasmBacktraceDetails::Enable)
            .cache(self.shared.cache.clone());
        if self.shared.isolation.is_some() {
            config
                .consume_fuel(true)
                .cranelift_nan_canonicalization(true)
                .relaxed_simd_deterministic(true);
        }
        let engine = Engine::new(&config)?;
        let workshop = Arc::new(Workshop {
            watchdog: Arc::new(Watchdog::start(engine.clone())?),
            linker: linker(&engine)?,
            engine,
        });
        by_stack.retain(|_, known| known.strong_count() > 0);
        by_stack.insert(stack, Arc::downgrade(&workshop));
        Ok(workshop)
    }
}

impl Workshop {
    /// Compiles a component, or takes it from the cache.
    ///
    /// # Errors
    /// What is wrong with these bytes, and the remedy.
    pub(super) fn compile(&self, bytes: &[u8]) -> Result<Component, String> {
        // The fourth byte after the magic tells a core module (1) from a component (13).
        if bytes.get(..8) == Some(b"\0asm\x01\0\0\0") {
            return Err("it is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`".to_owned());
        }
        unfold::check(bytes)?;
        Component::from_binary(&self.engine, bytes).map_err(|error| {
            // It shows bytes one a line.
            let cause = error.root_cause().to_string();
            let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("it is not a WebAssembly component: {cause}")
        })
    }
}

/// Everything that a plugin may import, granted or not: what is not granted is refused before
/// anything is linked.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
    bindings::detector::DetectorPlugin::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| {
        state
    })?;
    bindings::granted::Granted::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    // In place of what wasmtime-wasi does.
    linker.allow_shadowing(true);
    waiting::bound(&mut linker)?;
    files::only_files(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PluginLimits;

    #[test]
    fn an_engine_that_no_plugin_is_of_is_forgotten() {
        let limits = Limits::from(PluginLimits::default());
        let engine = PluginEngine::new(limits, None).unwrap();
        let used = engine.workshop(100_000).unwrap();
        for stack in [110_000, 120_000, 130_000] {
            let unused = Arc::downgrade(&engine.workshop(stack).unwrap());
            assert!(unused.upgrade().is_none());
        }
        for (stack, same) in [
            (100_000, &used),
            (limits.stack, &engine.workshop(limits.stack).unwrap()),
        ] {
            assert!(Arc::ptr_eq(&engine.workshop(stack).unwrap(), same));
        }
        let known = engine.shared.by_stack.lock().unwrap().len();
        assert!(known <= 3, "{known} are known");
    }
}
