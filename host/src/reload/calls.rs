//! Whoever calls for a reload: the watcher, a signal, the API. Calls that come together are one,
//! and the reload reads the bytes that are newest then.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Trigger;
use crate::target::{Digest, Target};
use crate::watch::Settled;

/// Why an attempt is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The file holds other bytes by now.
    Newer,
    /// The host stops.
    Stopping,
}

/// The ends of the wires on which reloads are called for.
#[derive(Debug)]
pub(super) struct Calls {
    settled: mpsc::UnboundedReceiver<Settled>,
    asked: mpsc::Receiver<Trigger>,
    cancel: CancellationToken,
    /// Heard, and not yet answered.
    waiting: Option<Trigger>,
    /// What the watcher saw come to rest last.
    newest: Option<Settled>,
}

impl Calls {
    pub(super) fn new(
        settled: mpsc::UnboundedReceiver<Settled>,
        asked: mpsc::Receiver<Trigger>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            settled,
            asked,
            cancel,
            waiting: None,
            newest: None,
        }
    }

    /// The next call, with all that came together with it, and what the watcher saw come to rest
    /// last. Cancel safe.
    pub(super) async fn next(&mut self) -> (Trigger, Option<Settled>) {
        self.hear().await;
        while let Ok(trigger) = self.asked.try_recv() {
            self.add(trigger);
        }
        while let Ok(settled) = self.settled.try_recv() {
            self.newest = Some(settled);
            self.add(Trigger::Detector);
        }
        let trigger = self.waiting.take().unwrap_or(Trigger::Detector);
        (trigger, self.newest.take())
    }

    /// Comes back when the host stops.
    pub(super) async fn stopping(&self) {
        self.cancel.cancelled().await;
    }

    /// Comes back when an attempt at these bytes is no longer worth its while. A call that finds
    /// the same bytes is answered by the attempt that runs.
    pub(super) async fn cut(&mut self, target: &Arc<dyn Target>, digest: Digest) -> Cut {
        let cancel = self.cancel.clone();
        let newer = async {
            loop {
                self.hear().await;
                let target = Arc::clone(target);
                let now = tokio::task::spawn_blocking(move || target.digest()).await;
                match now {
                    Ok(Ok(now)) if now == digest => (self.waiting, self.newest) = (None, None),
                    Ok(Ok(_)) => return,
                    // Not to be read just now: the call is answered after this attempt.
                    _ => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => Cut::Stopping,
            () = newer => Cut::Newer,
        }
    }

    /// Comes back when a call waits.
    async fn hear(&mut self) {
        if self.waiting.is_some() {
            return;
        }
        let trigger = tokio::select! {
            biased;
            Some(trigger) = self.asked.recv() => trigger,
            Some(settled) = self.settled.recv() => {
                self.newest = Some(settled);
                Trigger::Detector
            }
            else => std::future::pending().await,
        };
        self.add(trigger);
    }

    /// Who wants it by force is heard over who only saw a change.
    fn add(&mut self, trigger: Trigger) {
        match self.waiting {
            Some(waiting) if waiting.is_forced() || !trigger.is_forced() => {}
            _ => self.waiting = Some(trigger),
        }
    }
}
