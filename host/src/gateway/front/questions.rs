//! What a client was asked and has not answered yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::mcp::{Id, Members, Raw, RpcError};

/// How a client answers.
pub(super) type Answer = Result<Raw, RpcError>;

/// What is needed of a client that is asked this, by the name of the capability.
const NEEDED: [(&str, &str); 3] = [
    ("sampling/createMessage", "sampling"),
    ("elicitation/create", "elicitation"),
    ("roots/list", "roots"),
];

/// Whether a client with these capabilities may be asked this.
///
/// # Errors
/// What it did not declare, for whoever asks.
pub(super) fn may_ask(capabilities: &Members, method: &str) -> Result<(), RpcError> {
    let needed = NEEDED.iter().find(|(asked, _)| *asked == method);
    match needed.filter(|(_, capability)| capabilities.get(capability).is_none()) {
        None => Ok(()),
        Some((_, capability)) => Err(RpcError::new(
            RpcError::METHOD_NOT_FOUND,
            format!("{method}: the client has no `{capability}`"),
        )),
    }
}

/// The questions of one client, by the number that they have on the wire.
#[derive(Debug, Default)]
pub(super) struct Questions {
    given: AtomicU64,
    open: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Questions {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question with a number of its own. It is open as long as somebody waits for the answer.
    pub(super) fn ask(self: &Arc<Self>) -> Asked {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        self.open().insert(number, answer);
        Asked {
            number,
            answered,
            questions: Arc::clone(self),
        }
    }

    /// Whether somebody waits for the answer.
    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open().contains_key(&number)
    }

    /// The client answers. An answer that nobody waits for is nothing.
    pub(super) fn answer(&self, id: &Id, answer: Answer) {
        let number = id.number();
        if let Some(asker) = number.and_then(|number| self.open().remove(&number)) {
            // Whoever asked may be gone.
            let _ = asker.send(answer);
        }
    }
}

/// A question that is open.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) number: u64,
    answered: oneshot::Receiver<Answer>,
    questions: Arc<Questions>,
}

impl Asked {
    /// The answer; nothing if the client left.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answered).await.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.questions.open().remove(&self.number);
    }
}
