//! Whoever calls for a reload: the watcher, a signal, the API. Calls that come together are one,
//! and the reload reads the bytes that are newest then.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Last, Trigger};
use crate::target::{Digest, Target};
use crate::watch::Settled;

/// Somebody calls for a reload.
#[derive(Debug)]
pub struct Ask {
    trigger: Trigger,
    /// Where to say how the attempt ended that has read the file after this call.
    told: Option<oneshot::Sender<Last>>,
}

impl Ask {
    /// Of somebody who wants to hear how it ends. Dropped without a word when the host stops.
    pub fn to_be_told(trigger: Trigger) -> (Self, oneshot::Receiver<Last>) {
        let (told, hears) = oneshot::channel();
        let told = Some(told);
        (Self { trigger, told }, hears)
    }
}

/// Of somebody who does not wait for it.
impl From<Trigger> for Ask {
    fn from(trigger: Trigger) -> Self {
        Self {
            trigger,
            told: None,
        }
    }
}

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
    asked: mpsc::Receiver<Ask>,
    cancel: CancellationToken,
    /// Heard, and not yet answered.
    waiting: Option<Trigger>,
    /// What the watcher saw come to rest last.
    newest: Option<Settled>,
    /// Who wants to be told, and was heard by no attempt yet.
    heard: Vec<oneshot::Sender<Last>>,
    /// Who is told how the attempt that runs, or the one that follows it at once, has ended.
    answering: Vec<oneshot::Sender<Last>>,
    /// Answered by the attempt that runs.
    joined: Option<Trigger>,
}

impl Calls {
    pub(super) fn new(
        settled: mpsc::UnboundedReceiver<Settled>,
        asked: mpsc::Receiver<Ask>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            settled,
            asked,
            cancel,
            waiting: None,
            newest: None,
            heard: Vec::new(),
            answering: Vec::new(),
            joined: None,
        }
    }

    /// The next call, with all that came together with it, and what the watcher saw come to rest
    /// last. Cancel safe.
    pub(super) async fn next(&mut self) -> (Trigger, Option<Settled>) {
        self.hear().await;
        while let Ok(ask) = self.asked.try_recv() {
            self.take(ask);
        }
        while let Ok(settled) = self.settled.try_recv() {
            self.newest = Some(settled);
            self.add(Trigger::Detector);
        }
        let trigger = self.waiting.take().unwrap_or(Trigger::Detector);
        self.answering.append(&mut self.heard);
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
                    Ok(Ok(now)) if now == digest => self.join(),
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
            Some(ask) = self.asked.recv() => return self.take(ask),
            Some(settled) = self.settled.recv() => {
                self.newest = Some(settled);
                Trigger::Detector
            }
            else => std::future::pending().await,
        };
        self.add(trigger);
    }

    /// What waits is about the bytes of the attempt that runs.
    fn join(&mut self) {
        self.newest = None;
        self.joined = weightier(self.waiting.take(), self.joined);
        self.answering.append(&mut self.heard);
    }

    /// What called for the attempt that has just run beside what began it.
    pub(super) fn joined(&mut self) -> Option<Trigger> {
        self.joined.take()
    }

    /// Tells those who wait how it ended.
    pub(super) fn answer(&mut self, last: &Last) {
        for told in self.answering.drain(..) {
            // Who left does not want to know.
            let _ = told.send(last.clone());
        }
    }

    fn take(&mut self, ask: Ask) {
        self.heard.extend(ask.told);
        self.add(ask.trigger);
    }

    fn add(&mut self, trigger: Trigger) {
        self.waiting = weightier(Some(trigger), self.waiting);
    }
}

/// Who wants it by force is heard over who only saw a change, and who ends a pause by it over all.
fn weightier(one: Option<Trigger>, other: Option<Trigger>) -> Option<Trigger> {
    let weight = |it: &Trigger| (*it == Trigger::Hangup, it.is_forced());
    [one, other].into_iter().flatten().max_by_key(weight)
}
