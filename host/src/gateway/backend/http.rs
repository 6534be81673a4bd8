//! A backend behind a URL, over Streamable HTTP of both eras (2025-11-25 and 2026-07-28,
//! "Streamable HTTP"): each message is a POST, and what comes back is one message or a stream of
//! them. A stream of the old era that breaks off is taken up again where it ended.

mod headers;
mod listen;
mod refusal;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use super::child::MAX_MESSAGE;
use super::failure::Failure;
use super::hello;
use super::peer::{Ask, Peer, request_line};
use crate::config::{Connection, Template, shown_url};
use crate::http_client;
use crate::mcp::{Event, Events, Id, Message, Raw, header};
use crate::secrets::Secrets;
use refusal::{Refusal, unreachable};

/// How long to wait before a stream is taken up again, where the server does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// A server may ask for more patience, but not for this much.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Times in a row that a stream may be taken up without anything coming.
const RESUMPTIONS: u32 = 5;
/// How long a server may take to say that it has heard something that needs no answer.
const HEARING: Duration = Duration::from_secs(10);

pub(super) struct Http {
    client: reqwest::Client,
    url: Url,
    /// What the configuration sends with each request.
    headers: HeaderMap,
    session: Mutex<Option<HeaderValue>>,
    /// Held by whoever begins another session.
    renewing: tokio::sync::Mutex<()>,
    /// How long that may take.
    init: Duration,
}

/// Why a request has no answer.
enum Lost {
    For(Failure),
    /// The server has forgotten this session, and did nothing; what that means if it does so again.
    Session(HeaderValue, Failure),
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

/// Why a stream cannot be opened.
enum Unopened {
    /// It may be another time.
    Now(Failure),
    /// The server has forgotten the session.
    InThisSession(Failure),
    Ever(Failure),
}

/// Why a stream ended before its answer came.
enum Broken {
    /// By itself, or with the connection.
    Off,
    /// There is no use in taking it up again.
    For(Failure),
}

impl Http {
    /// To a [`Connection::StreamableHttp`]. Connects at the first message. `init`: how long a new
    /// session may take to begin.
    pub(super) fn new(
        connection: &Connection,
        secrets: &Secrets,
        init: Duration,
    ) -> Result<Self, String> {
        let Connection::StreamableHttp { url, headers } = connection else {
            return Err("it has no URL".to_owned());
        };
        let resolve = |template: &Template| {
            let resolved = template.resolve(&|name| secrets.value_of(name));
            resolved.map_err(|error| error.to_string())
        };
        // Without the text: what a placeholder stands for may be a secret.
        let parsed = Url::parse(&resolve(url)?)
            .map_err(|error| format!("`{}`: {error}", shown_url(url.as_written())))?;
        let headers = headers::configured(headers, resolve)?;
        let client = http_client::builder()
            .tcp_nodelay(true)
            .redirect(refusal::redirections())
            .build()
            .map_err(|error| format!("cannot set up HTTP: {error}"))?;
        Ok(Self {
            client,
            url: parsed,
            headers,
            session: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            init,
        })
    }

    fn session(&self) -> Option<HeaderValue> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.clone()
    }

    fn headers(&self, peer: &Peer) -> HeaderMap {
        let mut headers = self.headers.clone();
        let json_or_events = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, json_or_events);
        if let Some(session) = self.session() {
            headers.insert(header::SESSION, session);
        }
        if let Some(hello) = peer.hello.get() {
            headers::say_version(&mut headers, hello.version);
        }
        headers
    }

    async fn post(
        &self,
        peer: &Peer,
        body: Vec<u8>,
        mut headers: HeaderMap,
    ) -> Result<Response, Failure> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = self.client.post(self.url.clone()).headers(headers);
        request
            .body(body)
            .send()
            .await
            .map_err(|error| unreachable(peer, error))
    }

    /// Asks, and waits for the answer; what else comes on its stream, the peer hears. Where the
    /// server has forgotten the session, another is begun.
    pub(super) async fn request(&self, peer: &Arc<Peer>, id: u64, ask: &Ask) -> Answer {
        let lost = match self.try_request(peer, id, ask).await {
            Ok(answer) => return Ok(answer),
            Err(Lost::For(failure)) => return Err(failure),
            Err(Lost::Session(session, _)) => session,
        };
        self.renew(peer, &lost).await?;
        match self.try_request(peer, id, ask).await {
            Ok(answer) => Ok(answer),
            Err(Lost::For(failure)) => Err(failure),
            Err(Lost::Session(_, failure)) => Err(failure),
        }
    }

    /// Begins another session in place of `lost`, unless somebody has.
    async fn renew(&self, peer: &Arc<Peer>, lost: &HeaderValue) -> Result<(), Failure> {
        let _turn = self.renewing.lock().await;
        if self.session().as_ref() != Some(lost) {
            return Ok(());
        }
        let before = peer.hello.get().map(|hello| hello.version);
        // It asks by this same way.
        let greeting = Box::pin(hello::initialize(peer, &peer.me));
        let why = match tokio::time::timeout(self.init, greeting).await {
            Ok(Ok(hello)) if Some(hello.version) == before => {
                tracing::info!(backend = peer.backend, "it had forgotten its session");
                peer.is_another_now(self.init);
                return Ok(());
            }
            Ok(Ok(_)) => "another server stands there now".to_owned(),
            Ok(Err(unwelcome)) => unwelcome.into_reason(),
            Err(_elapsed) => format!(
                "it did not answer `initialize` within {} s (timeouts.init)",
                self.init.as_secs_f64()
            ),
        };
        peer.end_since(format!("it forgot its session, and begins no other: {why}"));
        Err(peer.gone())
    }

    fn keep_session(&self, session: Option<HeaderValue>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }

    async fn try_request(&self, peer: &Arc<Peer>, id: u64, ask: &Ask) -> Result<Raw, Lost> {
        let is_greeting = ask.method == "initialize";
        let session = self.session().filter(|_| !is_greeting);
        let mut headers = self.headers(peer);
        if is_greeting {
            headers.remove(header::SESSION);
        }
        headers::of_request(&mut headers, peer, ask);
        let body = request_line(id, &ask.method, &ask.params);
        let answer = self.post(peer, body, headers).await?;
        if is_greeting {
            self.keep_session(answer.headers().get(header::SESSION).cloned());
        }
        if !answer.status().is_success() {
            let refusal = Refusal::of(peer, answer).await;
            let session = session.filter(|_| refusal.forgot_session());
            let failure = refusal.into_failure(id);
            return Err(match session {
                Some(session) => Lost::Session(session, failure),
                None => Lost::For(failure),
            });
        }
        if stream::is_one(&answer) {
            return Ok(self.follow(peer, id, stream::events(answer)).await?);
        }
        let (status, other_type) = (answer.status(), stream::other_type(&answer));
        let body = stream::read(answer, MAX_MESSAGE)
            .await
            .map_err(|why| Failure::unreadable(&why))?;
        let why = match Message::parse(&body) {
            Ok(Message::Response(response)) if is_of(response.id.as_ref(), id) => {
                return Ok(response.result.map_err(Failure::Error)?);
            }
            Ok(_) => "it is not the answer to the request".to_owned(),
            Err(_) if body.is_empty() => format!("there is nothing in it (HTTP {status})"),
            Err(bad) => other_type.unwrap_or(bad.error.message),
        };
        Err(Failure::unreadable(&why).into())
    }

    /// The stream of a request up to its answer.
    async fn follow(&self, peer: &Arc<Peer>, id: u64, mut events: Events) -> Result<Raw, Failure> {
        let (mut last, mut pause, mut in_vain) = (None, PAUSE, 0);
        let mut says_when = false;
        loop {
            let broken = loop {
                match events.next().await {
                    Ok(Some(event)) => {
                        in_vain = if event.data.is_some() { 0 } else { in_vain };
                        note(&event, &mut last, &mut pause);
                        says_when |= event.retry.is_some();
                        if let Some(answer) = answer_in(peer, id, &event)? {
                            return answer;
                        }
                    }
                    Ok(None) => break Broken::Off,
                    Err(why) if last.is_none() => break Broken::For(Failure::unreadable(&why)),
                    Err(_) => break Broken::Off,
                }
            };
            let last = match (broken, &last) {
                (Broken::For(failure), _) => return Err(failure),
                (Broken::Off, Some(last)) if in_vain < RESUMPTIONS => last,
                (Broken::Off, _) => return Err(Failure::silent("its stream ended before that")),
            };
            if says_when {
                peer.lets_go(id, pause);
            }
            events = loop {
                in_vain += 1;
                tokio::time::sleep(pause).await;
                match self.open(peer, Some(last)).await {
                    Ok(events) => break events,
                    Err(Unopened::Now(Failure::NoAnswer(_))) if in_vain < RESUMPTIONS => {}
                    Err(
                        Unopened::Now(failure)
                        | Unopened::InThisSession(failure)
                        | Unopened::Ever(failure),
                    ) => return Err(failure),
                }
            };
        }
    }

    /// Opens a stream by GET: the one for what is about no request, or one that broke off.
    async fn open(&self, peer: &Peer, last: Option<&HeaderValue>) -> Result<Events, Unopened> {
        let mut headers = self.headers(peer);
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(last) = last {
            headers.insert(header::LAST_EVENT, last.clone());
        }
        let request = self.client.get(self.url.clone()).headers(headers);
        let answer = request
            .send()
            .await
            .map_err(|error| Unopened::Now(unreachable(peer, error)))?;
        if answer.status() == StatusCode::OK && stream::is_one(&answer) {
            return Ok(stream::events(answer));
        }
        let refusal = Refusal::of(peer, answer).await;
        if refusal.forgot_session() && self.session().is_some() {
            return Err(Unopened::InThisSession(peer.gone()));
        }
        Err(match refusal.has_no_stream() {
            true => Unopened::Ever(refusal.into_failure(0)),
            false => Unopened::Now(refusal.into_failure(0)),
        })
    }

    /// Sends what has no answer.
    pub(super) async fn tell(&self, peer: &Peer, message: Message) {
        let headers = self.headers(peer);
        let sending = self.post(peer, message.to_line(), headers);
        let sent = tokio::select! {
            sent = tokio::time::timeout(HEARING, sending) => sent,
            () = peer.ended.cancelled() => return,
        };
        match sent {
            Ok(Ok(answer)) if answer.status().is_success() => {}
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                tracing::debug!(backend = peer.backend, status, "a notification was refused");
            }
            Ok(Err(why)) => tracing::debug!(backend = peer.backend, %why, "a notification is lost"),
            Err(_elapsed) => tracing::debug!(backend = peer.backend, "it hears no notification"),
        }
    }

    /// Ends the session, if there is one.
    pub(super) async fn close(&self, peer: &Peer) {
        if self.session().is_some() {
            let request = self.client.request(Method::DELETE, self.url.clone());
            // It may not care for the end of sessions.
            let _ = request.headers(self.headers(peer)).send().await;
        }
    }
}

/// Where to take the stream up again, and when.
fn note(event: &Event, last: &mut Option<HeaderValue>, pause: &mut Duration) {
    if let Some(id) = event.id.as_deref().filter(|id| !id.is_empty()) {
        *last = HeaderValue::from_str(id).ok();
    }
    if let Some(retry) = event.retry {
        *pause = Duration::from_millis(retry).min(LONGEST_PAUSE);
    }
}

type Answer = Result<Raw, Failure>;

/// The answer, if this event is it. Everything else the peer hears.
fn answer_in(peer: &Arc<Peer>, id: u64, event: &Event) -> Result<Option<Answer>, Failure> {
    // Nothing in it: the event only says where the stream stands.
    let Some(data) = event.data.as_deref().filter(|data| !data.is_empty()) else {
        return Ok(None);
    };
    match Message::parse(data.as_bytes()) {
        Ok(Message::Response(response)) if is_of(response.id.as_ref(), id) => {
            Ok(Some(response.result.map_err(Failure::Error)))
        }
        Ok(message) => {
            peer.take(message, Some(id));
            Ok(None)
        }
        Err(bad) if !bad.asks && is_of(bad.id.as_ref(), id) => {
            Err(Failure::unreadable(&bad.error.message))
        }
        Err(_) => {
            peer.noise("something that is no message");
            Ok(None)
        }
    }
}

fn is_of(answered: Option<&Id>, id: u64) -> bool {
    answered.and_then(Id::number) == Some(id)
}
