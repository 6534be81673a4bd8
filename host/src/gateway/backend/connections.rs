//! Connections to a backend beside the one that all clients share: one for each client
//! (`sharing: per-client`), for backends that keep state by connection or ask things of their
//! client; and one for all clients of the old era, where a remote backend speaks both, so that
//! each client hears it as if it were connected itself. Each is opened at the first call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::connect::{self, Connected};
use super::hello::Introduction;
use super::peer::Peer;
use crate::config::BackendSpec;
use crate::gateway::CallError;
use crate::gateway::client::{Client, ClientId};
use crate::gateway::swap::Ground;

/// So many connections there may be to one backend at the same time: each may be a process.
const MOST: usize = 100;

/// Whose a connection is.
#[derive(Debug, Clone)]
pub(super) enum Owner {
    Client(Arc<dyn Client>),
    /// All clients of the old era.
    OldEra,
}

impl Owner {
    fn id(&self) -> Option<ClientId> {
        match self {
            Self::Client(client) => Some(client.id()),
            Self::OldEra => None,
        }
    }

    /// Ends when it has left.
    async fn gone(&self) {
        match self {
            Self::Client(client) => client.gone().cancelled().await,
            Self::OldEra => std::future::pending().await,
        }
    }
}

type Slot = Arc<OnceCell<Arc<Peer>>>;
type Slots = HashMap<Option<ClientId>, Slot>;

pub(super) struct Connections {
    open: Arc<Mutex<Slots>>,
    /// Cancelled when nobody uses the backend any more, or its drain time is over.
    end: CancellationToken,
}

fn locked(open: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    pub(super) fn new(end: CancellationToken) -> Self {
        Self {
            open: Arc::default(),
            end,
        }
    }

    /// The connection of this owner; opened, if there is none that lives.
    pub(super) async fn of(
        &self,
        owner: Owner,
        me: Introduction,
        spec: &BackendSpec,
        shared: &Peer,
    ) -> Result<Arc<Peer>, CallError> {
        let (name, ground): (&str, &Arc<Ground>) = (&shared.backend, &shared.ground);
        let slot = self.slot(owner.id(), name)?;
        let opened = slot.get_or_try_init(|| async {
            let whose = match &owner {
                Owner::Client(client) => format!("{name} of client {}", client.id()),
                Owner::OldEra => format!("{name} (old era)"),
            };
            let subscriptions = ground.subscriptions.of(&whose);
            let connected = connect::connect(name, spec, ground, &me, &subscriptions).await?;
            let peer = Arc::clone(&connected.peer);
            let kept = Kept {
                owner,
                slot: Arc::clone(&slot),
                open: Arc::clone(&self.open),
                end: self.end.clone(),
            };
            ground.tasks.spawn(kept.keep(connected));
            Ok::<_, String>(peer)
        });
        opened.await.cloned().map_err(|why| {
            tracing::warn!(backend = name, why, "no connection for a client");
            CallError::no_answer(format!(
                "backend `{name}` did not answer: it does not start for this client"
            ))
        })
    }

    /// The connection of this client, or that of the old era, if it is open.
    pub(super) fn open_of(&self, client: Option<ClientId>) -> Option<Arc<Peer>> {
        locked(&self.open).get(&client)?.get().cloned()
    }

    fn slot(&self, id: Option<ClientId>, name: &str) -> Result<Slot, CallError> {
        let mut open = locked(&self.open);
        let ended = |slot: &Slot| slot.get().is_some_and(|peer| peer.ended.is_cancelled());
        if let Some(slot) = open.get(&id).filter(|slot| !ended(slot)) {
            return Ok(Arc::clone(slot));
        }
        // Those that could not be opened, and that nobody is opening.
        open.retain(|_, slot| slot.get().is_some() || Arc::strong_count(slot) > 1);
        if open.len() >= MOST && !open.contains_key(&id) {
            let say = format!("{MOST} clients have a connection to backend `{name}` already");
            return Err(CallError::try_later(say, None));
        }
        let slot = Slot::default();
        open.insert(id, Arc::clone(&slot));
        Ok(slot)
    }
}

/// What a connection is kept for.
struct Kept {
    owner: Owner,
    slot: Slot,
    open: Arc<Mutex<Slots>>,
    end: CancellationToken,
}

impl Kept {
    async fn keep(self, mut connected: Connected) {
        tokio::select! {
            _ = connect::ended(&mut connected) => {}
            () = self.owner.gone() => {}
            () = self.end.cancelled() => {}
        }
        connected.peer.end();
        {
            let mut open = locked(&self.open);
            let id = self.owner.id();
            if open
                .get(&id)
                .is_some_and(|slot| Arc::ptr_eq(slot, &self.slot))
            {
                open.remove(&id);
            }
        }
        connect::leave(connected).await;
    }
}
