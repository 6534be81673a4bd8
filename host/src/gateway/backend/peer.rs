//! The gateway's side of one connection to a backend: gives requests their ids, and each answer
//! to whoever waits for it. Reads of an answer no more than whose it is. A request whose future
//! is dropped is taken back from the backend.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::about::About;
use super::era;
use super::failure::Failure;
use super::follow::Confirmed;
use super::hello::{Hello, Introduction};
use super::http::Http;
use super::logging::LogsFrom;
use super::outbox::{NotSent, Outbox};
use super::outliving::Outliving;
use super::questions::Questions;
use super::subscriptions::Subscriptions;
use super::{BackendNotice, NoticeKind};
use crate::gateway::ground::Ground;
use crate::mcp::{Id, Members, Message, Notification, Raw, Request, RpcError, raw_of};

/// How messages get to a backend.
pub(super) enum Link {
    /// One a line.
    Lines(Outbox),
    /// One a POST.
    Http(Http),
}

pub(super) struct Peer {
    pub(super) backend: String,
    pub(super) link: Link,
    next: AtomicU64,
    pending: Mutex<HashMap<u64, Pending>>,
    /// Whom it takes the gateway for.
    pub(super) me: Introduction,
    /// What it said of itself.
    pub(super) hello: OnceLock<Hello>,
    pub(super) questions: Questions,
    pub(super) outliving: Outliving,
    pub(super) subscriptions: Arc<Subscriptions>,
    /// What it has said to them.
    pub(super) confirmed: watch::Sender<Confirmed>,
    pub(super) logs_from: LogsFrom,
    /// It says that its lists changed, and was not asked since.
    offers_changed: AtomicBool,
    pub(super) ground: Arc<Ground>,
    /// Cancelled when nothing comes from it any more.
    pub(super) ended: CancellationToken,
    /// Why that is so, where it was the gateway that gave it up.
    given_up: OnceLock<String>,
    /// Notified when somebody wonders whether it is there.
    pub(super) doubted: Notify,
    /// How much it said that nobody understands.
    noise: AtomicU64,
}

/// A request that waits for its answer.
pub(super) struct Pending {
    answer: oneshot::Sender<Result<Raw, Failure>>,
    pub(super) about: Option<About>,
    /// It may begin a task.
    pub(super) is_task: bool,
    /// It listens, and this waits for the acknowledgement, which comes once.
    listens: Option<Option<oneshot::Sender<Members>>>,
}

/// A request to a backend.
pub(super) struct Ask {
    pub(super) method: Cow<'static, str>,
    pub(super) params: Members,
    /// Who wants to hear that it is listened to, if it is `subscriptions/listen`.
    acknowledged: Option<oneshot::Sender<Members>>,
    pub(super) about: Option<About>,
    /// Cancelled when it is not wanted any more.
    pub(super) cancelled: CancellationToken,
    /// What stands in headers as well, where there are any.
    pub(super) headers: Vec<(String, String)>,
}

impl Ask {
    /// The gateway's own.
    pub(super) fn own(method: &'static str, params: Members) -> Self {
        Self {
            method: method.into(),
            params,
            acknowledged: None,
            about: None,
            cancelled: CancellationToken::new(),
            headers: Vec::new(),
        }
    }

    /// Listens; that it is heard comes out of `acknowledged`.
    pub(super) fn listen(params: Members, acknowledged: oneshot::Sender<Members>) -> Self {
        Self {
            acknowledged: Some(acknowledged),
            ..Self::own("subscriptions/listen", params)
        }
    }

    /// In the course of a client's request.
    pub(super) fn of(
        method: Cow<'static, str>,
        params: Members,
        about: About,
        cancelled: CancellationToken,
        headers: Vec<(String, String)>,
    ) -> Self {
        Self {
            method,
            params,
            acknowledged: None,
            about: Some(about),
            cancelled,
            headers,
        }
    }

    /// What is a client's, and what has no end of its own. Of the gateway's own questions nothing is
    /// gained by it, and there are servers that end where one that they have not read yet is taken
    /// back (the Python SDK, 1.x); before the two have come to know each other it must not be.
    fn can_be_taken_back(&self) -> bool {
        self.about.is_some() || self.acknowledged.is_some()
    }
}

impl Peer {
    pub(super) fn new(
        backend: &str,
        link: Link,
        me: &Introduction,
        subscriptions: &Arc<Subscriptions>,
        ground: &Arc<Ground>,
    ) -> Arc<Self> {
        Arc::new(Self {
            backend: backend.to_owned(),
            link,
            me: me.clone(),
            next: AtomicU64::new(1),
            pending: Mutex::default(),
            hello: OnceLock::new(),
            questions: Questions::default(),
            outliving: Outliving::default(),
            subscriptions: Arc::clone(subscriptions),
            confirmed: watch::Sender::default(),
            logs_from: LogsFrom::default(),
            offers_changed: AtomicBool::new(false),
            ground: Arc::clone(ground),
            ended: CancellationToken::new(),
            given_up: OnceLock::new(),
            doubted: Notify::new(),
            noise: AtomicU64::new(0),
        })
    }

    /// Whether it is of the old era, or was not asked yet.
    pub(super) fn has_sessions(&self) -> bool {
        self.hello.get().is_none_or(|it| it.version.has_sessions())
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, HashMap<u64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and waits for the answer.
    pub(super) async fn request(self: &Arc<Self>, mut ask: Ask) -> Result<Raw, Failure> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(hello) = self.hello.get() {
            era::to_backend(&mut ask.params, hello, id, ask.about.as_ref());
        }
        let cancelled = ask.cancelled.clone();
        let (answer, answered) = oneshot::channel();
        let _expected = self.expect(id, answer, &mut ask)?;
        match &self.link {
            Link::Lines(outbox) => {
                let line = request_line(id, &ask.method, &ask.params);
                outbox.send(line).map_err(|not| self.not_sent(not))?;
                tokio::select! {
                    biased;
                    answer = answered => answer.unwrap_or_else(|_| Err(self.gone())),
                    () = cancelled.cancelled() => Err(Failure::Cancelled),
                }
            }
            Link::Http(http) => tokio::select! {
                answer = http.request(self, id, &ask) => {
                    if matches!(&answer, Ok(_) | Err(Failure::Error(_) | Failure::Refused(_))) {
                        self.goes_on(id, &answer);
                        // It has its answer, and cannot be taken back.
                        self.pending().remove(&id);
                    }
                    answer
                }
                // On a stream that is not its own.
                Ok(answer) = answered => answer,
                () = cancelled.cancelled() => Err(Failure::Cancelled),
                () = self.ended.cancelled() => Err(self.gone()),
            },
        }
    }

    fn expect(
        self: &Arc<Self>,
        id: u64,
        answer: oneshot::Sender<Result<Raw, Failure>>,
        ask: &mut Ask,
    ) -> Result<Expected, Failure> {
        let can_be_taken_back = ask.can_be_taken_back();
        let pending = Pending {
            answer,
            about: ask.about.clone(),
            is_task: ask.params.get("task").is_some(),
            listens: ask.acknowledged.take().map(Some),
        };
        self.pending().insert(id, pending);
        let expected = Expected {
            peer: Arc::clone(self),
            id,
            can_be_taken_back,
        };
        // Looked at after it was noted down: whoever ends this takes what is noted down.
        if self.ended.is_cancelled() {
            return Err(self.gone());
        }
        Ok(expected)
    }

    /// Tells it something. If it is gone there is nothing left to tell.
    pub(super) fn notify(self: &Arc<Self>, method: &str, params: Option<Raw>) {
        let method = method.to_owned();
        self.send(Message::Notification(Notification { method, params }));
    }

    /// Sends what has no answer.
    pub(super) fn send(self: &Arc<Self>, message: Message) {
        match &self.link {
            Link::Lines(outbox) => {
                let _ = outbox.send(message.to_line());
            }
            Link::Http(_) => {
                let peer = Arc::clone(self);
                self.ground.tasks.spawn(async move {
                    if let Link::Http(http) = &peer.link {
                        http.tell(&peer, message).await;
                    }
                });
            }
        }
    }

    /// The answer to a request of ours, from wherever it came.
    pub(super) fn answered(&self, id: Option<&Id>, answer: Result<Raw, RpcError>) {
        let number = id.and_then(Id::number);
        let answer = answer.map_err(Failure::Error);
        if let Some(id) = number {
            self.goes_on(id, &answer);
        }
        let pending = number.and_then(|id| self.pending().remove(&id));
        if let Some(pending) = pending {
            // Whoever asked may not want it any more.
            let _ = pending.answer.send(answer);
            return;
        }
        // The answer to a request that was taken back is no mistake.
        if number.is_some_and(|id| id < self.next.load(Ordering::Relaxed)) {
            return;
        }
        if !self.fail_the_only_one("answered with an id that nobody gave it") {
            self.noise("an answer to nothing that was asked");
        }
    }

    /// What one of our requests listens for is said from now on.
    pub(super) fn acknowledged(&self, id: u64, what: Members) {
        let mut pending = self.pending();
        let listens = pending.get_mut(&id).and_then(|it| it.listens.as_mut());
        if let Some(waiting) = listens.and_then(Option::take) {
            // Whoever asked may not want to listen any more.
            let _ = waiting.send(what);
        }
    }

    /// The backend ends what one of our requests listens for.
    pub(super) fn torn_down(&self, id: u64) {
        let mut pending = self.pending();
        if pending.get(&id).is_some_and(|it| it.listens.is_some())
            && let Some(pending) = pending.remove(&id)
        {
            let _ = pending.answer.send(Ok(Members::default().to_raw()));
        }
    }

    /// One of our requests is answered with something that cannot be read.
    pub(super) fn cannot_be_read(&self, id: u64, why: &str) -> bool {
        let pending = self.pending().remove(&id);
        let Some(pending) = pending else { return false };
        let _ = pending.answer.send(Err(Failure::unreadable(why)));
        true
    }

    /// Where one request alone is under way it is clear whose fault this is.
    pub(super) fn fail_the_only_one(&self, what: &str) -> bool {
        let mut pending = self.pending();
        let only = (pending.len() == 1).then(|| pending.keys().next().copied());
        let Some(only) = only.flatten().and_then(|id| pending.remove(&id)) else {
            return false;
        };
        let _ = only.answer.send(Err(Failure::NoAnswer(what.to_owned())));
        true
    }

    /// Nothing comes from it any more: whoever waits learns it.
    pub(super) fn end(&self) {
        self.ended.cancel();
        self.pending().clear();
        if let Link::Lines(outbox) = &self.link {
            outbox.close();
        }
    }

    /// As [`Peer::end`], for this reason.
    pub(super) fn end_since(&self, why: String) {
        let _ = self.given_up.set(why);
        self.end();
    }

    /// Why it ended: `how`, unless it was given up before.
    pub(super) fn why_ended(&self, how: String) -> String {
        self.given_up.get().cloned().unwrap_or(how)
    }

    /// Something about it makes one wonder whether it is there.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Behind the same address there is another server now, or the same started anew: it may offer
    /// something else, and knows of no subscription. It has `limit` to agree to those.
    pub(super) fn is_another_now(self: &Arc<Self>, limit: Duration) {
        self.offers_changed();
        self.logs_from.forget();
        self.confirmed.send_replace(Confirmed::default());
        let peer = Arc::clone(self);
        self.ground
            .tasks
            .spawn(async move { peer.takes_over(limit).await });
    }

    /// It says that its lists changed. Said again before it was asked, this is nothing new.
    pub(super) fn offers_changed(&self) {
        if !self.offers_changed.swap(true, Ordering::AcqRel) {
            self.tell_gateway(NoticeKind::OffersChanged);
        }
    }

    /// Whoever heard that its lists changed may have asked another one of its name.
    pub(super) fn says_again(&self) {
        if self.offers_changed.load(Ordering::Acquire) {
            self.tell_gateway(NoticeKind::OffersChanged);
        }
    }

    /// It is being asked for its lists.
    pub(super) fn asks_for_offers(&self) {
        self.offers_changed.store(false, Ordering::Release);
    }

    pub(super) fn tell_gateway(&self, kind: NoticeKind) {
        // Nobody listens once the host stops.
        let _ = self.ground.notices.send(BackendNotice {
            backend: self.backend.clone(),
            kind,
        });
    }

    /// Something that nobody understands: said ever more rarely.
    pub(super) fn noise(&self, what: &str) {
        let count = self.noise.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::warn!(backend = self.backend, count, "it says {what}; passed over");
        }
    }

    pub(super) fn gone(&self) -> Failure {
        Failure::silent("it ended")
    }

    fn not_sent(&self, not: NotSent) -> Failure {
        match not {
            NotSent::Closed => self.gone(),
            NotSent::Full => Failure::silent("it does not read what it is sent"),
        }
    }
}

pub(super) fn request_line(id: u64, method: &str, params: &Members) -> Vec<u8> {
    let params = Some(params.to_raw());
    let (id, method) = (id.into(), method.to_owned());
    Message::Request(Request { id, method, params }).to_line()
}

/// A request that waits for its answer. Dropped before that came, it is taken back.
struct Expected {
    peer: Arc<Peer>,
    id: u64,
    can_be_taken_back: bool,
}

impl Drop for Expected {
    fn drop(&mut self) {
        let Some(unanswered) = self.peer.pending().remove(&self.id) else {
            return;
        };
        if !self.can_be_taken_back || self.peer.ended.is_cancelled() {
            return;
        }
        // Over HTTP the new era says it by closing the stream, which the dropped request did.
        if matches!(self.peer.link, Link::Http(_)) && !self.peer.has_sessions() {
            return;
        }
        let about = unanswered.about;
        let words = about.and_then(|it| it.client.taken_back(&it.request?));
        let mut params = words.unwrap_or_else(|| {
            let why = raw_of(&"nobody waits for it any more").unwrap_or_default();
            Members::from_iter([("reason".to_owned(), why)])
        });
        params.set("requestId", Id::from(self.id).to_raw());
        let params = Some(params.to_raw());
        self.peer.notify("notifications/cancelled", params);
    }
}
