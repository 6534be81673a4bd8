//! Connections to a backend beside the one that all clients share: one for each client
//! (`sharing: per-client`), for backends that keep state by connection or ask things of their
//! client; and one for all clients of the old era, where a remote backend speaks both, so that
//! each client hears it as if it were connected itself. Each is opened at the first call, and goes
//! on being opened when that call is given up; it outlives the one that all share, if that ends by
//! itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connect::{self, Connected};
use super::health;
use super::hello::Introduction;
use super::owner::{Owner, Whose};
use super::peer::Peer;
use crate::config::BackendSpec;
use crate::gateway::CallError;
use crate::gateway::ground::Ground;
use crate::secrets::Secrets;

/// So many connections there may be to one backend at the same time: each may be a process.
const MOST: usize = 100;
/// How long to wait before one that ended by itself is opened again, the first time; doubled each
/// time.
const PAUSE: Duration = Duration::from_secs(1);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What became of the opening; nothing yet, while it is under way.
type Opened = Option<Result<Arc<Peer>, String>>;
type Slot = watch::Receiver<Opened>;
type Slots = HashMap<Whose, Slot>;

#[derive(Clone)]
pub(super) struct Connections {
    open: Arc<Mutex<Slots>>,
    /// Cancelled when nobody uses the backend any more, or its drain time is over.
    end: CancellationToken,
    /// Whoever holds this keeps them.
    hold: Weak<DropGuard>,
}

fn locked(open: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// None yet. They end when nobody holds them any more.
    pub(super) fn new() -> (Self, Arc<DropGuard>) {
        let end = CancellationToken::new();
        let hold = Arc::new(end.clone().drop_guard());
        let connections = Self {
            open: Arc::default(),
            end,
            hold: Arc::downgrade(&hold),
        };
        (connections, hold)
    }

    /// Those of a backend that has ended, for the same one started anew: they go on.
    pub(super) fn adopted(&self) -> Option<(Self, Arc<DropGuard>)> {
        Some((self.clone(), self.hold.upgrade()?))
    }

    /// The connection of this owner, and whether it was opened for this, as none was there that
    /// lives.
    pub(super) async fn of(
        &self,
        owner: Owner,
        me: Introduction,
        spec: &BackendSpec,
        shared: &Peer,
    ) -> Result<(Arc<Peer>, bool), CallError> {
        let (name, ground): (&str, &Arc<Ground>) = (&shared.backend, &shared.ground);
        let (mut slot, begun) = self.slot(owner.whose(), name)?;
        let is_new = begun.is_some();
        if let Some(begun) = begun {
            let kept = Kept {
                owner,
                slot: slot.clone(),
                all: self.clone(),
            };
            let (name, spec, ground) = (name.to_owned(), spec.clone(), Arc::clone(ground));
            let tasks = ground.tasks.clone();
            tasks.spawn(async move { kept.open(&name, &me, &spec, &ground, begun).await });
        }
        let opened = slot.wait_for(Option::is_some).await;
        let peer = opened
            .ok()
            .and_then(|it| it.as_ref()?.as_ref().ok().cloned());
        let peer = peer.ok_or_else(|| {
            CallError::no_answer(format!(
                "backend `{name}` did not answer: it does not start for this client"
            ))
        })?;
        Ok((peer, is_new))
    }

    /// The connection of these, if it is open.
    pub(super) fn open_of(&self, whose: Whose) -> Option<Arc<Peer>> {
        locked(&self.open)
            .get(&whose)?
            .borrow()
            .as_ref()?
            .as_ref()
            .ok()
            .cloned()
    }

    /// All that are open.
    pub(super) fn all_open(&self) -> Vec<Arc<Peer>> {
        let open = locked(&self.open);
        let peers = open.values().filter_map(|it| it.borrow().clone()?.ok());
        peers.collect()
    }

    /// That of this owner, and where to say what became of it if it is to be opened.
    fn slot(
        &self,
        whose: Whose,
        name: &str,
    ) -> Result<(Slot, Option<watch::Sender<Opened>>), CallError> {
        let mut open = locked(&self.open);
        open.retain(|_, slot| match &*slot.borrow() {
            // Nobody is left who could say what becomes of it.
            None => slot.has_changed().is_ok(),
            Some(Ok(peer)) => !peer.ended.is_cancelled(),
            Some(Err(_)) => false,
        });
        if let Some(slot) = open.get(&whose) {
            return Ok((slot.clone(), None));
        }
        if open.len() >= MOST {
            let say = format!("{MOST} clients have a connection to backend `{name}` already");
            return Err(CallError::try_later(say, None));
        }
        let (begun, slot) = watch::channel(None);
        open.insert(whose, slot.clone());
        Ok((slot, Some(begun)))
    }
}

/// What a connection is kept for.
struct Kept {
    owner: Owner,
    slot: Slot,
    all: Connections,
}

impl Kept {
    /// Opens it, says what became of that, and keeps it. One that ends by itself while resources
    /// are followed on it is opened again.
    async fn open(
        mut self,
        name: &str,
        me: &Introduction,
        spec: &BackendSpec,
        ground: &Arc<Ground>,
        mut begun: watch::Sender<Opened>,
    ) {
        let subscriptions = ground.subscriptions.of(name, self.owner.whose());
        let mut pause = PAUSE;
        loop {
            let connecting = async {
                // They go when it is connected.
                let secrets = Secrets::default();
                let opening = connect::Opening {
                    name,
                    spec,
                    secrets: &secrets,
                    ground,
                    me,
                    subscriptions: &subscriptions,
                };
                opening.connect().await
            };
            let connected = tokio::select! {
                connected = connecting => connected,
                () = self.over() => Err("nobody needs it any more".to_owned()),
            };
            match connected {
                Ok(connected) => {
                    let peer = Arc::clone(&connected.peer);
                    begun.send_replace(Some(Ok(Arc::clone(&peer))));
                    ground.tasks.spawn(health::watch(
                        Arc::clone(&peer),
                        spec.health,
                        spec.timeouts.cap_fetch,
                        self.all.end.clone(),
                        None,
                    ));
                    let since = Instant::now();
                    tokio::join!(
                        peer.takes_over(spec.timeouts.cap_fetch),
                        self.keep(connected)
                    );
                    if since.elapsed() > LONGEST_PAUSE {
                        pause = PAUSE;
                    }
                }
                Err(why) => {
                    tracing::warn!(backend = name, why, "no connection for a client");
                    begun.send_replace(Some(Err(why)));
                }
            }
            if subscriptions.uris().is_empty() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.over() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            // Unless a call has opened it meanwhile.
            let Ok((slot, Some(next))) = self.all.slot(self.owner.whose(), name) else {
                return;
            };
            (self.slot, begun) = (slot, next);
        }
    }

    /// Ends when nobody is left for whom it could be kept.
    async fn over(&self) {
        tokio::select! {
            () = self.owner.gone() => {}
            () = self.all.end.cancelled() => {}
        }
    }

    async fn keep(&self, mut connected: Connected) {
        tokio::select! {
            why = connect::ended(&mut connected) => {
                tracing::warn!(backend = connected.peer.backend, why, "a client's connection ended");
            }
            () = self.over() => {}
        }
        connected.peer.end();
        {
            let mut open = locked(&self.all.open);
            let whose = self.owner.whose();
            if open
                .get(&whose)
                .is_some_and(|slot| slot.same_channel(&self.slot))
            {
                open.remove(&whose);
            }
        }
        connect::leave(connected).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let mut candidate = gateway.build(&wanted, Default::default()).await.unwrap();
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
