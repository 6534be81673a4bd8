//! One look at the target: arm the events again, ask the detector, compare by content when that
//! is due. Runs beside the watcher on a thread of its own, since any of it may block on a dead
//! file system; so it takes all it needs along and brings it back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Detector, Observation, Wake};
use crate::events::{Fault, FaultKind};
use crate::target::{Digest, FileError, Target};

/// Puts watches of the operating system on the way to the target. A port, so that tests need
/// no operating system.
pub trait Arm: Send + 'static {
    /// Arms what is not armed. May block.
    fn arm(&mut self) -> Armed;
}

/// How arming went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// A watch is new: what happened before it was there went unseen.
    pub renewed: bool,
    /// Why events cannot be trusted, with the remedy.
    pub trouble: Option<String>,
}

/// All that a look needs, and what must survive it.
pub(super) struct Look {
    pub(super) target: Arc<dyn Target>,
    pub(super) arm: Box<dyn Arm>,
    pub(super) detector: Box<dyn Detector>,
    pub(super) memory: Option<Vec<u8>>,
}

/// What to do in one look.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    /// What to tell the detector; `None` leaves it in peace.
    pub(super) wake: Option<Wake>,
    /// Compute the digest as well.
    pub(super) by_content: bool,
}

/// What a look found.
pub(super) struct Looked {
    pub(super) armed: Armed,
    pub(super) observation: Option<Result<Observation, Fault>>,
    pub(super) digest: Option<Result<Digest, FileError>>,
}

impl Look {
    /// Looks. Even a defect of the host on the way leaves the watcher able to look again.
    pub(super) fn run(&mut self, task: &Task) -> Looked {
        // Whatever was half done is done anew by the next look: memory is only ever replaced whole.
        let looked = catch_unwind(AssertUnwindSafe(|| self.look(task)));
        looked.unwrap_or_else(|_| Looked {
            armed: Armed {
                renewed: false,
                trouble: Some("arming failed".to_owned()),
            },
            observation: Some(Err(Fault {
                plugin: self.detector.name().to_owned(),
                call: "observe",
                kind: FaultKind::Trap,
                message: "a defect of the host; its log has the place".to_owned(),
            })),
            digest: None,
        })
    }

    fn look(&mut self, task: &Task) -> Looked {
        let armed = self.arm.arm();
        let unseen = armed.renewed && self.detector.wakes().events;
        let wake = match &task.wake {
            Some(Wake::Start) => Some(Wake::Start),
            // What happened while there was no watch can only be found by looking.
            _ if unseen && self.memory.is_some() => Some(Wake::Overflow),
            other => other.clone(),
        };
        let observation = wake.map(|wake| {
            self.detector
                .observe(&self.target, &wake, self.memory.as_deref())
        });
        if let Some(Ok(observation)) = &observation {
            self.memory = Some(observation.memory.clone());
        }
        let digest = task.by_content.then(|| self.target.digest());
        Looked {
            armed,
            observation,
            digest,
        }
    }
}
