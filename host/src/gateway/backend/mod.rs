//! One backend: an MCP server that the gateway is a client of. It lives as long as a snapshot
//! that names it: when the last one is dropped no call can be under way, and it is stopped. A
//! retired backend whose calls do not end is stopped when its drain time is over.

mod about;
mod child;
mod connect;
mod connections;
mod era;
mod failure;
mod follow;
mod health;
mod hear;
mod hello;
mod http;
mod input;
mod life;
mod listen;
mod logging;
mod offers;
mod outbox;
mod outliving;
mod owner;
mod peer;
mod questions;
mod subscriptions;

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::{Client, ClientId, LogLevel};
use super::ground::Ground;
use super::meter::Meter;
use super::mirrored::{self, Mirrored};
use super::{Call, CallError, ErrorOrigin, Method, Reply};
use crate::config::{BackendSpec, Hidden, Seal, Sharing};
use crate::mcp::{Members, Notification, Version};
use crate::secrets::Secrets;
use connect::Connected;
use connections::Connections;
use failure::Failure;
pub use health::Health;
use hello::{Hello, Introduction};
pub(super) use life::Lives;
pub use life::{Condition, Life};
use offers::Offers;
pub(super) use outliving::Beginner;
use owner::{Owner, Whose};
use peer::{Ask, Link, Peer};
pub(super) use subscriptions::AllSubscriptions;

/// Something that a backend did by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendNotice {
    /// Its name.
    pub backend: String,
    /// What it did.
    pub kind: NoticeKind,
}

/// What a backend can do by itself, or what is wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Its tools, prompts or resources are not what they were.
    OffersChanged,
    /// Its connection or process ended.
    Ended,
    /// It does not answer any more, or does again.
    HealthChanged,
    /// It did nothing: somebody wants it back at once.
    Wanted,
    /// It gave no answer so often that its calls are refused for so long.
    LeftAlone(Duration),
    /// It answers again, after it was left alone.
    AnswersAgain,
}

/// A running backend.
pub(super) struct Backend {
    spec: BackendSpec,
    /// What it was connected with.
    seal: Seal,
    /// What it may have been given and must not be in what is told of it.
    hidden: Hidden,
    life: Arc<Life>,
    peer: Arc<Peer>,
    hello: Hello,
    /// Beside that one.
    connections: Connections,
    offers: ArcSwap<Offers>,
    /// What tools want repeated in headers, by their names.
    mirrored: ArcSwap<HashMap<String, Vec<Mirrored>>>,
    meter: Arc<Meter>,
    retired: CancellationToken,
    /// Dropped with the last snapshot that names this backend.
    _unused: DropGuard,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.name())
    }
}

impl Backend {
    /// Starts or connects it, and asks what it offers.
    ///
    /// # Errors
    /// What went wrong, for the owner of the config file.
    pub(super) async fn start(
        name: &str,
        spec: &BackendSpec,
        secrets: &Secrets,
        ground: &Arc<Ground>,
    ) -> Result<Arc<Self>, String> {
        let (me, subscriptions) = (
            Introduction::own(),
            ground.subscriptions.of(name, Whose::All),
        );
        let life = ground.lives.begin(name);
        let opening = connect::Opening {
            name,
            spec,
            secrets,
            ground,
            me: &me,
            subscriptions: &subscriptions,
        };
        let connected = opening.connect().await?;
        life.has_process(connected.child.as_ref().and_then(|it| it.process()));
        let peer = Arc::clone(&connected.peer);
        let hello = peer.hello.get().cloned();
        let unused = CancellationToken::new();
        let before = ground.backend(name);
        let before = before.filter(|it| it.has_ended() && it.spec.connects_like(spec));
        let adopted = before.as_ref().and_then(|it| it.connections.adopted());
        // Those of a process have ended with it.
        if let (Some(before), Link::Http(_)) = (&before, &peer.link) {
            peer.outliving.take_over(&before.peer.outliving);
        }
        let (connections, hold) = adopted.unwrap_or_else(Connections::new);
        let backend = Arc::new(Self {
            spec: spec.clone(),
            seal: spec.seal(&|name| secrets.value_of(name)),
            hidden: spec.hidden(&|name| secrets.value_of(name)),
            life: Arc::clone(&life),
            hello: hello.ok_or("it did not introduce itself")?,
            peer,
            connections,
            offers: ArcSwap::default(),
            mirrored: ArcSwap::default(),
            meter: ground.meters.of(name),
            retired: CancellationToken::new(),
            _unused: unused.clone().drop_guard(),
        });
        ground.tasks.spawn(keep(
            connected,
            unused,
            backend.retired.clone(),
            hold,
            spec.timeouts.drain,
            Arc::clone(&life),
        ));
        backend.refresh().await?;
        life.becomes(Health::Ready);
        ground.tasks.spawn(health::watch(
            Arc::clone(&backend.peer),
            spec.health,
            spec.timeouts.cap_fetch,
            backend.retired.clone(),
            Some(life),
        ));
        Ok(backend)
    }

    pub(super) fn name(&self) -> &str {
        &self.life.name
    }

    pub(super) fn spec(&self) -> &BackendSpec {
        &self.spec
    }

    /// Whether it would be connected with other secrets now, or could not be for want of one.
    pub(super) fn is_outdated(&self, secrets: &Secrets) -> bool {
        let now = self.spec.seal(&|name| secrets.value_of(name));
        self.seal.is_outdated_by(&now)
    }

    /// How it wants to be used.
    pub(super) fn instructions(&self) -> Option<&str> {
        self.hello.instructions.as_deref()
    }

    /// How it is, as far as was seen.
    pub(super) fn life(&self) -> &Arc<Life> {
        &self.life
    }

    /// What it offered when it was last asked.
    pub(super) fn offers(&self) -> Arc<Offers> {
        self.offers.load_full()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.peer.ended.is_cancelled()
    }

    /// Who serves in place of one that has ended, if it is the same but for that.
    pub(super) fn successor(&self) -> Option<Arc<Self>> {
        let successor = self
            .has_ended()
            .then(|| self.peer.ground.backend(self.name()))??;
        successor
            .spec
            .connects_like(&self.spec)
            .then_some(successor)
    }

    /// Whether it has ended, and is to be started anew as it is.
    pub(super) fn is_missed(&self) -> bool {
        self.has_ended() && self.peer.ground.misses(self.name(), &self.spec)
    }

    /// From now on it has its drain time to finish what is under way.
    pub(super) fn retire(&self) {
        self.life.becomes(Health::Draining);
        self.retired.cancel();
    }

    /// Whether it answers at all, in time.
    pub(super) async fn ping(&self) -> Result<(), String> {
        health::ping(&self.peer, self.spec.timeouts.cap_fetch).await
    }

    /// Hands a call to the backend and waits for its result.
    pub(super) async fn request(&self, call: Call) -> Reply {
        let there = call.client.version();
        let connecting = self.peer_for(&call.client);
        let connected = call.cancelled.run_until_cancelled(connecting).await;
        let peer = connected.ok_or_else(CallError::cancelled)??;
        let here = peer.hello.get().map_or(there, |hello| hello.version);
        let method = call.method.clone();
        if matches!(method, Method::Subscribe | Method::Unsubscribe) {
            return self.subscribe(&peer, call, here).await;
        }
        if here.has_sessions() == there.has_sessions() {
            return self.ask(&peer, call).await;
        }
        let reply = if there.has_sessions() {
            input::rounds(self, &peer, call).await
        } else {
            self.ask(&peer, call).await
        };
        reply
            .map(|result| era::to_client(result, here, there, &method))
            .map_err(|error| era::error_to_client(error, there))
    }

    /// The connection on which this client's calls go.
    async fn peer_for(&self, client: &Arc<dyn Client>) -> Result<Arc<Peer>, CallError> {
        match self.owner(client) {
            Some(owner) => Ok(self.connection(owner).await?.0),
            None => Ok(Arc::clone(&self.peer)),
        }
    }

    /// Whose connection this client's calls go on, if not on the one for all.
    fn owner(&self, client: &Arc<dyn Client>) -> Option<Owner> {
        if self.spec.sharing == Sharing::PerClient {
            return Some(Owner::Client(Arc::clone(client)));
        }
        let is_old = client.version().has_sessions() && self.hello.speaks_old;
        let apart = is_old && !self.hello.version.has_sessions();
        (apart && matches!(self.peer.link, Link::Http(_))).then_some(Owner::OldEra)
    }

    /// The connection of this owner, and whether it was opened for this.
    async fn connection(&self, owner: Owner) -> Result<(Arc<Peer>, bool), CallError> {
        let me = owner.introduction(self.hello.speaks_old);
        self.connections.of(owner, me, &self.spec, &self.peer).await
    }

    async fn ask(&self, peer: &Arc<Peer>, call: Call) -> Reply {
        let timing = self.meter.begin(Instant::now());
        let about = era::about(&call);
        if let Some(level) = about.log_level {
            let told = call.cancelled.run_until_cancelled(peer.log_from(level));
            told.await.ok_or_else(CallError::cancelled)?;
        }
        let headers = self.headers(&call.params, &call.method);
        let method = call.method.on_the_wire();
        let ask = Ask::of(method.clone(), call.params, about, call.cancelled, headers);
        let answer = peer.request(ask).await;
        // An error that it gives is an answer.
        if matches!(
            &answer,
            Ok(_) | Err(Failure::Error(_) | Failure::Refused(_))
        ) {
            timing.answered(Instant::now());
        }
        answer.map_err(|failure| self.failed(&method, failure))
    }

    /// What a client says beside its calls, if it has a connection.
    pub(super) fn pass_on(&self, client: ClientId, version: Version, said: &Notification) {
        if let Some(peer) = self.open_to(client, version) {
            peer.pass_on(client, said);
        }
    }

    /// A client wants log messages from this level on. Comes back when the backend knows.
    pub(super) async fn log_from(&self, client: ClientId, version: Version, level: LogLevel) {
        if let Some(peer) = self.open_to(client, version) {
            peer.log_from(level).await;
        }
    }

    /// The connection that is open for what this client says beside its calls.
    fn open_to(&self, client: ClientId, version: Version) -> Option<Arc<Peer>> {
        if self.spec.sharing == Sharing::PerClient {
            return self.connections.open_of(Whose::Client(client));
        }
        let of_old_era = version
            .has_sessions()
            .then(|| self.connections.open_of(Whose::OldEra));
        Some(
            of_old_era
                .flatten()
                .unwrap_or_else(|| Arc::clone(&self.peer)),
        )
    }

    /// Who began the task of this name, if it was begun here.
    pub(super) fn began(&self, task: &str) -> Option<Beginner> {
        let apart = || self.connections.all_open();
        let began = |peer: &Arc<Peer>| peer.outliving.began(task);
        began(&self.peer).or_else(|| apart().iter().find_map(began))
    }

    /// What it declared.
    pub(super) fn capabilities(&self) -> &Members {
        &self.hello.capabilities
    }

    fn headers(&self, params: &Members, method: &Method) -> Vec<(String, String)> {
        let all = self.mirrored.load();
        if *method != Method::CallTool || all.is_empty() {
            return Vec::new();
        }
        let of_tool = params.text("name").and_then(|name| all.get(&name));
        of_tool.map_or_else(Vec::new, |it| mirrored::headers(it, params))
    }

    fn did(&self, what: &str) -> String {
        format!("backend `{}` {what}", self.name())
    }

    /// What a client is told. A backend's own error passes as it is.
    fn failed(&self, method: &str, failure: Failure) -> CallError {
        match failure {
            Failure::Error(error) => CallError::of(error, ErrorOrigin::Backend),
            Failure::NoAnswer(what) => {
                tracing::warn!(backend = self.name(), method, what, "no answer");
                CallError::no_answer(self.did(&what))
            }
            Failure::Refused(what) => CallError {
                origin: ErrorOrigin::Backend,
                ..CallError::internal(self.did(&what))
            },
            Failure::Cancelled => CallError::cancelled(),
        }
    }
}

/// Keeps the connection until nobody uses it any more, its drain time is over, or it ends by
/// itself; then leaves it. What is held is held until nobody uses it.
async fn keep(
    mut connected: Connected,
    unused: CancellationToken,
    retired: CancellationToken,
    hold: Arc<DropGuard>,
    drain: Duration,
    life: Arc<Life>,
) {
    let peer = Arc::clone(&connected.peer);
    let over = async {
        let drained = async {
            retired.cancelled().await;
            tokio::time::sleep(drain).await;
        };
        tokio::select! {
            () = unused.cancelled() => {
                life.becomes(Health::Draining);
            }
            () = drained => {
                tracing::warn!(backend = peer.backend, "calls did not end within timeouts.drain; stopped");
            }
        }
    };
    let mut over = pin!(over);
    let ended = tokio::select! {
        why = connect::ended(&mut connected) => Some(why),
        () = &mut over => None,
    };
    if let Some(why) = ended {
        peer.end();
        life.becomes(Health::Down(why));
        if !unused.is_cancelled() && !retired.is_cancelled() {
            peer.tell_gateway(NoticeKind::Ended);
        }
        connect::leave(connected).await;
        over.await;
    } else {
        connect::leave(connected).await;
    }
    drop(hold);
    tracing::info!(backend = peer.backend, "stopped");
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}
