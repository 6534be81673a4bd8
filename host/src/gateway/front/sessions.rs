//! All sessions over HTTP, by their keys. One that has been silent for too long ends; how long
//! that is follows the file.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::config::ServerLimits;
use crate::gateway::client::Profile;

/// Between two looks for silent sessions, at most.
const LOOK: Duration = Duration::from_secs(60);

/// A session that has been silent for so long makes room for another, where there is no more.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// Every session there is.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: RwLock<HashMap<Box<str>, Arc<Session>>>,
}

impl Sessions {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new one, with a key that nobody can guess; nothing where `limit` are there already, and
    /// none of them is forgotten.
    pub(super) fn begin(
        &self,
        profile: Profile,
        caller: Option<String>,
        limit: usize,
    ) -> Option<Arc<Session>> {
        if self.read().len() >= limit {
            self.end_forgotten();
        }
        let mut all = self.write();
        if all.len() >= limit {
            return None;
        }
        let key = uuid::Uuid::new_v4().to_string();
        let session = Arc::new(Session::new(key, profile, caller));
        all.insert(session.key.clone(), Arc::clone(&session));
        Some(session)
    }

    /// The session with this key, if it is this caller's.
    pub(super) fn get(&self, key: &str, caller: Option<&str>) -> Option<Arc<Session>> {
        let session = self.read().get(key).cloned();
        session.filter(|session| session.is_of(caller))
    }

    /// Ends this one; how, for people.
    pub(super) fn end(&self, session: &Session, how: &'static str) {
        if let Some(session) = self.write().remove(&session.key) {
            session.leave(how);
        }
    }

    /// Ends the one that has been silent for longest, if that is long.
    fn end_forgotten(&self) {
        let since =
            |session: &Arc<Session>| Some((session.presence.silent_since()?, Arc::clone(session)));
        let silent = self.read().values().filter_map(since).min_by_key(|it| it.0);
        if let Some((since, session)) = silent
            && since.elapsed() >= FORGOTTEN
        {
            let how = "was silent; its session made room for another (server.limits.sessions)";
            self.end(&session, how);
        }
    }

    /// Ends all.
    pub(super) fn end_all(&self) {
        let all = std::mem::take(&mut *self.write());
        let how = "is let go: the host stops";
        all.values().for_each(|session| session.leave(how));
    }

    /// Ends those that have been silent for `idle`, and says when to look again.
    fn end_silent(&self, idle: Duration, now: Instant) -> Instant {
        let mut silent = Vec::new();
        let mut next = now + LOOK.min(idle);
        for session in self.read().values() {
            let Some(since) = session.presence.silent_since() else {
                continue;
            };
            if since + idle <= now {
                silent.push(Arc::clone(session));
            } else {
                next = next.min(since + idle);
            }
        }
        for session in silent {
            self.end(
                &session,
                "was silent for too long (server.limits.idle); its session ended",
            );
        }
        next
    }
}

/// Ends sessions that are silent for longer than the limits say, as they are at the moment.
pub(super) async fn watch_silence(
    sessions: Arc<Sessions>,
    mut limits: watch::Receiver<ServerLimits>,
    end: CancellationToken,
) {
    loop {
        let idle = limits.borrow_and_update().idle;
        let next = sessions.end_silent(idle, Instant::now());
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            changed = limits.changed() => if changed.is_err() { return },
            () = end.cancelled() => return,
        }
    }
}
