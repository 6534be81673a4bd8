//! A request of a client without a session, while it is under way: until it has its answer, or
//! cannot go on before the client has answered something. Then it is held, and goes on when the
//! client comes back with `inputResponses` and the `requestState` that it was given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::asker::{Asker, Identity};
use super::detached::Detached;
use crate::gateway::{CallError, Reply};
use crate::mcp::{Members, Raw, RpcError, raw_of};

/// How long a call waits for its client to come back: as long as people take to fill in a form.
const HELD: Duration = Duration::from_secs(600);
/// Calls that are held at the same time.
const CALLS: usize = 1000;

/// What a request of the new era is about. Only the same request may go on with a held call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) caller: Option<String>,
    pub(super) method: String,
    /// What it names.
    pub(super) name: Option<String>,
}

/// A request that is under way. Dropped, it is taken back.
pub(super) struct Running {
    pub(super) about: About,
    pub(super) reply: Detached<Reply>,
    pub(super) client: Arc<Asker>,
    /// Not gone before this has its answer.
    pub(super) _identity: Arc<Identity>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.client.cancelled.cancel();
    }
}

/// What came next.
pub(super) enum Step {
    /// The end.
    Reply(Reply),
    /// The client must answer these `inputRequests` first.
    Asked(Raw),
}

impl Running {
    pub(super) async fn next(&mut self) -> Step {
        tokio::select! {
            biased;
            reply = &mut self.reply => Step::Reply(reply),
            requests = self.client.round.asked() => Step::Asked(requests),
        }
    }
}

/// Calls that wait for their clients.
pub(super) struct Held {
    /// With this begins every `requestState` of ours. Backends have their own; one that is such a
    /// host itself has another.
    ours: String,
    calls: Mutex<HashMap<String, Waiting>>,
    /// Cancelled when the host stops: no client can come back any more.
    end: CancellationToken,
}

struct Waiting {
    about: About,
    wanted: oneshot::Sender<oneshot::Sender<Running>>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            ours: format!("config-sync.{}.", uuid::Uuid::new_v4()),
            calls: Mutex::default(),
            end: CancellationToken::new(),
        }
    }
}

impl Held {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a call that needs these answers. Gives the result that says so.
    pub(super) fn hold(
        self: &Arc<Self>,
        running: Running,
        requests: Raw,
        tasks: &TaskTracker,
    ) -> Reply {
        let state = format!("{}{}", self.ours, uuid::Uuid::new_v4());
        let (wanted, wants) = oneshot::channel();
        let waiting = Waiting {
            about: running.about.clone(),
            wanted,
        };
        if self.end.is_cancelled() {
            return Err(CallError::try_later("the host stops", None));
        }
        let mut calls = self.calls();
        if calls.len() >= CALLS {
            return Err(CallError::try_later(
                format!("{CALLS} calls wait for answers of their clients"),
                None,
            ));
        }
        calls.insert(state.clone(), waiting);
        drop(calls);
        let (held, key) = (Arc::clone(self), state.clone());
        tasks.spawn(async move { held.keep(running, &key, wants).await });
        let text = |text: &str| raw_of(&text).unwrap_or_default();
        let result: Members = [
            ("resultType".to_owned(), text("input_required")),
            ("inputRequests".to_owned(), requests),
            ("requestState".to_owned(), text(&state)),
        ]
        .into_iter()
        .collect();
        Ok(result.to_raw())
    }

    /// Lets the call go on while its client thinks, for a while.
    async fn keep(
        &self,
        mut running: Running,
        state: &str,
        mut wants: oneshot::Receiver<oneshot::Sender<Running>>,
    ) {
        let end = tokio::time::sleep(HELD);
        let mut end = std::pin::pin!(end);
        let mut ended = None;
        let wanted = loop {
            tokio::select! {
                wanted = &mut wants => break wanted.ok(),
                () = &mut end => break None,
                () = self.end.cancelled() => break None,
                reply = &mut running.reply, if ended.is_none() => ended = Some(reply),
            }
        };
        let Some(wanted) = wanted else {
            self.calls().remove(state);
            return;
        };
        if let Some(reply) = ended {
            running.reply.set(reply);
        }
        // Whoever wanted it may be gone; then it is taken back.
        let _ = wanted.send(running);
    }

    /// The call that these parameters go on with: `None` if they go on with none of ours.
    ///
    /// # Errors
    /// -32602: what they go on with is not there, or is another's.
    pub(super) async fn resume(
        &self,
        params: &Members,
        about: &About,
    ) -> Result<Option<Running>, RpcError> {
        let state = params.text("requestState");
        let Some(state) = state.filter(|state| state.starts_with(&self.ours)) else {
            return Ok(None);
        };
        let gone = || {
            let say = "`requestState` names no call that waits: it waits 10 minutes, for the same \
                       request of the same client, once";
            RpcError::new(RpcError::INVALID_PARAMS, say)
        };
        let waiting = {
            let mut calls = self.calls();
            let is_same = calls.get(&state).is_some_and(|it| it.about == *about);
            if is_same { calls.remove(&state) } else { None }
        };
        let waiting = waiting.ok_or_else(gone)?;
        let (give, given) = oneshot::channel();
        waiting.wanted.send(give).map_err(|_| gone())?;
        let running = given.await.map_err(|_| gone())?;
        let responses = params.object("inputResponses").unwrap_or_default();
        running.client.round.answer(&responses);
        Ok(Some(running))
    }

    /// Takes all back, and holds none from now on.
    pub(super) fn end(&self) {
        self.end.cancel();
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.calls().len()
    }
}
