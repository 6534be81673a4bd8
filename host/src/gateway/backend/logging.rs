//! What a backend logs, and from which level on: the least that any client wants of a connection
//! that all share. Each client hears from its own level on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::hello::Hello;
use super::peer::{Ask, Peer};
use crate::gateway::client::LogLevel;
use crate::mcp::{Members, Notification, raw_of};

/// How long a backend may take to agree on what it logs; calls wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// From which level on a backend was told to send log messages.
#[derive(Debug)]
pub(super) struct LogsFrom(AtomicU8);

impl Default for LogsFrom {
    /// Nobody told it.
    fn default() -> Self {
        Self(AtomicU8::new(u8::MAX))
    }
}

impl LogsFrom {
    /// It is told `level`, or less if somebody wants less. False: it was told that already.
    fn lower(&self, level: LogLevel) -> bool {
        self.0.fetch_min(level as u8, Ordering::Relaxed) > level as u8
    }

    /// It is told this. False: it was told that already.
    fn set(&self, level: LogLevel) -> bool {
        self.0.swap(level as u8, Ordering::Relaxed) != level as u8
    }

    /// There is another server now, which nobody has told.
    pub(super) fn forget(&self) {
        self.0.store(u8::MAX, Ordering::Relaxed);
    }
}

impl Peer {
    /// Sees to it that a backend of the old era sends log messages from this level on. It is told
    /// though whoever wanted it does not wait.
    pub(super) async fn log_from(self: &Arc<Self>, level: LogLevel) {
        let sends = |hello: &Hello| {
            hello.version.has_sessions() && hello.capabilities.get("logging").is_some()
        };
        if !self.hello.get().is_some_and(sends) {
            return;
        }
        let is_new = if self.me.owner.is_some() {
            self.logs_from.set(level)
        } else {
            self.logs_from.lower(level)
        };
        if !is_new {
            return;
        }
        let peer = Arc::clone(self);
        let told = self.ground.tasks.spawn(async move {
            let level = raw_of(&level.as_str()).unwrap_or_default();
            let params = Members::from_iter([("level".to_owned(), level)]);
            let set = peer.request(Ask::own("logging/setLevel", params));
            let backend = &peer.backend;
            match tokio::time::timeout(PATIENCE, set).await {
                Ok(Ok(_)) => {}
                Ok(Err(why)) => tracing::debug!(backend, %why, "no such level"),
                Err(_elapsed) => tracing::debug!(backend, "no word on its log level"),
            }
        });
        // It ends within its patience, and fails in no other way.
        let _ = told.await;
    }

    /// What clients have wanted before this connection was there.
    pub(super) async fn log_as_wanted(self: &Arc<Self>) {
        let wanted = match &self.me.owner {
            Some(owner) => owner.log_level(),
            None => {
                let all = self.ground.clients.all();
                all.iter().filter_map(|client| client.log_level()).min()
            }
        };
        if let Some(level) = wanted {
            self.log_from(level).await;
        }
    }

    /// To the client in whose call it was said, else to all that asked for such messages.
    pub(super) fn log(&self, notification: Notification, stream_of: Option<u64>) {
        let params = notification.members().unwrap_or_default();
        let level = level_of(&params);
        if let Some(about) = self.about_said(notification.params.as_ref(), stream_of) {
            let wants = match about.log_level {
                Some(least) => level >= least,
                // One that said nothing leaves it to the server, up to 2025-11-25.
                None => about.client.version().has_sessions(),
            };
            if wants {
                about.client.tell(about.request.as_ref(), notification);
            }
            return;
        }
        for client in self.ground.clients.all() {
            if client.log_level().is_some_and(|least| level >= least) {
                client.tell(None, notification.clone());
            }
        }
    }
}

fn level_of(params: &Members) -> LogLevel {
    let named = params.text("level").and_then(|it| LogLevel::named(&it));
    named.unwrap_or(LogLevel::Emergency)
}
