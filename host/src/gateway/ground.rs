//! What backends and middleware are built on, and share over every snapshot. Decides nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::Snapshot;
use super::backend::{AllSubscriptions, Backend, BackendNotice, Lives};
use super::clients::Clients;
use super::connector::Connector;
use super::meter::Meters;
use super::middleware::MiddlewarePlugins;
use crate::events::EventBus;

/// What backends and middleware are built on.
pub(super) struct Ground {
    /// The folder that relative paths in the configuration start from.
    pub(super) base: PathBuf,
    pub(super) plugins: Arc<dyn MiddlewarePlugins>,
    pub(super) bus: EventBus,
    pub(super) notices: mpsc::UnboundedSender<BackendNotice>,
    pub(super) subscriptions: AllSubscriptions,
    /// How each backend is, in this snapshot or not.
    pub(super) lives: Lives,
    /// Whom backends may have something to say to.
    pub(super) clients: Clients,
    /// Stands in for processes and the net.
    pub(super) connector: Option<Arc<dyn Connector>>,
    /// How calls go, by the names of backends.
    pub(super) meters: Meters,
    /// What serves now.
    pub(super) serving: Mutex<Weak<Snapshot>>,
    /// Backends, their logs, audit files: ended when the last snapshot that uses them is.
    pub(super) tasks: TaskTracker,
}

impl Ground {
    /// What serves now.
    pub(super) fn serving(&self) -> Option<Arc<Snapshot>> {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.upgrade()
    }

    /// The backend of this name that serves now.
    pub(super) fn backend(&self, name: &str) -> Option<Arc<Backend>> {
        self.serving()?.backend(name).cloned()
    }

    pub(super) fn serves(&self, snapshot: &Arc<Snapshot>) {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(snapshot);
    }
}
