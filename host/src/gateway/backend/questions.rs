//! What a backend asks of clients: sampling, elicitation, roots. It goes to the client whose call
//! is under way on the connection, or whose task it names; where that is nobody, or more than one,
//! nobody can tell who is meant, and the backend is told so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio_util::sync::CancellationToken;

use super::about::About;
use super::peer::Peer;
use crate::gateway::client::{Client, ClientId, Question};
use crate::mcp::{Id, Members, Message, Notification, Raw, Request, Response, RpcError, raw_of};

/// So many questions of one backend may be open; a person answers one at a time.
const MOST_OPEN: usize = 64;

const ELICITATION: &str = "elicitation/create";
const ROOTS: &str = "roots/list";
const ROOTS_CHANGED: &str = "notifications/roots/list_changed";

/// The questions that are open, and whose roots were asked for.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Mutex<HashMap<Id, Open>>,
    roots: Mutex<Roots>,
}

#[derive(Debug, Clone, Default)]
struct Open {
    taken_back: CancellationToken,
    /// With these words.
    words: Arc<OnceLock<Members>>,
}

#[derive(Debug, Default)]
struct Roots {
    /// Clients whose roots the backend knows.
    known: Vec<Weak<dyn Client>>,
    /// The last of them that said that they changed.
    changed: Option<Weak<dyn Client>>,
}

impl Questions {
    fn open(&self) -> MutexGuard<'_, HashMap<Id, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backend does not want to know any more, and says so with these words.
    pub(super) fn take_back(&self, question: &Id, words: Members) {
        if let Some(open) = self.open().remove(question) {
            let _ = open.words.set(words);
            open.taken_back.cancel();
        }
    }

    fn asks_for_roots(&self, client: &Arc<dyn Client>) {
        let mut roots = self.roots();
        let mut is_new = true;
        roots.known.retain(|known| {
            let known = known.upgrade();
            is_new &= known.as_ref().is_none_or(|it| it.id() != client.id());
            known.is_some_and(|it| !it.gone().is_cancelled())
        });
        if is_new {
            roots.known.push(Arc::downgrade(client));
        }
    }

    /// The roots of this client changed. Whether the backend knows them.
    fn roots_changed(&self, client: ClientId) -> bool {
        let mut roots = self.roots();
        let is_it = |known: &&Weak<dyn Client>| known.upgrade().is_some_and(|it| it.id() == client);
        let known = roots.known.iter().find(is_it).cloned();
        let is_known = known.is_some();
        roots.changed = known.or(roots.changed.take());
        is_known
    }
}

impl Peer {
    /// Asks the client that is meant; the answer goes back by itself.
    pub(super) fn question(self: &Arc<Self>, request: Request, stream_of: Option<u64>) {
        let Request { id, method, params } = request;
        if method == "ping" {
            return self.answer(id, raw_of(&serde_json::json!({})).map_err(|_| unwritten()));
        }
        let about = match self.whom(&method, params.as_ref(), stream_of) {
            Ok(about) => about,
            Err(error) => return self.answer(id, Err(error)),
        };
        let question = Open::default();
        {
            let mut open = self.questions.open();
            if open.len() >= MOST_OPEN {
                drop(open);
                let say = format!("{MOST_OPEN} questions are open, and no more may be");
                return self.answer(id, Err(RpcError::new(RpcError::INTERNAL_ERROR, say)));
            }
            open.insert(id.clone(), question.clone());
        }
        match &*method {
            ROOTS => self.questions.asks_for_roots(&about.client),
            ELICITATION => {
                let asked = params.as_deref().and_then(Members::of);
                self.elicits(asked.as_ref(), &about);
            }
            _ => {}
        }
        let asked = self.begin_asking(about.client.id(), stream_of);
        let peer = Arc::clone(self);
        self.ground.tasks.spawn(async move {
            let _asked = asked;
            let hears = Arc::clone(&peer);
            let Open { taken_back, words } = question;
            let question = Question {
                method,
                params,
                progress: Box::new(move |progress| hears.send(Message::Notification(progress))),
                taken_back: words,
            };
            let asked = about.client.ask(about.request.as_ref(), question);
            let answer = tokio::select! {
                answer = asked => Some(answer),
                () = taken_back.cancelled() => None,
                () = peer.ended.cancelled() => None,
            };
            peer.questions.open().remove(&id);
            if let Some(answer) = answer {
                peer.answer(id, answer);
            }
        });
    }

    fn whom(
        &self,
        method: &str,
        params: Option<&Raw>,
        stream_of: Option<u64>,
    ) -> Result<About, RpcError> {
        if let Some(about) = self.about_said(params, stream_of) {
            return Ok(about);
        }
        // It has just heard that they changed, and of whom.
        let changed = self.questions.roots().changed.clone();
        if let Some(client) = changed
            .filter(|_| method == ROOTS)
            .and_then(|it| it.upgrade())
        {
            return Ok(About::none_of(client, None));
        }
        let say = format!(
            "`{method}` reaches a client only while one client's call is under way on this \
             connection; the gateway's owner can give each client a connection of its own \
             (`sharing: per-client`)"
        );
        Err(RpcError::new(RpcError::INVALID_REQUEST, say))
    }

    /// What a client tells beside its requests. That its roots changed is for those who know them.
    pub(super) fn pass_on(self: &Arc<Self>, client: ClientId, notification: &Notification) {
        if notification.method == ROOTS_CHANGED {
            let owned = self.me.owner.as_ref().is_some_and(|it| it.id() == client);
            let knows = self.questions.roots_changed(client) || owned;
            // The new era has no such notification.
            if !knows || !self.has_sessions() {
                return;
            }
        }
        self.send(Message::Notification(notification.clone()));
    }

    fn answer(self: &Arc<Self>, id: Id, result: Result<Raw, RpcError>) {
        let id = Some(id);
        self.send(Message::Response(Response { id, result }));
    }
}

fn unwritten() -> RpcError {
    RpcError::new(RpcError::INTERNAL_ERROR, "this answer cannot be written")
}
