//! Whoever remembers, called off the async threads: a disk may take its time.

use std::sync::{Arc, Mutex, PoisonError};

use super::{LastGood, Memory, Record, Trigger};

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

    pub(super) async fn ended(&self, record: Record, serves: Option<Arc<[u8]>>) {
        self.with(move |memory| memory.ended(&record, serves.as_deref()))
            .await;
    }

    async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut dyn Memory) -> T + Send + 'static,
    ) -> Option<T> {
        let memory = Arc::clone(&self.memory);
        let asked = move || {
            ask(memory
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_mut())
        };
        match tokio::task::spawn_blocking(asked).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::error!(%error, "what happened could not be kept");
                None
            }
        }
    }
}
