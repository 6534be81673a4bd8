//! What the host keeps for one instance: its limits, its empty WASI world, what it was lent. The
//! host's side of the imports `log` and `target`.

#![expect(
    clippy::disallowed_types,
    reason = "guests burn real time, which no test can pause"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Level;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::detector::config_sync::plugin::{log, target, types};
use super::engine::Limits;
use super::isolation::{Isolation, PATIENCE};
use super::output::{Lines, Output};
use super::watchdog::{Watchdog, Watched};
use crate::target::{FileError, FileKind, Stat, Target};

/// The most elements of one table of a guest.
const MAX_TABLE: usize = 20_000;
/// The most core instances, memories and tables of one guest. Components of Python have some
/// dozens.
const MAX_INSTANCES: usize = 200;
/// The most that one `read` hands to a guest, in bytes.
const MAX_READ: u32 = 1024 * 1024;

/// The target, as long as a look lasts.
#[expect(unreachable_pub, reason = "the generated bindings name it again")]
pub struct LentTarget(Arc<dyn Target>);

pub(super) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limits: Limits,
    lines: Lines,
    watchdog: Arc<Watchdog>,
    deadline: Instant,
    watched: Option<Watched>,
    /// Bytes of all linear memories together.
    memory: usize,
    isolation: Option<Isolation>,
}

/// The guest asked for more memory than its limit.
#[derive(Debug, thiserror::Error)]
#[error("{asked} bytes of memory wanted, {limit} allowed (plugins.limits.memory)")]
pub(super) struct MemoryExceeded {
    asked: usize,
    limit: usize,
}

/// The guest's time is over.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s of its own time (plugins.limits.time)", .0.as_secs_f64())]
pub(super) struct TimeExceeded(pub(super) Duration);

/// The guest wanted to wait for something.
#[derive(Debug, thiserror::Error)]
#[error("it sleeps or waits; a plugin answers at once, and is asked again")]
pub(super) struct Waiting;

impl State {
    pub(super) fn new(
        plugin: &str,
        limits: Limits,
        watchdog: Arc<Watchdog>,
        isolation: Option<Isolation>,
    ) -> Self {
        let lines = Lines::new(plugin, isolation.clone());
        let mut wasi = WasiCtx::builder();
        wasi.stdout(Output::new(lines.clone(), Level::INFO))
            .stderr(Output::new(lines.clone(), Level::WARN));
        if let Some(isolation) = &isolation {
            isolation.surround(&mut wasi);
        }
        Self {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            limits,
            lines,
            watchdog,
            deadline: Instant::now(),
            watched: None,
            memory: 0,
            isolation,
        }
    }

    /// A call begins: its limits are whole again.
    pub(super) fn begin(&mut self) {
        self.lines.begin();
        let patience = self.isolation.as_ref().map_or(1, |_| PATIENCE);
        self.deadline = Instant::now() + self.limits.time * patience;
        self.watched = Some(self.watchdog.watch(self.deadline));
    }

    /// Bytes of all linear memories together.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// The call has ended.
    pub(super) fn end(&mut self) {
        self.watched = None;
    }

    /// What the epoch callback does: is the time of this very guest over?
    pub(super) fn check_deadline(
        context: StoreContextMut<'_, Self>,
    ) -> wasmtime::Result<UpdateDeadline> {
        let state = context.data();
        if Instant::now() >= state.deadline {
            return Err(TimeExceeded(state.limits.time).into());
        }
        Ok(UpdateDeadline::Continue(1))
    }

    pub(super) fn lend(
        &mut self,
        target: Arc<dyn Target>,
    ) -> wasmtime::Result<Resource<LentTarget>> {
        Ok(self.table.push(LentTarget(target))?)
    }

    pub(super) fn take_back(&mut self, lent: Resource<LentTarget>) {
        // The guest only ever had it borrowed.
        let _ = self.table.delete(lent);
    }

    /// Does something for the guest, on the host's time.
    fn ask<T>(
        &mut self,
        lent: &Resource<LentTarget>,
        function: &'static str,
        ask: impl FnOnce(&dyn Target) -> T,
    ) -> wasmtime::Result<T> {
        if let Some(isolation) = &self.isolation {
            isolation.count(function);
        }
        let target = Arc::clone(&self.table.get(lent)?.0);
        let began = Instant::now();
        let answer = ask(target.as_ref());
        self.deadline += began.elapsed();
        Ok(answer)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self.memory.saturating_sub(current).saturating_add(desired);
        let limit = self.limits.memory;
        if asked > limit {
            return Err(MemoryExceeded { asked, limit }.into());
        }
        self.memory = asked;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }
}

impl types::Host for State {}

impl log::Host for State {
    fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => tracing::Level::TRACE,
            log::Level::Debug => tracing::Level::DEBUG,
            log::Level::Info => tracing::Level::INFO,
            log::Level::Warn => tracing::Level::WARN,
            log::Level::Error => tracing::Level::ERROR,
        };
        if let Some(isolation) = &self.isolation {
            isolation.count("log.log");
        }
        self.lines.tell(level, &message);
        Ok(())
    }
}

impl target::Host for State {}

impl target::HostTarget for State {
    fn name(&mut self, lent: Resource<LentTarget>) -> wasmtime::Result<String> {
        self.ask(&lent, "target.name", |target| {
            target.path().display().to_string()
        })
    }

    fn stat(
        &mut self,
        lent: Resource<LentTarget>,
    ) -> wasmtime::Result<Result<types::FileStat, types::FileError>> {
        self.ask(&lent, "target.stat", |target| {
            target.stat().map(stat).map_err(error)
        })
    }

    fn digest(
        &mut self,
        lent: Resource<LentTarget>,
    ) -> wasmtime::Result<Result<Vec<u8>, types::FileError>> {
        self.ask(&lent, "target.digest", |target| {
            target
                .digest()
                .map(|digest| digest.as_bytes().to_vec())
                .map_err(error)
        })
    }

    fn read(
        &mut self,
        lent: Resource<LentTarget>,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, types::FileError>> {
        self.ask(&lent, "target.read", |target| {
            target.read(offset, length.min(MAX_READ)).map_err(error)
        })
    }

    fn drop(&mut self, lent: Resource<LentTarget>) -> wasmtime::Result<()> {
        self.take_back(lent);
        Ok(())
    }
}

fn stat(stat: Stat) -> types::FileStat {
    types::FileStat {
        kind: match stat.kind {
            FileKind::Regular => types::FileKind::Regular,
            FileKind::Directory => types::FileKind::Directory,
            FileKind::Other => types::FileKind::Other,
        },
        size: stat.size,
        modified: stat.modified,
        changed: stat.changed,
        inode: stat.inode,
        device: stat.device,
    }
}

fn error(error: FileError) -> types::FileError {
    match error {
        FileError::NotFound => types::FileError::NotFound,
        FileError::PermissionDenied => types::FileError::PermissionDenied,
        FileError::NotAFile => types::FileError::NotAFile,
        other @ (FileError::TooLarge { .. } | FileError::Moving | FileError::Other(_)) => {
            types::FileError::Other(other.to_string())
        }
    }
}
