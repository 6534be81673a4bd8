//! Connections to a backend beside the one that all clients share: one for each client
//! (`sharing: per-client`), for backends that keep state by connection or ask things of their
//! client; and one for all clients of the old era, where a remote backend speaks both, so that
//! each client hears it as if it were connected itself. Each is opened at the first call, and goes
//! on being opened when that call is given up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
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

/// What became of the opening; nothing yet, while it is under way.
type Opened = Option<Result<Arc<Peer>, String>>;
type Slot = watch::Receiver<Opened>;
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
        let (mut slot, begun) = self.slot(owner.id(), name)?;
        if let Some(begun) = begun {
            let kept = Kept {
                owner,
                slot: slot.clone(),
                open: Arc::clone(&self.open),
                end: self.end.clone(),
            };
            let (name, spec, ground) = (name.to_owned(), spec.clone(), Arc::clone(ground));
            let tasks = ground.tasks.clone();
            tasks.spawn(async move { kept.open(&name, &me, &spec, &ground, begun).await });
        }
        let opened = slot.wait_for(Option::is_some).await;
        let peer = opened
            .ok()
            .and_then(|it| it.as_ref()?.as_ref().ok().cloned());
        peer.ok_or_else(|| {
            CallError::no_answer(format!(
                "backend `{name}` did not answer: it does not start for this client"
            ))
        })
    }

    /// The connection of this client, or that of the old era, if it is open.
    pub(super) fn open_of(&self, client: Option<ClientId>) -> Option<Arc<Peer>> {
        locked(&self.open)
            .get(&client)?
            .borrow()
            .as_ref()?
            .as_ref()
            .ok()
            .cloned()
    }

    /// That of this owner, and where to say what became of it if it is to be opened.
    fn slot(
        &self,
        id: Option<ClientId>,
        name: &str,
    ) -> Result<(Slot, Option<watch::Sender<Opened>>), CallError> {
        let mut open = locked(&self.open);
        open.retain(|_, slot| match &*slot.borrow() {
            // Nobody is left who could say what becomes of it.
            None => slot.has_changed().is_ok(),
            Some(Ok(peer)) => !peer.ended.is_cancelled(),
            Some(Err(_)) => false,
        });
        if let Some(slot) = open.get(&id) {
            return Ok((slot.clone(), None));
        }
        if open.len() >= MOST {
            let say = format!("{MOST} clients have a connection to backend `{name}` already");
            return Err(CallError::try_later(say, None));
        }
        let (begun, slot) = watch::channel(None);
        open.insert(id, slot.clone());
        Ok((slot, Some(begun)))
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
    /// Opens it, says what became of that, and keeps it.
    async fn open(
        self,
        name: &str,
        me: &Introduction,
        spec: &BackendSpec,
        ground: &Arc<Ground>,
        begun: watch::Sender<Opened>,
    ) {
        let whose = match &self.owner {
            Owner::Client(client) => format!("{name} of client {}", client.id()),
            Owner::OldEra => format!("{name} (old era)"),
        };
        let subscriptions = ground.subscriptions.of(&whose);
        let connected = tokio::select! {
            connected = connect::connect(name, spec, ground, me, &subscriptions) => connected,
            () = self.owner.gone() => Err("it has left".to_owned()),
            () = self.end.cancelled() => Err("the backend is stopped".to_owned()),
        };
        match connected {
            Ok(connected) => {
                begun.send_replace(Some(Ok(Arc::clone(&connected.peer))));
                self.keep(connected).await;
            }
            Err(why) => {
                tracing::warn!(backend = name, why, "no connection for a client");
                begun.send_replace(Some(Err(why)));
            }
        }
    }

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
                .is_some_and(|slot| slot.same_channel(&self.slot))
            {
                open.remove(&id);
            }
        }
        connect::leave(connected).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::Instant;

    use crate::config::{BackendSpec, MiddlewareSpec};
    use crate::gateway::fake_client::FakeClient;
    use crate::gateway::fakes::Fakes;
    use crate::gateway::route::Asked;
    use crate::gateway::{Gateway, Method, Wanted};
    use crate::mcp::Members;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_is_given_up_in_time_and_its_connection_is_opened_all_the_same() {
        let fakes = Arc::new(Fakes::slow(Duration::from_secs(3)));
        let (gateway, _notices) = Gateway::connected_by(fakes.clone());
        let env = |_: &str| None;
        let spec = json!({"command": "fake", "args": ["well", "a"], "sharing": "per-client"});
        let timeout = MiddlewareSpec::from_json("timeout", "timeout", &json!({"seconds": 2}), &env);
        let wanted = Wanted {
            backends: vec![(
                "one".to_owned(),
                BackendSpec::from_json("one", &spec, &env).unwrap(),
            )],
            middleware: vec![timeout.unwrap()],
        };
        let mut candidate = gateway.build(&wanted, None, false).await.unwrap();
        let offers = candidate.offers();
        candidate.compose(None, &offers).unwrap();
        gateway.swap(candidate);

        let client = FakeClient::named("test/1");
        let call = || {
            gateway.call(Asked {
                client: Arc::clone(&client),
                request: 1.into(),
                caller: None,
                method: Method::CallTool,
                params: Members::parse(r#"{"name":"a"}"#).unwrap(),
                cancelled: CancellationToken::new(),
            })
        };
        let began = Instant::now();
        let late = call().await.unwrap_err();
        assert_eq!(late.message, "`a` took longer than 2 s");
        assert_eq!(began.elapsed(), Duration::from_secs(2));
        assert!(call().await.is_ok());
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        assert_eq!(fakes.counts()["one"].connects, 2, "one for all, one for it");
    }
}
