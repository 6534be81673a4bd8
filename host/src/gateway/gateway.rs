//! The gateway: holds the snapshot that serves, and owns every task that serving needs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backend::{AllSubscriptions, Backend, BackendNotice, Life, Lives};
use super::candidate::{Stock, Terms};
use super::client::Client;
use super::clients::{Clients, Connected};
use super::connector::Connector;
use super::front::serve_stdio;
use super::ground::Ground;
use super::listener::{Listeners, Opened};
use super::meter::Meters;
use super::middleware::{MiddlewarePlugins, NoPlugins};
use super::{Candidate, Measured, Snapshot, Wanted};
use crate::config::{Problem, ServerSettings};
use crate::events::EventBus;
use crate::secrets::Secrets;

/// Serves MCP clients from the current [`Snapshot`].
pub struct Gateway {
    pub(super) current: ArcSwap<Snapshot>,
    calls: AtomicU64,
    listeners: Listeners,
    /// Says each time that another stands at the door.
    pub(super) guards: watch::Sender<()>,
    pub(super) ground: Arc<Ground>,
    /// What talks to clients.
    server_tasks: TaskTracker,
}

impl Gateway {
    /// A gateway that serves nothing yet. Relative paths in the configuration start from
    /// `base`. What backends do by themselves comes out of the receiver, what befalls middleware
    /// goes to `bus`.
    pub fn new(
        base: PathBuf,
        plugins: Arc<dyn MiddlewarePlugins>,
        bus: EventBus,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<BackendNotice>) {
        Self::make(base, None, plugins, bus)
    }

    /// A gateway whose backends are reached by `connector` and by nothing else.
    pub fn connected_by(
        connector: Arc<dyn Connector>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<BackendNotice>) {
        let (plugins, bus) = (Arc::new(NoPlugins), EventBus::default());
        Self::make(PathBuf::from("/"), Some(connector), plugins, bus)
    }

    pub(super) fn make(
        base: PathBuf,
        connector: Option<Arc<dyn Connector>>,
        plugins: Arc<dyn MiddlewarePlugins>,
        bus: EventBus,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<BackendNotice>) {
        let (notices, heard) = mpsc::unbounded_channel();
        let server_tasks = TaskTracker::new();
        let gateway = Self {
            current: ArcSwap::default(),
            calls: AtomicU64::new(1),
            listeners: Listeners::new(&server_tasks),
            guards: watch::Sender::default(),
            ground: Arc::new(Ground {
                base,
                plugins,
                clients: Clients::new(bus.clone()),
                bus,
                notices,
                subscriptions: AllSubscriptions::default(),
                lives: Lives::default(),
                connector,
                meters: Meters::default(),
                serving: Mutex::default(),
                tasks: TaskTracker::new(),
            }),
            server_tasks,
        };
        (Arc::new(gateway), heard)
    }

    /// What serves first will have the number after this one. Before anything does.
    pub fn count_from(&self, generation: u64) {
        self.current.store(Arc::new(Snapshot {
            generation,
            ..Snapshot::default()
        }));
    }

    /// What serves now.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Where middleware from plugins comes from.
    pub fn plugins(&self) -> &Arc<dyn MiddlewarePlugins> {
        &self.ground.plugins
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.ground.clients.count()
    }

    /// Backends beside those that serve: that are connecting or wait for others, that are kept
    /// warm, that drain.
    pub fn apart(&self) -> Vec<Arc<Life>> {
        let mut lives = self.ground.lives.all();
        // Read after those: what began to serve meanwhile stands in it.
        let current = self.current();
        lives.retain(|life| {
            let is_it = |backend: &Arc<Backend>| Arc::ptr_eq(backend.life(), life);
            !current.backends.iter().any(is_it)
        });
        lives
    }

    /// How the calls of the backends of this name have gone.
    pub fn measured(&self, backend: &str) -> Measured {
        self.ground.meters.of(backend).read(Instant::now())
    }

    /// The clients that are connected.
    pub fn connected(&self) -> Vec<Connected> {
        self.ground.clients.connected()
    }

    /// Where clients are served now.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listeners.address()
    }

    /// From now on this client is told what changes.
    pub(super) fn greet(&self, client: Arc<dyn Client>) {
        if self.ground.clients.add(Arc::clone(&client)) {
            let ground = Arc::clone(&self.ground);
            self.server_tasks
                .spawn(async move { ground.clients.watch(client).await });
        }
    }

    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// Builds the next snapshot beside the one that serves, of which it takes what it wants alike.
    ///
    /// # Errors
    /// Every backend and middleware that is needed and cannot be had.
    pub async fn build(
        &self,
        wanted: &Wanted,
        terms: Terms<'_>,
    ) -> Result<Candidate, Vec<Problem>> {
        let current = self.current();
        let stock = Stock {
            current: &current,
            warm: terms.warm.map(|before| before.snapshot.as_ref()),
        };
        Candidate::build(stock, wanted, &terms, &self.ground).await
    }

    /// Whether something that serves would be made of other secrets now. May take as long as a
    /// keyring does.
    pub fn is_outdated(&self, secrets: &Secrets) -> bool {
        let current = self.current();
        let mut backends = current.backends.iter();
        backends.any(|backend| backend.is_outdated(secrets)) || current.chain.is_outdated(secrets)
    }

    /// Opens the address that `server` names, if it is not the one that is open, without
    /// serving on it yet.
    ///
    /// # Errors
    /// When it cannot be opened, with the remedy.
    pub async fn open(&self, server: &ServerSettings) -> Result<Opened, Problem> {
        self.listeners.open(server).await
    }

    /// Serves on what [`Gateway::open`] opened; what was open before lets clients in for a
    /// while longer.
    pub fn serve(self: &Arc<Self>, opened: Opened) {
        self.listeners
            .serve(opened, Arc::clone(self), &self.server_tasks);
    }

    /// Clients come to an address only where the file names one. Before anything serves.
    pub fn only_named_addresses(&self) {
        self.listeners.only_named();
    }

    /// Serves one client on these, until it leaves, which cancels `left`, or the host ends.
    pub fn serve_stdio(
        self: &Arc<Self>,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
        left: CancellationToken,
    ) {
        let (gateway, desk) = (Arc::clone(self), Arc::clone(&self.listeners.desk));
        self.server_tasks.spawn(async move {
            serve_stdio(gateway, desk, input, output).await;
            left.cancel();
        });
    }

    /// Serves clients over HTTP on this stream, as a connection from this machine, to its end.
    pub async fn serve_stream(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) {
        let gateway = Arc::clone(&self);
        self.listeners.serve_stream(stream, gateway).await;
    }

    /// Takes no more connections, lets calls end, stops every backend, ends every session. True
    /// when all of it ended within `deadline`.
    pub async fn shut_down(&self, deadline: Duration) -> bool {
        self.listeners.close();
        let before = self.current.swap(Arc::default());
        for backend in &before.backends {
            backend.retire();
        }
        drop(before);
        let all = async {
            self.ground.tasks.close();
            self.ground.tasks.wait().await;
            self.listeners.end_sessions().await;
            self.server_tasks.close();
            self.server_tasks.wait().await;
        };
        tokio::time::timeout(deadline, all).await.is_ok()
    }
}
