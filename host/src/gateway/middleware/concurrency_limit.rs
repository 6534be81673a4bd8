//! Concurrency limit: so many calls at the same time. One more waits for its turn, in order, but
//! not for ever; where it may not wait, or too many do, it is refused.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::key::Key;
use super::{Middleware, Next};
use crate::config::ConcurrencySettings;
use crate::gateway::{Call, CallError, Reply};

/// So many keys are kept before those without a call are looked for.
const KEYS_BEFORE_SWEEP: usize = 1024;

pub(super) struct ConcurrencyLimit {
    settings: ConcurrencySettings,
    turns: Mutex<HashMap<Key, Arc<Semaphore>>>,
    waiting: AtomicU64,
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConcurrencyLimit {
    pub(super) fn new(settings: &ConcurrencySettings) -> Self {
        Self {
            settings: settings.clone(),
            turns: Mutex::default(),
            waiting: AtomicU64::new(0),
        }
    }

    fn turns(&self, key: Key) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= KEYS_BEFORE_SWEEP && !turns.contains_key(&key) {
            // Whoever has a turn or waits for one holds the semaphore too.
            turns.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        // At most 10,000: the file cannot say more.
        let calls = usize::try_from(self.settings.calls).unwrap_or(usize::MAX);
        let semaphore = turns
            .entry(key)
            .or_insert_with(|| Arc::new(Semaphore::new(calls)));
        Arc::clone(semaphore)
    }

    /// A turn, now or soon.
    async fn turn(&self, turns: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if let Ok(turn) = Arc::clone(&turns).try_acquire_owned() {
            return Some(turn);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if self.settings.wait.is_zero() || before >= self.settings.queue {
            return None;
        }
        let turn = tokio::time::timeout(self.settings.wait, turns.acquire_owned());
        turn.await.ok()?.ok()
    }
}

impl Middleware for ConcurrencyLimit {
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        let Some(key) = Key::of(&call, self.settings.per, self.settings.tools.as_ref()) else {
            return next.run(call);
        };
        let turns = self.turns(key);
        Box::pin(async move {
            let turn = tokio::select! {
                turn = self.turn(turns) => turn,
                () = call.cancelled.cancelled() => return Err(CallError::cancelled()),
            };
            let Some(_turn) = turn else {
                return Err(CallError::try_later(
                    format!(
                        "`{}` has to wait: {} calls at the same time are under way",
                        call.shown_as, self.settings.calls
                    ),
                    None,
                ));
            };
            next.run(call).await
        })
    }
}
