//! What a backend asks of clients: sampling, elicitation, roots. It goes to the client whose call
//! is under way on the connection; where that is nobody, or more than one, nobody can tell who is
//! meant, and the backend is told so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::peer::{About, Peer};
use crate::mcp::{Id, Message, Raw, Request, Response, RpcError, raw_of};

/// So many questions of one backend may be open; a person answers one at a time.
const MOST_OPEN: usize = 64;

/// The questions that are open.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Mutex<HashMap<Id, CancellationToken>>,
}

impl Questions {
    fn open(&self) -> MutexGuard<'_, HashMap<Id, CancellationToken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backend does not want to know any more.
    pub(super) fn take_back(&self, question: &Id) {
        if let Some(open) = self.open().remove(question) {
            open.cancel();
        }
    }
}

/// What a client must have declared to be asked this.
fn capability(method: &str) -> Option<&'static str> {
    match method {
        "sampling/createMessage" => Some("sampling"),
        "elicitation/create" => Some("elicitation"),
        "roots/list" => Some("roots"),
        _ => None,
    }
}

impl Peer {
    /// Asks the client that is meant; the answer goes back by itself.
    pub(super) fn question(self: &Arc<Self>, request: Request, stream_of: Option<u64>) {
        let Request { id, method, params } = request;
        if method == "ping" {
            return self.answer(id, raw_of(&serde_json::json!({})).map_err(|_| unwritten()));
        }
        let about = match self.whom(&method, stream_of) {
            Ok(about) => about,
            Err(error) => return self.answer(id, Err(error)),
        };
        let taken_back = CancellationToken::new();
        {
            let mut open = self.questions.open();
            if open.len() >= MOST_OPEN {
                drop(open);
                let say = format!("{MOST_OPEN} questions are open, and no more may be");
                return self.answer(id, Err(RpcError::new(RpcError::INTERNAL_ERROR, say)));
            }
            open.insert(id.clone(), taken_back.clone());
        }
        let peer = Arc::clone(self);
        self.ground.tasks.spawn(async move {
            let asked = about.client.ask(&about.request, method, params);
            let answer = tokio::select! {
                answer = asked => Some(answer),
                () = about.client.gone().cancelled() => {
                    let say = "the client that was asked has left";
                    Some(Err(RpcError::new(RpcError::INTERNAL_ERROR, say)))
                }
                () = taken_back.cancelled() => None,
                () = peer.ended.cancelled() => None,
            };
            peer.questions.open().remove(&id);
            if let Some(answer) = answer {
                peer.answer(id, answer);
            }
        });
    }

    fn whom(&self, method: &str, stream_of: Option<u64>) -> Result<About, RpcError> {
        let about = self.about(stream_of).ok_or_else(|| {
            let say = format!(
                "`{method}` reaches a client only while one client's call is under way on this \
                 connection; the gateway's owner can give each client a connection of its own \
                 (`sharing: per-client`)"
            );
            RpcError::new(RpcError::INVALID_REQUEST, say)
        })?;
        if let Some(needed) = capability(method)
            && about.client.capabilities().get(needed).is_none()
        {
            let say = format!("the client `{}` has no `{needed}`", about.client.name());
            return Err(RpcError::new(RpcError::METHOD_NOT_FOUND, say));
        }
        Ok(about)
    }

    fn answer(self: &Arc<Self>, id: Id, result: Result<Raw, RpcError>) {
        let id = Some(id);
        self.send(Message::Response(Response { id, result }));
    }
}

fn unwritten() -> RpcError {
    RpcError::new(RpcError::INTERNAL_ERROR, "this answer cannot be written")
}
