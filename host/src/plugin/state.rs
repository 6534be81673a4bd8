//! What the host keeps for one instance: its limits, its WASI world with what it was granted and
//! nothing else, what it was lent. The host's side of the imports `log`, `target` and `settings`.

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
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::bindings::detector::config_sync::plugin::{log, target, types};
use super::bindings::granted::config_sync::plugin::settings;
use super::edition::Edition;
use super::http::Http;
use super::isolation::Isolation;
use super::limits::Limits;
use super::output::{Lines, Output};
use super::preopened::Preopened;
use super::watchdog::Watched;
use crate::config::PluginGrants;
use crate::target::{FileError, FileKind, Stat, Target};

/// The most core instances, memories and tables of one guest. Components of Python have some
/// dozens.
const MAX_INSTANCES: usize = 200;
/// The most files, streams, requests and the like that a guest holds at once: the host has those.
pub(super) const MAX_HELD: usize = 256;
/// What the host does for one call takes nothing of the guest's time, up to so much of it.
const HOSTS_TIME: Duration = Duration::from_secs(30);
/// The most signals that one call sends.
const MAX_SIGNALS: u32 = 32;
/// The most that one `read` hands to a guest, in bytes.
const MAX_READ: u32 = 1024 * 1024;

/// The target, as long as a look lasts.
#[expect(unreachable_pub, reason = "the generated bindings name it again")]
pub struct LentTarget(Arc<dyn Target>);

pub(super) struct State {
    edition: Arc<Edition>,
    wasi: WasiCtx,
    preopened: Preopened,
    http: Http,
    table: ResourceTable,
    lines: Lines,
    deadline: Instant,
    /// Of this call, what the host has done for it.
    hosts: Duration,
    signals: u32,
    watched: Option<Watched>,
    /// Bytes of all linear memories together.
    memory: usize,
    /// Elements of all tables together.
    elements: usize,
}

/// The guest asked for more memory than its limit.
#[derive(Debug, thiserror::Error)]
#[error("{asked} {what} wanted, {limit} allowed (limits.{key})")]
pub(super) struct MemoryExceeded {
    asked: usize,
    limit: usize,
    what: &'static str,
    key: &'static str,
}

/// The guest's time is over.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s of its own time (limits.time)", .0.as_secs_f64())]
pub(super) struct TimeExceeded(pub(super) Duration);

/// The guest has the host work for it without end.
#[derive(Debug, thiserror::Error)]
#[error("it kept the host busy for more than {} s in one call", HOSTS_TIME.as_secs())]
pub(super) struct KeptBusy;

impl State {
    /// The world of one instance.
    ///
    /// # Errors
    /// When a folder that it may read is not there.
    pub(super) fn new(edition: &Arc<Edition>) -> wasmtime::Result<Self> {
        let isolation = edition.isolation.as_ref();
        let lines = Lines::new(&edition.name, edition.limits.log, isolation.cloned());
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HELD);
        let (wasi, preopened) = world(&edition.grants, &lines, isolation)?;
        Ok(Self {
            wasi,
            preopened,
            http: Http::new(Arc::clone(&edition.grants), isolation.cloned()),
            table,
            lines,
            deadline: Instant::now(),
            hosts: Duration::ZERO,
            signals: 0,
            watched: None,
            memory: 0,
            elements: 0,
            edition: Arc::clone(edition),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.edition.name
    }

    pub(super) fn limits(&self) -> Limits {
        self.edition.limits
    }

    pub(super) fn grants(&self) -> &PluginGrants {
        &self.edition.grants
    }

    pub(super) fn preopened(&self) -> &Preopened {
        &self.preopened
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Whether it may wait for something at all.
    pub(super) fn may_wait(&self) -> bool {
        !self.edition.grants.http.is_empty()
    }

    /// The time that is left to this call.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A call begins: its limits are whole again.
    pub(super) fn begin(&mut self) {
        self.lines.begin();
        (self.hosts, self.signals) = (Duration::ZERO, 0);
        let time = match self.isolation() {
            Some(_) => Isolation::patience(self.limits()),
            None => self.limits().time,
        };
        self.deadline = Instant::now() + time;
        self.watched = Some(self.edition.workshop.watchdog.watch(self.deadline));
    }

    /// Bytes of all linear memories together.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    pub(super) fn isolation(&self) -> Option<&Isolation> {
        self.edition.isolation.as_ref()
    }

    /// The host is called by the guest.
    pub(super) fn count(&self, function: &'static str) {
        if let Some(isolation) = self.isolation() {
            isolation.count(function);
        }
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
            return Err(TimeExceeded(state.limits().time).into());
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
        self.count(function);
        let target = Arc::clone(&self.table.get(lent)?.0);
        self.on_the_hosts_time(|| ask(target.as_ref()))
    }

    /// Does something that takes nothing of the guest's time.
    ///
    /// # Errors
    /// [`KeptBusy`], and it is not done.
    pub(super) fn on_the_hosts_time<T>(&mut self, work: impl FnOnce() -> T) -> wasmtime::Result<T> {
        if self.hosts >= HOSTS_TIME {
            return Err(KeptBusy.into());
        }
        let began = Instant::now();
        let done = work();
        let took = began.elapsed();
        self.hosts += took;
        self.deadline += took;
        Ok(done)
    }

    /// Whether one more signal may be sent in this call.
    pub(super) fn may_signal(&mut self) -> bool {
        self.signals += 1;
        self.signals <= MAX_SIGNALS
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

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(&mut self.table, self.deadline)
    }
}

fn exceeded(asked: usize, limit: usize, what: &'static str, key: &'static str) -> wasmtime::Error {
    MemoryExceeded {
        asked,
        limit,
        what,
        key,
    }
    .into()
}

/// The WASI world with these grants: empty, without any.
fn world(
    grants: &PluginGrants,
    lines: &Lines,
    isolation: Option<&Isolation>,
) -> wasmtime::Result<(WasiCtx, Preopened)> {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(Output::new(lines.clone(), Level::INFO))
        .stderr(Output::new(lines.clone(), Level::WARN));
    if !grants.random {
        // Every guest with a hash table asks for it. One that is always the same tells nothing.
        wasi.insecure_random_seed(0);
    }
    if let Some(isolation) = isolation {
        isolation.surround(&mut wasi);
    }
    let outside = isolation.map(Isolation::outside);
    for name in &grants.env {
        let value = match &outside {
            Some(outside) => outside.variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        if let Some(value) = value {
            wasi.env(name, value);
        }
    }
    let preopened = Preopened::open(&mut wasi, &grants.read, outside.as_ref())?;
    wasi.max_random_size(MAX_READ.into());
    // A file is read on this very thread: no call may wait for anything else meanwhile.
    wasi.allow_blocking_current_thread(true);
    Ok((wasi.build(), preopened))
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let asked = self.memory.saturating_sub(current).saturating_add(desired);
        let limit = self.limits().memory;
        if asked > limit {
            return Err(exceeded(asked, limit, "bytes of memory", "memory"));
        }
        self.memory = asked;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let asked = self
            .elements
            .saturating_sub(current)
            .saturating_add(desired);
        let limit = self.limits().table;
        if asked > limit {
            return Err(exceeded(asked, limit, "elements of tables", "table"));
        }
        self.elements = asked;
        Ok(true)
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
        self.count("log.log");
        Ok(self.lines.tell(level, &message)?)
    }
}

impl settings::Host for State {
    fn get(&mut self) -> wasmtime::Result<String> {
        self.count("settings.get");
        Ok(self.edition.settings.as_ref().to_owned())
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

#[cfg(test)]
mod tests;
