//! Whoever remembers, called off the async threads: a disk may take its time; and the record of
//! an attempt that is handed to them.

use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use super::course::Course;
use super::reloader::Reloader;
use super::{Digests, LastGood, Memory, Outcome, Record, Trigger};
use crate::target::Digest;

/// A disk that has not answered by then hangs, and a reload does not wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// [`Memory`], for async code. One call at a time, in order, because the reloader awaits each.
#[derive(Clone)]
pub(super) struct Keeper {
    memory: Arc<Mutex<Box<dyn Memory>>>,
}

impl Keeper {
    pub(super) fn new(memory: Box<dyn Memory>) -> Self {
        Self {
            memory: Arc::new(Mutex::new(memory)),
        }
    }

    pub(super) async fn last_good(&self) -> Option<LastGood> {
        self.with(|memory| memory.last_good()).await.flatten()
    }

    pub(super) async fn began(&self, started: String, trigger: Trigger) {
        self.with(move |memory| memory.began(&started, trigger))
            .await;
    }

    pub(super) async fn serves(&self, generation: u64, bytes: Arc<[u8]>) {
        self.with(move |memory| memory.serves(generation, &bytes))
            .await;
    }

    pub(super) async fn ended(&self, record: Record) {
        self.with(move |memory| memory.ended(&record)).await;
    }

    async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut dyn Memory) -> T + Send + 'static,
    ) -> Option<T> {
        let memory = Arc::clone(&self.memory);
        let asked = move || match memory.try_lock() {
            Ok(mut memory) => Some(ask(memory.as_mut())),
            Err(TryLockError::Poisoned(memory)) => Some(ask(memory.into_inner().as_mut())),
            // A call before this one hangs.
            Err(TryLockError::WouldBlock) => None,
        };
        let answer = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(asked)).await;
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(%error, "what happened could not be kept");
                None
            }
            Err(_) => {
                tracing::error!(
                    "the disk of the state folder hangs; serving goes on, and nothing is kept until it answers"
                );
                None
            }
        }
    }
}

impl Reloader {
    /// Hands the story of an attempt to whoever remembers.
    pub(super) async fn keep(
        &self,
        trigger: Trigger,
        mut course: Course,
        outcome: &Outcome,
        seen: Option<Digest>,
    ) {
        course.end();
        let swapped = outcome.swapped().cloned().unwrap_or_default();
        let text = |digest: Digest| digest.to_string();
        let record = Record {
            phases: course.phases().to_vec(),
            started: course.started,
            trigger,
            detector: course.detector,
            writer: None,
            digests: Digests {
                seen: seen.map(text),
                applied: self.applied.as_ref().map(|applied| text(applied.digest)),
                rejected: self.rejected.as_ref().map(|rejected| text(rejected.digest)),
            },
            differences: course.differences,
            outcome: outcome.kind(),
            reasons: outcome.reasons(),
            generation: self.gateway.current().generation,
            backends_started: swapped.started,
            backends_stopped: swapped.stopped,
        };
        self.keeper.ended(record).await;
    }
}
