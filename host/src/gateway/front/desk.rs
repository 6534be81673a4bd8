//! What all addresses share: sessions, calls that are held, limits, and the end of it all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::running::Held;
use super::sessions::{self, Sessions};
use crate::config::ServerLimits;

pub(in crate::gateway) struct Desk {
    pub(super) sessions: Arc<Sessions>,
    pub(super) held: Arc<Held>,
    limits: watch::Sender<ServerLimits>,
    /// Somebody watches for silent sessions.
    is_watching: AtomicBool,
    /// Cancelled when the host stops: ends every stream.
    pub(super) end: CancellationToken,
    /// Answers on their way to clients. (What a client listens to without end is none.)
    pub(super) answers: TaskTracker,
    /// Connections, and calls that go on without one.
    pub(super) tasks: TaskTracker,
}

impl Desk {
    pub(in crate::gateway) fn new(tasks: &TaskTracker) -> Self {
        Self {
            sessions: Arc::default(),
            held: Arc::default(),
            limits: watch::Sender::default(),
            is_watching: AtomicBool::new(false),
            end: CancellationToken::new(),
            answers: TaskTracker::new(),
            tasks: tasks.clone(),
        }
    }

    /// Where connections are served.
    pub(in crate::gateway) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Watches for silent sessions from now on, if nobody does, until the end.
    pub(in crate::gateway) fn watch_silence(&self) {
        if self.is_watching.swap(true, Ordering::Relaxed) {
            return;
        }
        let sessions = Arc::clone(&self.sessions);
        let watching = sessions::watch_silence(sessions, self.limits.subscribe(), self.end.clone());
        self.tasks.spawn(watching);
    }

    /// The limits as the file has them now.
    pub(in crate::gateway) fn limits(&self) -> ServerLimits {
        *self.limits.borrow()
    }

    /// The limits, and when they change.
    pub(super) fn follow_limits(&self) -> watch::Receiver<ServerLimits> {
        self.limits.subscribe()
    }

    pub(in crate::gateway) fn set_limits(&self, limits: ServerLimits) {
        self.limits.send_replace(limits);
    }

    /// The host stops: what waits for a client to come back is taken back.
    pub(in crate::gateway) fn close(&self) {
        self.held.end();
    }

    /// Waits until the last answers are written.
    pub(in crate::gateway) async fn answered(&self) {
        self.answers.close();
        self.answers.wait().await;
    }

    /// Ends all sessions and streams.
    pub(in crate::gateway) fn end(&self) {
        self.end.cancel();
        self.sessions.end_all();
    }
}
