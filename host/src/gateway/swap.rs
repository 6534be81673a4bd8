//! The gateway: holds the snapshot that serves, swaps it, and owns every task that serving needs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rmcp::service::{Peer, RoleServer};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::backend::BackendNotice;
use super::clients::Clients;
use super::listener::{Listeners, Opened};
use super::{Absent, Candidate, Changes, Snapshot, Wanted};
use crate::config::{Problem, ServerSettings};

/// Serves MCP clients from the current [`Snapshot`].
pub struct Gateway {
    current: ArcSwap<Snapshot>,
    clients: Clients,
    calls: AtomicU64,
    listeners: Listeners,
    ground: Ground,
    /// What talks to clients.
    server_tasks: TaskTracker,
}

/// What backends and middleware are built on.
#[derive(Debug)]
pub(super) struct Ground {
    /// The folder that relative paths in the configuration start from.
    pub(super) base: PathBuf,
    pub(super) notices: mpsc::UnboundedSender<BackendNotice>,
    /// Backends, their logs, audit files: ended when the last snapshot that uses them is.
    pub(super) tasks: TaskTracker,
}

/// What a swap changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swapped {
    /// The number of what serves now.
    pub generation: u64,
    /// Backends that were started for it.
    pub started: Vec<String>,
    /// Backends that went, or were replaced.
    pub stopped: Vec<String>,
    /// Which lists differ for clients.
    pub changes: Changes,
}

impl Gateway {
    /// A gateway that serves nothing yet. Relative paths in the configuration start from
    /// `base`. What backends do by themselves comes out of the receiver.
    pub fn new(base: PathBuf) -> (Arc<Self>, mpsc::UnboundedReceiver<BackendNotice>) {
        let (notices, heard) = mpsc::unbounded_channel();
        let gateway = Self {
            current: ArcSwap::default(),
            clients: Clients::default(),
            calls: AtomicU64::new(1),
            listeners: Listeners::default(),
            ground: Ground {
                base,
                notices,
                tasks: TaskTracker::new(),
            },
            server_tasks: TaskTracker::new(),
        };
        (Arc::new(gateway), heard)
    }

    /// What serves now.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.clients.count()
    }

    /// Where clients are served now.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listeners.address()
    }

    /// From now on this client is told what changes.
    pub(super) fn greet(&self, client: Peer<RoleServer>) {
        self.clients.add(client);
    }

    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// Builds the next snapshot beside the one that serves. `lenient`: backends that do not
    /// start are left out instead of failing the build.
    ///
    /// # Errors
    /// Every backend and middleware that is needed and cannot be had.
    pub async fn build(&self, wanted: &Wanted, lenient: bool) -> Result<Candidate, Vec<Problem>> {
        Candidate::build(&self.current(), wanted, lenient, &self.ground).await
    }

    /// A candidate with what serves now, for a new catalog, after `backend` was asked again what
    /// it offers.
    ///
    /// # Errors
    /// When the backend does not answer.
    pub async fn refresh(&self, backend: &str) -> Result<Candidate, String> {
        let current = self.current();
        if let Some(backend) = current.backend(backend) {
            backend.refresh().await?;
        }
        Ok(Candidate::recompose(&current))
    }

    /// Serves the candidate from now on, in one atomic step, and tells connected clients which
    /// lists changed. What is gone is stopped when the last call that began on it has ended, or
    /// its drain time is over.
    pub fn swap(self: &Arc<Self>, candidate: Candidate) -> Swapped {
        let before = self.current();
        let started = candidate.started.clone();
        let next = Arc::new(candidate.into_snapshot(before.generation + 1));
        let generation = next.generation;
        let changes = next.catalog.changes_since(&before.catalog);
        let gone: Vec<_> = before
            .backends
            .iter()
            .filter(|old| !next.backends.iter().any(|kept| Arc::ptr_eq(old, kept)))
            .collect();
        self.current.store(next);
        let mut stopped = Vec::new();
        for backend in gone {
            backend.retire();
            stopped.push(backend.name().to_owned());
        }
        if changes != Changes::default() {
            let gateway = Arc::clone(self);
            self.server_tasks
                .spawn(async move { gateway.clients.tell(changes).await });
        }
        Swapped {
            generation,
            started,
            stopped,
            changes,
        }
    }

    /// Opens the address that `server` names, if it is not the one that is open, without
    /// serving on it yet.
    ///
    /// # Errors
    /// When it cannot be opened, with the remedy.
    pub async fn open(&self, server: &ServerSettings) -> Result<Opened, Problem> {
        self.listeners.open(server).await
    }

    /// Serves on what [`Gateway::open`] opened; what was open before takes no new connections.
    pub fn serve(self: &Arc<Self>, opened: Opened) {
        self.listeners
            .serve(opened, Arc::clone(self), &self.server_tasks);
    }

    /// Whether clients would see anything else if the candidate served.
    pub fn differs(&self, candidate: &Candidate) -> bool {
        candidate.catalog.changes_since(&self.current().catalog) != Changes::default()
    }

    /// Whether the candidate has no backend that is not serving already, and misses the same.
    pub fn brings_nothing(&self, candidate: &Candidate) -> bool {
        let names = |absent: &[Absent]| {
            absent
                .iter()
                .map(|absent| absent.name.clone())
                .collect::<Vec<_>>()
        };
        candidate.started.is_empty() && names(candidate.absent()) == names(self.current().absent())
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
