//! The service as the management API sees it: the port of that room, answered from what the other
//! rooms tell. Keeps no state of its own.

mod deeds;
mod on_disk;
mod settings;
mod status;
mod tcp;
mod told;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::State;
use crate::events::{EventBus, EventKind, timestamp};
use crate::gateway::Gateway;
use crate::manage::{
    Attempt, Backend, Configuration, ConnectedClient, Host, OnDisk, Place, Plan, Plugin, Refused,
    Reloaded, Restored, SaveTo, Server, Settings, Socket, Status, Tool,
};
use crate::memory;
use crate::plugin::Library;
use crate::reload::{Ask, OtherPlugins, Standing, Trigger};
use crate::settings::LiveSettings;
use crate::state::StateError;
use crate::target::{LocalFile, Target};
use crate::watch::{Hearing, Orders};
use deeds::failed;

/// A file system that has not answered by then hangs, and a status does not wait for it.
const LOOK: Duration = Duration::from_secs(5);
/// Backends may take their time to start; who waits longer asks for the status.
const RELOAD: Duration = Duration::from_secs(60);
/// Between two tries to get the socket that another host has.
const AGAIN: Duration = Duration::from_secs(5);

/// What the answers are made from.
pub(super) struct Managed {
    pub(super) watched: Arc<LocalFile>,
    pub(super) root: Option<PathBuf>,
    pub(super) started: String,
    pub(super) state: watch::Receiver<State>,
    pub(super) hearing: watch::Receiver<Option<Hearing>>,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) orders: watch::Sender<Option<Orders>>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) ask: mpsc::Sender<Ask>,
    pub(super) bus: EventBus,
    pub(super) end: CancellationToken,
    pub(super) turns: Turns,
    pub(super) settings: LiveSettings,
    pub(super) library: Arc<Library>,
    pub(super) others: Arc<dyn OtherPlugins>,
    pub(super) settling: watch::Receiver<Option<Instant>>,
    pub(super) on_disk: Arc<OnDiskDigest>,
    /// Where it is served over TCP.
    pub(super) over_tcp: watch::Receiver<Option<SocketAddr>>,
}

use self::on_disk::OnDiskDigest;
pub use settings::detector_of;
pub(super) use settings::known_detector;
use status::last_reload;
pub(super) use tcp::OverTcp;

/// One look at a time at each disk: one that hangs costs one thread, however often somebody asks.
pub(super) struct Turns {
    file: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    settings: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let turn = || Arc::new(Semaphore::new(1));
        Self {
            file: turn(),
            memory: turn(),
            settings: turn(),
        }
    }
}

/// What a disk answers, if it does so in time.
async fn look<T: Send + 'static>(
    turn: Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let looked = async {
        let turn = turn.acquire_owned().await.ok()?;
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.ok()
    };
    timeout(LOOK, looked).await.ok()?
}

/// Opens the socket, so that it is there before anybody is told that the host runs. Where that
/// fails an event says why: another host has it, most likely.
pub(super) async fn open(place: &Place, bus: &EventBus) -> Option<Socket> {
    match bind(place).await? {
        Ok(socket) => Some(socket),
        Err(error) => {
            let details = match error {
                StateError::Held { .. } => format!(
                    "no management API, `config-sync status` is that of the other host: {error}"
                ),
                StateError::Refused { .. } => format!("no management API: {error}"),
            };
            bus.publish(EventKind::Degraded, details);
            None
        }
    }
}

/// Serves until cancelled. Where the socket could not be had it is tried again: the other host
/// may have ended.
pub(super) async fn serve(
    mut socket: Option<Socket>,
    place: Place,
    server: Server,
    cancel: CancellationToken,
) {
    let opened = async {
        loop {
            if let Some(socket) = socket.take() {
                return socket;
            }
            tokio::time::sleep(AGAIN).await;
            socket = bind(&place).await.and_then(Result::ok);
        }
    };
    let socket = tokio::select! {
        socket = opened => socket,
        () = cancel.cancelled() => return,
    };
    tracing::info!(socket = %socket.path().display(), "management API");
    server.serve(socket, cancel).await;
}

/// Off the async threads, for the disk may take its time; nothing, if the host ends meanwhile.
async fn bind(place: &Place) -> Option<Result<Socket, StateError>> {
    let place = place.clone();
    let bound = tokio::task::spawn_blocking(move || place.bind());
    bound.await.ok()
}

impl Host for Managed {
    fn state(&self) -> String {
        self.state.borrow().to_string()
    }

    fn configuration(&self) -> Result<Configuration, Refused> {
        self.served_configuration()
    }

    fn plugins(self: Arc<Self>) -> BoxFuture<'static, Vec<Plugin>> {
        // Those that nobody has wanted yet are compiled for it.
        let listed = tokio::task::spawn_blocking(move || self.library.list());
        async move { listed.await.unwrap_or_default() }.boxed()
    }

    fn settings(self: Arc<Self>) -> BoxFuture<'static, Result<Settings, Refused>> {
        let settings = tokio::task::spawn_blocking(move || self.all_settings());
        async move {
            settings
                .await
                .map_err(|error| Refused::Failed(error.to_string()))
        }
        .boxed()
    }

    fn change_settings(
        self: Arc<Self>,
        changes: Map<String, Value>,
        to: SaveTo,
    ) -> BoxFuture<'static, Result<Settings, Refused>> {
        let turn = Arc::clone(&self.turns.settings);
        let host = Arc::clone(&self);
        let change = look(turn, move || host.change(&changes, to));
        async move {
            let hangs = "the disk does not answer; ask for the settings to see what became of it";
            let written = change
                .await
                .unwrap_or_else(|| Err(Refused::Failed(hangs.to_owned())))?;
            // It is an edit as any other, and need not wait for its turn.
            if written && !self.orders.borrow().as_ref().is_some_and(|it| it.paused) {
                // How it ends is told by events; what was asked for is written.
                let _ = self.reload().await;
            }
            Host::settings(self).await
        }
        .boxed()
    }

    fn plan(
        &self,
        next: Option<Vec<u8>>,
        connect: bool,
    ) -> BoxFuture<'static, Result<Plan, Refused>> {
        self.plan_of(next, connect)
    }

    fn restore(&self, to: Option<u64>) -> BoxFuture<'static, Result<Restored, Refused>> {
        self.restored(to)
    }

    fn status(&self) -> BoxFuture<'static, Status> {
        let (target, on_disk) = (Arc::clone(&self.watched), Arc::clone(&self.on_disk));
        let turn = Arc::clone(&self.turns.file);
        let digest = look(turn, move || on_disk.read(target.as_ref()));
        let mut status = self.status_but_for_the_file();
        let plugins = self.library.troubles();
        async move {
            let (digest, error) = match digest.await {
                Some(Ok(digest)) => (Some(digest.to_string()), None),
                Some(Err(error)) => (None, Some(error.to_string())),
                None => (None, Some("its file system does not answer".to_owned())),
            };
            let same = digest.is_some()
                && digest.as_ref() == status.serves.as_ref().map(|serves| &serves.digest);
            status.on_disk = OnDisk {
                digest,
                same,
                error,
            };
            let mut status = status.judged();
            status.troubles.extend(plugins);
            status
        }
        .boxed()
    }

    fn backends(&self) -> Vec<Backend> {
        self.all_backends()
    }

    fn clients(&self) -> Vec<ConnectedClient> {
        let connected = self.gateway.connected().into_iter();
        let clients = connected.map(|client| ConnectedClient {
            name: client.name,
            protocol: client.protocol.to_owned(),
            since: timestamp(&client.since),
        });
        clients.collect()
    }

    fn tools(&self) -> Vec<Tool> {
        self.all_tools()
    }

    fn events(&self) -> &EventBus {
        &self.bus
    }

    fn history(&self, count: usize) -> BoxFuture<'static, Result<Vec<Attempt>, Refused>> {
        let (root, path) = (self.memory_root(), self.watched.path().to_owned());
        let turn = Arc::clone(&self.turns.memory);
        async move {
            let root = root?;
            let read = look(turn, move || memory::history(&root, &path)).await;
            let history = read.ok_or_else(|| failed(&"the disk of the state folder hangs"))?;
            let attempts = history.map_err(|error| failed(&error))?.attempts;
            let older = attempts.len().saturating_sub(count);
            Ok(attempts
                .into_iter()
                .skip(older)
                .map(told::attempt)
                .collect())
        }
        .boxed()
    }

    fn reload(&self) -> BoxFuture<'static, Result<Reloaded, Refused>> {
        let ask = self.ask.clone();
        let running = self.must_run();
        async move {
            running?;
            let stops = || Refused::NotNow("the host stops".to_owned());
            let (call, ended) = Ask::to_be_told(Trigger::Api);
            let ended = async {
                ask.send(call).await.map_err(|_| stops())?;
                let last = ended.await.map_err(|_| stops())?;
                Ok(Reloaded::Ended(last_reload(&last)))
            };
            timeout(RELOAD, ended)
                .await
                .unwrap_or(Ok(Reloaded::UnderWay))
        }
        .boxed()
    }

    fn pause(&self) -> Result<bool, Refused> {
        self.must_run()?;
        let changed = self.order(|orders| !std::mem::replace(&mut orders.paused, true));
        if changed {
            self.bus.publish(
                EventKind::Degraded,
                "watching is paused; serving goes on, and no edit is followed before \
                 `config-sync resume` or SIGHUP",
            );
        }
        Ok(changed)
    }

    fn resume(&self) -> Result<bool, Refused> {
        self.must_run()?;
        let given_up = self.hearing.borrow().as_ref().is_some_and(|it| it.given_up);
        let (mut paused, mut stopped) = (false, false);
        self.order(|orders| {
            paused = std::mem::take(&mut orders.paused);
            stopped = std::mem::take(&mut orders.stopped) || given_up;
            orders.resumed += 1;
            paused || stopped
        });
        if paused {
            self.bus
                .publish(EventKind::State, "watching goes on after a pause");
        }
        if paused || stopped {
            // Whatever was saved meanwhile, and what failed then.
            let _ = self.ask.try_send(Trigger::Api.into());
        }
        Ok(paused || stopped)
    }

    fn reconnect(&self, backend: &str) -> Result<(), Refused> {
        self.must_run()?;
        if self.gateway.want(backend) {
            return Ok(());
        }
        match self
            .gateway
            .current()
            .backends()
            .any(|(name, _)| name == backend)
        {
            true => Err(Refused::NotNow(format!(
                "backend `{backend}` serves; to start it anew, change it in the file"
            ))),
            false => Err(Refused::Unknown(format!(
                "there is no backend `{backend}`; see `config-sync backends`"
            ))),
        }
    }

    fn shut_down(&self) {
        self.end.cancel();
    }
}

impl Managed {
    /// Where the memory is.
    fn memory_root(&self) -> Result<PathBuf, Refused> {
        let none =
            || Refused::NotNow("no memory is kept; name a folder with --state DIR".to_owned());
        self.root.clone().ok_or_else(none)
    }

    fn must_run(&self) -> Result<(), Refused> {
        match *self.state.borrow() {
            State::Running => Ok(()),
            state => Err(Refused::NotNow(format!(
                "the host is {state}; this can be asked of one that is running"
            ))),
        }
    }

    /// Changes what the watcher is told, if the change says that it is one.
    fn order(&self, change: impl FnOnce(&mut Orders) -> bool) -> bool {
        self.orders
            .send_if_modified(|orders| orders.as_mut().is_some_and(change))
    }
}
