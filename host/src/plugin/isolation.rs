//! What stands around a plugin that is tested in isolation, in place of the world: a clock that
//! moves only when told, random numbers that are the same each time, and a measure of what each
//! call used. Its time is counted in instructions (wasmtime's fuel), so a limit is reached at the
//! same instruction on every machine. Serving never pays for it (a look of `hash` and a catalog of
//! 1,000 tools took 4 to 5 % longer): only an engine that was made isolated counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tracing::Level;
use wasmtime::{Store, Trap};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use super::limits::Limits;
use super::outside::Outside;
use super::state::{State, TimeExceeded};

/// Instructions that stand for a second of a plugin's time: about what an unhurried machine does.
const FUEL_PER_SECOND: u64 = 1_000_000_000;

/// How much longer than its limit a call may really take, should its instructions be slow ones,
const PATIENCE: u32 = 15;
/// and what it may take in any case, should the machine be busy.
const BUSY: Duration = Duration::from_secs(10);

/// Where every series of random numbers begins, and it has no end.
const SEED: u8 = 7;

/// The world of isolated plugins, and what they used of it. Clones share it.
#[derive(Clone, Default)]
pub struct Isolation(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    now: Duration,
    /// What the call under way was given.
    given: u64,
    used: Used,
    outside: Outside,
}

/// What a plugin used since it was last asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Instructions, in wasmtime's fuel; the start of a fresh instance counts.
    pub fuel: u64,
    /// Bytes of linear memory after the last call.
    pub memory: usize,
    /// How often it called the host, by function: `target.stat`.
    pub calls: BTreeMap<&'static str, u64>,
    /// What it said, as `info: ready`.
    pub lines: Vec<String>,
    /// What it sent: requests and signals.
    pub sent: Vec<Value>,
}

impl Isolation {
    /// What a call may really take.
    pub(super) fn patience(limits: Limits) -> Duration {
        (limits.time * PATIENCE).max(BUSY)
    }

    /// What its clocks show.
    pub fn time(&self) -> Duration {
        self.lock().now
    }

    /// Sets the clocks, in time since the Unix epoch.
    pub fn set_time(&self, now: Duration) {
        self.lock().now = now;
    }

    /// From now on this lies outside.
    pub fn set_outside(&self, outside: Outside) {
        self.lock().outside = outside;
    }

    /// What was used since the last time this was asked.
    pub fn take(&self) -> Used {
        std::mem::take(&mut self.lock().used)
    }

    /// Gives a guest these clocks, and numbers that only look random.
    pub(super) fn surround(&self, wasi: &mut WasiCtxBuilder) {
        let random = || Deterministic::new((0..251).map(|step| step ^ SEED).collect());
        wasi.wall_clock(Clock(self.clone()))
            .monotonic_clock(Clock(self.clone()))
            .secure_random(random())
            .insecure_random(random())
            .insecure_random_seed(u128::from(SEED));
    }

    /// A call begins.
    pub(super) fn begin(&self, store: &mut Store<State>, limits: Limits) -> wasmtime::Result<()> {
        let given = u64::try_from(limits.time.as_nanos()).unwrap_or(u64::MAX);
        let given = given.saturating_mul(FUEL_PER_SECOND / 1_000_000_000);
        self.lock().given = given;
        store.set_fuel(given)
    }

    /// The call has ended.
    pub(super) fn end(&self, store: &Store<State>) {
        let left = store.get_fuel().unwrap_or(0);
        let mut world = self.lock();
        world.used.fuel += world.given.saturating_sub(left);
        world.used.memory = store.data().memory();
        world.given = left;
    }

    /// A call of the guest to the host.
    pub(super) fn count(&self, function: &'static str) {
        *self.lock().used.calls.entry(function).or_default() += 1;
    }

    /// A line of the guest.
    pub(super) fn hear(&self, level: Level, line: &str) {
        let level = level.as_str().to_lowercase();
        self.lock().used.lines.push(format!("{level}: {line}"));
    }

    /// Something that gets no further than this.
    pub(super) fn sent(&self, sent: Value) {
        self.lock().used.sent.push(sent);
    }

    pub(super) fn outside(&self) -> Outside {
        self.lock().outside.clone()
    }

    /// No more fuel is no more time.
    pub(super) fn translate(error: wasmtime::Error, limits: Limits) -> wasmtime::Error {
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => TimeExceeded(limits.time).into(),
            _ => error,
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Clock(Isolation);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.lock().now
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.lock().now.as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Opened, PluginEngine, Prepared};
    use super::*;
    use crate::config::{PluginFile, PluginLimits};
    use crate::target::{LocalFile, Target};
    use crate::watch::Wake;

    const HASH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hash.wasm"));

    fn look(isolation: &Isolation, limits: Limits) -> Result<Used, String> {
        let engine = PluginEngine::isolated(limits, None, isolation.clone()).unwrap();
        let prepared = Prepared::new(&engine, "hash", HASH)?;
        let Opened::Detector(mut detector) = prepared.open(&PluginFile::default(), limits)? else {
            return Err("a handler".to_owned());
        };
        let target: Arc<dyn Target> = Arc::new(LocalFile::new("/nowhere/at/all"));
        let seen = detector.observe(&target, &Wake::Start, None);
        seen.map_err(|fault| fault.to_string())?;
        Ok(isolation.take())
    }

    #[test]
    fn the_same_call_uses_the_same_each_time() {
        let limits = PluginLimits::default().into();
        let first = look(&Isolation::default(), limits).unwrap();
        assert!(first.fuel > 0 && first.memory > 0, "{first:?}");
        assert_eq!(first.calls, BTreeMap::from([("target.stat", 1)]));
        assert_eq!(look(&Isolation::default(), limits), Ok(first));
    }

    #[test]
    fn time_is_counted_in_instructions() {
        let limits = Limits {
            time: Duration::from_nanos(10),
            ..PluginLimits::default().into()
        };
        let fault = look(&Isolation::default(), limits).unwrap_err();
        assert!(fault.contains("ran past its deadline"), "{fault}");
    }
}
