//! A watcher with nothing behind it: whoever started it takes the changes.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::SyncSettings;
use crate::events::EventBus;
use crate::target::{LocalFile, Target};
use crate::watch::{
    Baseline, ConfigWatcher, Detectors, Hearing, Inbox, NativeEvents, Orders, Scope, Settled, Wires,
};

/// What people are told when it has ended without being asked to.
pub const LOST: &str = "the watcher has ended by itself, which is an error of Config Sync: try it \
                        again with CONFIG_SYNC_LOG=config_sync=debug, and report what it says";

/// Follows files until it is stopped or dropped.
pub struct Follower {
    settled: mpsc::UnboundedReceiver<Settled>,
    hearing: watch::Receiver<Option<Hearing>>,
    /// The watcher ends when nobody can give orders any more.
    _orders: watch::Sender<Option<Orders>>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Follower {
    /// Begins to follow what is in scope, from what is known of it.
    ///
    /// # Errors
    /// When there is no detector of the name in `settings`.
    pub fn start(
        scopes: Vec<Scope>,
        settings: SyncSettings,
        baseline: Baseline,
        detectors: Arc<dyn Detectors>,
        bus: EventBus,
    ) -> Result<Self, String> {
        let targets = scopes.iter().filter_map(|scope| match scope {
            Scope::File(path) => Some(Arc::new(LocalFile::new(path.as_ref())) as Arc<dyn Target>),
            Scope::Tree(_) | Scope::Folder(_) => None,
        });
        let targets = targets.collect();
        let inbox = Arc::new(Inbox::default());
        let (orders, obeyed) = watch::channel(Some(Orders {
            settings,
            stopped: false,
            paused: false,
            resumed: 0,
            baseline,
            reads: 0,
        }));
        let (settle, settled) = mpsc::unbounded_channel();
        let (told, hearing) = watch::channel(None);
        let watcher = ConfigWatcher::new(Wires {
            targets,
            arm: Box::new(NativeEvents::new(scopes, Arc::clone(&inbox))),
            inbox,
            detectors,
            orders: obeyed,
            settled: settle,
            hearing: told,
            settling: watch::Sender::new(None),
            bus,
        })?;
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(watcher.run(cancel.clone()));
        tasks.close();
        Ok(Self {
            settled,
            hearing,
            _orders: orders,
            cancel,
            tasks,
        })
    }

    /// Comes back once the baseline is taken and the watches are in place; with nothing, if the
    /// watcher has ended before.
    pub async fn ready(&mut self) -> Option<Hearing> {
        self.hearing.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// How it hears, and every change of that.
    pub fn hearing(&self) -> watch::Receiver<Option<Hearing>> {
        self.hearing.clone()
    }

    /// The next time that a file came to rest. Cancel safe.
    pub async fn settled(&mut self) -> Option<Settled> {
        self.settled.recv().await
    }

    /// The next real change: other bytes than before. Cancel safe.
    pub async fn changed(&mut self) -> Option<Settled> {
        loop {
            let settled = self.settled().await?;
            if !settled.same {
                return Some(settled);
            }
        }
    }

    /// Ends. A look under way comes to its end beside.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
