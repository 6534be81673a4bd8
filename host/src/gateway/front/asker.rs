//! A client without a session (2026-07-28), for as long as one request of it is under way. What
//! is asked of it meanwhile waits until the request is answered with `input_required`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::outbox::Outbox;
use super::questions::{Questions, may_ask};
use crate::gateway::client::{Client, ClientId, LogLevel, Profile, Question};
use crate::mcp::{Id, Members, Message, Notification, Raw, RpcError, raw_of};

/// Whoever asks on one connection with one token (or without any), or by one pair of standard
/// streams. It is gone when these are, and every request that it began has its answer: one that is
/// held outlives its connection.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: ClientId,
    pub(super) gone: CancellationToken,
}

impl Identity {
    pub(super) fn new() -> Self {
        Self {
            id: ClientId::next(),
            gone: CancellationToken::new(),
        }
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

/// Those who ask on one connection, by their callers: what stands in between (a proxy) may send
/// what several ask on the same one, and to a backend they must not be one.
#[derive(Debug, Default)]
pub(super) struct Identities(Mutex<HashMap<Option<String>, Arc<Identity>>>);

impl Identities {
    /// Who asks with this caller's token.
    pub(super) fn of(&self, caller: Option<&str>) -> Arc<Identity> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = caller.map(str::to_owned);
        let identity = all.entry(caller).or_insert_with(|| Identity::new().into());
        Arc::clone(identity)
    }
}

/// A question that waits for an answer.
#[derive(Debug)]
struct Open {
    number: u64,
    method: String,
    params: Option<Raw>,
}

/// What one request has led to that its client must answer.
#[derive(Debug, Default)]
pub(super) struct Round {
    questions: Arc<Questions>,
    open: Mutex<Vec<Open>>,
    news: Notify,
}

impl Round {
    /// The `inputRequests` that are open, as soon as there are any.
    pub(super) async fn asked(&self) -> Raw {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if let Some(requests) = self.requests() {
                return requests;
            }
            news.await;
        }
    }

    fn requests(&self) -> Option<Raw> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|question| self.questions.is_open(question.number));
        let requests = open.iter().map(|question| {
            let method = raw_of(&question.method).unwrap_or_default();
            let members = std::iter::once(("method".to_owned(), method));
            let params = question.params.clone();
            let params = params.map(|params| ("params".to_owned(), params));
            let request: Members = members.chain(params).collect();
            (question.number.to_string(), request.to_raw())
        });
        let requests: Members = requests.collect();
        (!requests.is_empty()).then(|| requests.to_raw())
    }

    /// The client came back with `inputResponses`. What it left out is asked again.
    pub(super) fn answer(&self, responses: &Members) {
        for (number, response) in responses.iter() {
            if let Ok(number) = number.parse::<u64>() {
                self.questions
                    .answer(&number.into(), Ok(response.to_owned()));
            }
        }
    }
}

/// The client of one request.
pub(super) struct Asker {
    /// That of its [`Identity`]. (Whose own life a backend's connection must not prolong.)
    pub(super) id: ClientId,
    pub(super) gone: CancellationToken,
    pub(super) profile: Profile,
    /// What precedes the answer goes here.
    pub(super) outbox: Mutex<Arc<Outbox>>,
    pub(super) round: Round,
    /// Nobody waits for the request any more. (It may go on over several connections.)
    pub(super) cancelled: CancellationToken,
    /// With what words the request is taken back, where that takes words.
    pub(super) taken_back: Arc<OnceLock<Members>>,
}

impl Asker {
    fn outbox_now(&self) -> MutexGuard<'_, Arc<Outbox>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where what precedes the answer goes.
    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox_now())
    }

    /// What is said from now on waits here.
    pub(super) fn turn_to(&self, outbox: Outbox) {
        *self.outbox_now() = Arc::new(outbox);
    }
}

impl Client for Asker {
    fn id(&self) -> ClientId {
        self.id
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    /// It says so with each request.
    fn log_level(&self) -> Option<LogLevel> {
        None
    }

    fn tell(&self, about: Option<&Id>, notification: Notification) {
        // What is about no request it hears of by `subscriptions/listen`.
        if about.is_some() {
            self.outbox_now()
                .push(Message::Notification(notification).to_line());
        }
    }

    fn ask(
        &self,
        about: Option<&Id>,
        Question { method, params, .. }: Question,
    ) -> BoxFuture<'static, Result<Raw, RpcError>> {
        if about.is_none() {
            let say = format!("{method}: this client is asked only in the course of its requests");
            let error = RpcError::new(RpcError::INVALID_REQUEST, say);
            return futures::future::ready(Err(error)).boxed();
        }
        if let Err(error) = may_ask(&self.profile.capabilities, &method, params.as_deref()) {
            return futures::future::ready(Err(error)).boxed();
        }
        let mut asked = self.round.questions.ask();
        let question = Open {
            number: asked.number,
            method,
            params,
        };
        let mut open = self
            .round
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.push(question);
        drop(open);
        self.round.news.notify_waiters();
        let cancelled = self.cancelled.clone();
        async move {
            let answer = tokio::select! {
                answer = asked.answer() => answer,
                () = cancelled.cancelled() => None,
            };
            answer.unwrap_or_else(|| {
                let say = "the client left without an answer";
                Err(RpcError::new(RpcError::INTERNAL_ERROR, say))
            })
        }
        .boxed()
    }

    fn taken_back(&self, _request: &Id) -> Option<Members> {
        self.taken_back.get().cloned()
    }

    fn gone(&self) -> &CancellationToken {
        &self.gone
    }
}
