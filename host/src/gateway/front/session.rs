//! A client that began with `initialize`: who it is, which requests of it are under way, what it
//! was asked, and the streams on which it is told things. The same over HTTP, where each request
//! may have a stream of its own, and over stdio, where there is one for everything.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::outbox::{Bounds, Outbox};
use super::presence::Presence;
use super::questions::{Questions, may_ask};
use crate::gateway::client::{Client, ClientId, LogLevel, Profile, Question};
use crate::mcp::{Id, Members, Message, Notification, Raw, Request, RpcError, Version, raw_of};

/// What is kept for a client that reads later, or again.
const KEPT: Bounds = Bounds {
    messages: 1000,
    bytes: 1 << 20,
    replay: true,
};
/// Streams that are kept for a client that resumes them, beyond those of requests under way.
const STREAMS: usize = 16;
/// Requests of one client that are under way at the same time.
pub(super) const REQUESTS: usize = 1000;

/// One request while it is under way.
#[derive(Debug)]
pub(super) struct InFlight {
    /// The client took it back.
    pub(super) cancelled: CancellationToken,
    /// With these words.
    taken_back: OnceLock<Members>,
    /// What precedes its answer, over HTTP.
    pub(super) outbox: Arc<Outbox>,
    /// It counts as under way until it is dropped, by whatever name.
    _counted: TaskTrackerToken,
}

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    id: ClientId,
    /// By what name its requests say that they belong to it; empty over stdio.
    pub(super) key: Box<str>,
    profile: Profile,
    caller: Mutex<Option<String>>,
    log_level: AtomicU8,
    /// What concerns no request.
    pub(super) beside: Arc<Outbox>,
    under_way: Mutex<HashMap<Id, Arc<InFlight>>>,
    counted: TaskTracker,
    /// The newest first.
    streams: Mutex<VecDeque<(u64, Arc<Outbox>)>>,
    streams_given: AtomicU64,
    pub(super) questions: Arc<Questions>,
    pub(super) presence: Arc<Presence>,
    gone: CancellationToken,
    farewell: OnceLock<&'static str>,
}

impl Session {
    /// Over HTTP, where it names itself by `key`.
    pub(super) fn new(key: String, profile: Profile, caller: Option<String>) -> Self {
        Self::make(key.into(), profile, caller, Arc::new(Outbox::new(KEPT)))
    }

    /// Over stdio, with one stream for everything.
    pub(super) fn on(stream: Arc<Outbox>, profile: Profile) -> Self {
        Self::make(Box::default(), profile, None, stream)
    }

    fn make(key: Box<str>, profile: Profile, caller: Option<String>, beside: Arc<Outbox>) -> Self {
        Self {
            id: ClientId::next(),
            key,
            profile,
            caller: Mutex::new(caller),
            log_level: AtomicU8::new(u8::MAX),
            beside,
            under_way: Mutex::default(),
            counted: TaskTracker::new(),
            streams: Mutex::default(),
            streams_given: AtomicU64::new(0),
            questions: Arc::default(),
            presence: Presence::new(),
            gone: CancellationToken::new(),
            farewell: OnceLock::new(),
        }
    }

    /// Whether it is this caller's. One that began before callers had to show who they are
    /// belongs to the first that does.
    pub(super) fn is_of(&self, caller: Option<&str>) -> bool {
        let Some(caller) = caller else { return true };
        let mut owner = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        owner.get_or_insert_with(|| caller.to_owned()) == caller
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Id, Arc<InFlight>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, VecDeque<(u64, Arc<Outbox>)>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has as many requests under way as one client may have.
    pub(super) fn is_full(&self) -> bool {
        self.counted.len() >= REQUESTS
    }

    /// A request begins. What precedes its answer goes to `outbox`.
    pub(super) fn begin(&self, request: &Id, outbox: Arc<Outbox>) -> Arc<InFlight> {
        let in_flight = Arc::new(InFlight {
            cancelled: self.gone.child_token(),
            taken_back: OnceLock::new(),
            outbox,
            _counted: self.counted.token(),
        });
        self.under_way()
            .insert(request.clone(), Arc::clone(&in_flight));
        in_flight
    }

    /// A stream of its own for a request over HTTP.
    pub(super) fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(KEPT))
    }

    /// The request has its answer, or needs none.
    pub(super) fn end(&self, request: &Id, in_flight: &Arc<InFlight>) {
        let mut under_way = self.under_way();
        if under_way
            .get(request)
            .is_some_and(|it| Arc::ptr_eq(it, in_flight))
        {
            under_way.remove(request);
        }
        drop(under_way);
        self.presence.hear();
    }

    /// Takes a request back, with these words.
    pub(super) fn cancel(&self, request: &Id, words: Members) {
        if let Some(in_flight) = self.under_way().get(request) {
            let _ = in_flight.taken_back.set(words);
            in_flight.cancelled.cancel();
        }
    }

    /// Keeps the stream of a request, so that it can be resumed, and numbers it.
    pub(super) fn keep(&self, stream: Arc<Outbox>) -> u64 {
        let number = self.streams_given.fetch_add(1, Ordering::Relaxed) + 1;
        let mut streams = self.streams();
        streams.push_front((number, stream));
        // What was read may have been lost on its way: the newest of it is kept.
        let mut read = 0;
        streams.retain(|(_, stream)| {
            read += if stream.is_done() { stream.bytes() } else { 0 };
            !stream.is_done() || read <= KEPT.bytes
        });
        let ended = streams.iter().filter(|(_, it)| it.has_ended()).count();
        for _ in STREAMS..ended {
            let oldest = |is: fn(&Outbox) -> bool| streams.iter().rposition(|(_, it)| is(it));
            let oldest = oldest(Outbox::is_done).or_else(|| oldest(Outbox::has_ended));
            oldest.and_then(|oldest| streams.remove(oldest));
        }
        number
    }

    /// The stream of this number; 0 is the one beside all requests.
    pub(super) fn stream(&self, number: u64) -> Option<Arc<Outbox>> {
        if number == 0 {
            return Some(Arc::clone(&self.beside));
        }
        let streams = self.streams();
        let found = streams.iter().find(|(it, _)| *it == number);
        found.map(|(_, stream)| Arc::clone(stream))
    }

    /// From now on it wants log messages of this weight and more.
    pub(super) fn set_log_level(&self, level: LogLevel) {
        self.log_level.store(level as u8, Ordering::Relaxed);
    }

    /// It is gone, and how: what is under way is taken back, its streams end.
    pub(super) fn leave(&self, how: &'static str) {
        let _ = self.farewell.set(how);
        self.gone.cancel();
        self.beside.end();
        self.streams().iter().for_each(|(_, stream)| stream.end());
    }

    /// Where what concerns this request is said, if it is under way.
    fn outbox_of(&self, request: Option<&Id>) -> Option<Arc<Outbox>> {
        let under_way = self.under_way();
        under_way.get(request?).map(|it| Arc::clone(&it.outbox))
    }
}

impl Client for Session {
    fn id(&self) -> ClientId {
        self.id
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn log_level(&self) -> Option<LogLevel> {
        LogLevel::ALL
            .into_iter()
            .find(|level| *level as u8 == self.log_level.load(Ordering::Relaxed))
    }

    fn tell(&self, about: Option<&Id>, notification: Notification) {
        let method = notification.method.as_str();
        let is_said_once =
            method.ends_with("/list_changed") || method == "notifications/resources/updated";
        let line = Message::Notification(notification).to_line();
        match self.outbox_of(about) {
            Some(outbox) => outbox.push(line),
            None if is_said_once => self.beside.push_once(line),
            None => self.beside.push(line),
        }
    }

    fn ask(
        &self,
        about: Option<&Id>,
        question: Question,
    ) -> BoxFuture<'static, Result<Raw, RpcError>> {
        let Question {
            method,
            mut params,
            progress,
            taken_back,
        } = question;
        if let Err(error) = may_ask(&self.profile.capabilities, &method, params.as_deref()) {
            return futures::future::ready(Err(error)).boxed();
        }
        let stream = self.outbox_of(about);
        let stream = stream.unwrap_or_else(|| Arc::clone(&self.beside));
        let mut asked = self.questions.ask();
        self.questions.follow(asked.number, &mut params, progress);
        let id = Id::from(asked.number);
        let request = Request {
            id: id.clone(),
            method,
            params,
        };
        stream.push(Message::Request(request).to_line());
        let (gone, beside) = (self.gone.clone(), Arc::clone(&self.beside));
        // Over stdio it is there as long as it has not left.
        let presence = (!self.key.is_empty()).then(|| Arc::clone(&self.presence));
        async move {
            let away = async {
                match presence {
                    Some(presence) => presence.away().await,
                    None => std::future::pending().await,
                }
            };
            // If nobody wants the answer any more, the client need not go on thinking.
            let mut unwanted = Unwanted {
                id,
                streams: Some([stream, beside]),
                taken_back,
            };
            let answer = tokio::select! {
                answer = asked.answer() => answer,
                () = gone.cancelled() => None,
                () = away => None,
            };
            unwanted.streams = None;
            answer.unwrap_or_else(|| {
                Err(RpcError::new(
                    RpcError::INTERNAL_ERROR,
                    "the client left without an answer",
                ))
            })
        }
        .boxed()
    }

    fn let_go(&self, request: &Id, wait: Duration) {
        // Over stdio the stream is everybody's; older clients may not know that they can come back.
        let comes_back = self.version() >= Version::V20251125 && !self.key.is_empty();
        if let Some(outbox) = self.outbox_of(Some(request)).filter(|_| comes_back) {
            outbox.let_go(wait);
        }
    }

    fn taken_back(&self, request: &Id) -> Option<Members> {
        self.under_way().get(request)?.taken_back.get().cloned()
    }

    fn farewell(&self) -> &'static str {
        self.farewell.get().copied().unwrap_or("left")
    }

    fn gone(&self) -> &CancellationToken {
        &self.gone
    }
}

/// Takes a question back when it is dropped, if it has streams still: on the first that has not
/// ended.
struct Unwanted {
    id: Id,
    streams: Option<[Arc<Outbox>; 2]>,
    taken_back: Arc<OnceLock<Members>>,
}

impl Drop for Unwanted {
    fn drop(&mut self) {
        let Some(streams) = self.streams.take() else {
            return;
        };
        let mut params = self.taken_back.get().cloned().unwrap_or_else(|| {
            let why = raw_of(&"nobody waits for it").unwrap_or_default();
            Members::from_iter([("reason".to_owned(), why)])
        });
        params.set("requestId", self.id.to_raw());
        let cancelled = Notification {
            method: "notifications/cancelled".to_owned(),
            params: Some(params.to_raw()),
        };
        if let Some(stream) = streams.iter().find(|stream| !stream.has_ended()) {
            stream.push(Message::Notification(cancelled).to_line());
        }
    }
}
