//! Where a look runs: beside the watcher, at most one, its end awaited; or in place, where nothing
//! can keep it waiting.

use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::due::Job;
use super::look::{Findings, Look};

/// A look that takes longer hangs, most likely on a network file system that is gone.
pub(super) const SLOW: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct UnderWay(Option<Running>);

struct Running {
    handle: JoinHandle<(Look, Findings)>,
    since: Instant,
    told: bool,
}

impl UnderWay {
    /// Starts a look on a thread that may block.
    pub(super) fn start(&mut self, mut look: Look, job: Job, now: Instant) {
        let handle = tokio::task::spawn_blocking(move || {
            let findings = look.run(&job);
            (look, findings)
        });
        self.0 = Some(Running {
            handle,
            since: now,
            told: false,
        });
    }

    /// Its end, and whether it had been told to be slow; never, while there is none. Cancel safe.
    pub(super) async fn ends(&mut self) -> (Look, Findings, bool) {
        loop {
            let Some(running) = &mut self.0 else {
                return std::future::pending().await;
            };
            let ended = (&mut running.handle).await;
            let told = running.told;
            self.0 = None;
            match ended {
                Ok((look, findings)) => return (look, findings, told),
                // Only a defect of the host or the end of the runtime brings us here.
                Err(error) => tracing::error!(%error, "a look was lost, and watching with it"),
            }
        }
    }

    /// Whether it has become slow; says so once.
    pub(super) fn became_slow(&mut self, now: Instant) -> bool {
        let slow = |running: &&mut Running| !running.told && now > running.since + SLOW;
        match self.0.as_mut().filter(slow) {
            Some(running) => {
                running.told = true;
                true
            }
            None => false,
        }
    }
}

/// Runs what blocks for a moment on this very thread, which other tasks leave meanwhile if they
/// can.
pub(super) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
