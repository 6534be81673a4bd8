//! The host as one MCP server on standard input and output, for clients that start it: one
//! message a line, both eras. It ends with its input, or when its client does not read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answers::{self, Query, refused};
use super::asker::Identity;
use super::desk::Desk;
use super::hello::{self, is_stateless};
use super::listen::Listener;
use super::outbox::{Bounds, Outbox, Reader};
use super::said;
use super::session::{REQUESTS, Session};
use super::stateless::{self, Whose, introduced};
use crate::gateway::client::{Client, Profile};
use crate::gateway::{CallError, Gateway, Reply};
use crate::mcp::{
    BadLine, Glimpse, Id, Members, Message, Notification, Request, RpcError, Version, lines,
};

/// What waits for a client that does not read.
const UNREAD: Bounds = Bounds {
    messages: 100_000,
    bytes: 64 << 20,
    replay: false,
};
/// How long what is under way may go on when the input has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// How long one message may take to be taken out of the pipe.
const PATIENCE: Duration = Duration::from_secs(60);

/// The one client.
struct Desktop {
    gateway: Arc<Gateway>,
    desk: Arc<Desk>,
    identity: Arc<Identity>,
    stream: Arc<Outbox>,
    session: Option<Arc<Session>>,
    /// Requests of the new era.
    stateless: Arc<Mutex<HashMap<Id, UnderWay>>>,
    requests: TaskTracker,
    /// Nobody listens any more.
    deaf: CancellationToken,
}

/// A request of the new era, while it is under way.
#[derive(Clone)]
struct UnderWay {
    cancelled: CancellationToken,
    /// With what words it was taken back.
    taken_back: Arc<OnceLock<Members>>,
}

/// Serves whoever is at the other end of these, until it leaves or the host ends.
pub(in crate::gateway) async fn serve(
    gateway: Arc<Gateway>,
    desk: Arc<Desk>,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) {
    let stream = Arc::new(Outbox::new(UNREAD));
    let reader = stream.read(None);
    let mut desktop = Desktop {
        gateway,
        desk: Arc::clone(&desk),
        identity: Arc::new(Identity::new()),
        stream: Arc::clone(&stream),
        session: None,
        stateless: Arc::default(),
        requests: TaskTracker::new(),
        deaf: desk.end.child_token(),
    };
    let reading = async {
        desktop.read(input).await;
        // What it listens to has no end of its own.
        desktop.deaf.cancel();
        desktop.requests.close();
        let _ = tokio::time::timeout(LAST_ANSWERS, desktop.requests.wait()).await;
        stream.end();
        // What was said last is written yet.
        futures::future::pending::<()>().await;
    };
    tokio::select! {
        () = reading => {}
        () = write(reader, output) => {}
        () = desk.end.cancelled() => {}
    }
    desktop.identity.gone.cancel();
    if let Some(session) = &desktop.session {
        session.leave("left");
    }
}

async fn write(mut reader: Reader, mut output: impl AsyncWrite + Unpin) {
    while let Some((_, message)) = reader.next().await {
        let written = async {
            output.write_all(&message).await?;
            output.write_all(b"\n").await?;
            output.flush().await
        };
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_closed)) => return,
            Err(_elapsed) => {
                tracing::warn!("the client on standard output does not read");
                return;
            }
        }
    }
}

impl Desktop {
    async fn read(&mut self, input: impl AsyncRead + Unpin) {
        let mut limits = self.desk.follow_limits();
        let mut lines = lines(input, limits.borrow_and_update().body);
        loop {
            let line = tokio::select! {
                biased;
                Ok(()) = limits.changed() => {
                    lines.decoder_mut().set_limit(limits.borrow_and_update().body);
                    continue;
                }
                line = lines.next() => line,
            };
            match line {
                Some(Ok(Ok(line))) if line.trim().is_empty() => {}
                Some(Ok(Ok(line))) => self.hear(&line),
                Some(Ok(Err(BadLine::TooLong(glimpse)))) => self.refuse(&glimpse),
                Some(Ok(Err(bad @ BadLine::NotUtf8))) => {
                    let say = format!("this line is no message: {bad}");
                    self.complain(None, RpcError::new(RpcError::PARSE_ERROR, say));
                }
                Some(Err(_)) | None => return,
            }
        }
    }

    /// A line that is too long: an error for whoever waits for what it would have led to.
    fn refuse(&self, glimpse: &Glimpse) {
        let mib = self.desk.limits().body >> 20;
        let say = format!("a message may have {mib} MiB (server.limits.body)");
        let error = RpcError::new(RpcError::INVALID_REQUEST, say);
        match (glimpse.id(), &self.session) {
            (Some(id), Some(session)) if !glimpse.asks() => {
                session.questions.answer(&id, Err(error));
            }
            (id, _) => self.complain(id, error),
        }
    }

    fn hear(&mut self, line: &str) {
        match Message::parse(line.as_bytes()) {
            Ok(Message::Request(request)) => self.request(request),
            Ok(Message::Notification(notification)) => self.notification(notification),
            Ok(Message::Response(answer)) => {
                if let (Some(session), Some(id)) = (&self.session, answer.id) {
                    session.questions.answer(&id, answer.result);
                }
            }
            Err(bad) if bad.asks || bad.id.is_none() => self.complain(bad.id, bad.error),
            Err(bad) => tracing::debug!(error = %bad.error, "no answer"),
        }
    }

    fn complain(&self, id: Option<Id>, error: RpcError) {
        let result = Err(error);
        let said = Message::Response(crate::mcp::Response { id, result });
        self.stream.push(said.to_line());
    }

    fn answer(&self, id: Id, reply: Reply) {
        self.stream.push(said::message(id, reply));
    }

    fn request(&mut self, request: Request) {
        if self.requests.len() >= REQUESTS {
            let say = format!("{REQUESTS} requests are under way");
            return self.answer(request.id, Err(CallError::try_later(say, None)));
        }
        if is_stateless(request.params.as_deref()) {
            return self.serve_stateless(request);
        }
        match (&self.session, request.method.as_str()) {
            (Some(session), _) => self.serve_in(Arc::clone(session), request),
            (None, "initialize") => match Profile::of_initialize(&request) {
                Ok(profile) => {
                    let version = profile.version;
                    self.session = Some(Arc::new(Session::on(Arc::clone(&self.stream), profile)));
                    let result = hello::initialized(&self.gateway.current(), version);
                    self.answer(request.id, Ok(result));
                }
                Err(error) => self.answer(request.id, Err(refused(error))),
            },
            (None, "ping") => self.answer(request.id, Ok(answers::nothing())),
            (None, _) => {
                let say =
                    "begin with `initialize`, or say in `_meta` who asks and in which version";
                let error = RpcError::new(RpcError::INVALID_REQUEST, say);
                self.answer(request.id, Err(refused(error)));
            }
        }
    }

    fn serve_in(&self, session: Arc<Session>, request: Request) {
        let in_flight = session.begin(&request.id, Arc::clone(&self.stream));
        let (gateway, stream) = (Arc::clone(&self.gateway), Arc::clone(&self.stream));
        self.requests.spawn(async move {
            let id = request.id.clone();
            let query = Query {
                client: Arc::clone(&session) as Arc<dyn Client>,
                caller: None,
                request,
                cancelled: in_flight.cancelled.clone(),
            };
            let reply = answers::in_session(&gateway, &session, query).await;
            session.end(&id, &in_flight);
            // What was taken back needs no answer.
            if !in_flight.cancelled.is_cancelled() {
                stream.push(said::message(id, reply));
            }
        });
    }

    fn serve_stateless(&self, request: Request) {
        let id = request.id.clone();
        let in_flight = UnderWay {
            cancelled: self.desk.end.child_token(),
            taken_back: Arc::default(),
        };
        self.under_way().insert(id.clone(), in_flight.clone());
        let (gateway, desk) = (Arc::clone(&self.gateway), Arc::clone(&self.desk));
        let deaf = self.deaf.clone();
        let (identity, stream) = (Arc::clone(&self.identity), Arc::clone(&self.stream));
        let under_way = Arc::clone(&self.stateless);
        self.requests.spawn(async move {
            let UnderWay {
                cancelled,
                taken_back,
            } = in_flight;
            let answered = answer_stateless(
                &gateway, &desk, &deaf, identity, stream, request, taken_back,
            );
            tokio::select! {
                () = answered => {}
                () = cancelled.cancelled() => {}
            }
            let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.remove(&id);
        });
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Id, UnderWay>> {
        self.stateless
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn notification(&self, notification: Notification) {
        if let Some((request, words)) = answers::cancelled(&notification)
            && let Some(in_flight) = self.under_way().get(&request)
        {
            let _ = in_flight.taken_back.set(words);
            in_flight.cancelled.cancel();
            return;
        }
        match &self.session {
            Some(session) => answers::told(&self.gateway, session, notification),
            None => {
                let client = self.identity.id;
                self.gateway.pass_on(client, Version::LATEST, &notification);
            }
        }
    }
}

/// Dropped, the request is taken back.
async fn answer_stateless(
    gateway: &Arc<Gateway>,
    desk: &Arc<Desk>,
    deaf: &CancellationToken,
    identity: Arc<Identity>,
    stream: Arc<Outbox>,
    request: Request,
    taken_back: Arc<OnceLock<Members>>,
) {
    let id = request.id.clone();
    let refuse = |error: RpcError| said::message(id.clone(), Err(refused(error)));
    let params = request.members();
    let known = params.and_then(|params| Ok((introduced(&params)?, params)));
    let (profile, params) = match known {
        Ok(known) => known,
        Err(error) => return stream.push(refuse(error)),
    };
    if request.method == "subscriptions/listen" {
        let outbox = Arc::clone(&stream);
        let begun = Listener::begin(gateway, profile, &params, id.clone(), None, outbox);
        return match begun.await {
            Ok((listener, _hand)) => listener.until(deaf).await,
            Err(error) => stream.push(refuse(error)),
        };
    }
    let whose = Whose {
        identity,
        profile,
        caller: None,
        outbox: Some(Arc::clone(&stream)),
        taken_back,
    };
    let begun = stateless::begin(gateway, &desk.tasks, &desk.held, whose, params, request);
    match begun.await {
        Ok(mut running) => {
            let step = running.next().await;
            let reply = stateless::finish(running, step, &desk.held, &desk.tasks);
            stream.push(said::message(id.clone(), reply));
        }
        Err(error) => stream.push(refuse(error)),
    }
}
