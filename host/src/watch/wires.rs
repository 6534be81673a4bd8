//! What a watcher is connected to: its orders come in, settled changes go out.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Arm, Detectors, Hearing, Inbox};
use crate::config::SyncSettings;
use crate::events::EventBus;
use crate::target::{Digest, Target};

/// What the watcher is told to do. A new value takes effect at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Orders {
    /// The `sync:` section in force.
    pub settings: SyncSettings,
    /// Watching has been stopped by `on_failure: stop`.
    pub stopped: bool,
    /// Watching has been paused by somebody.
    pub paused: bool,
    /// How often somebody has wanted watching to go on, whatever had stopped it.
    pub resumed: u64,
    /// What is known of the content,
    pub baseline: Baseline,
    /// by so many reads: each tells anew, also what the one before told.
    pub reads: u64,
}

/// What whoever takes the changes knows of the content already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// Whatever the first look finds.
    Found,
    /// Nothing: whatever comes is new.
    Nothing,
    /// The bytes of this digest; it read them last.
    Content(Digest),
}

impl Baseline {
    pub(super) fn content(self) -> Option<Digest> {
        match self {
            Self::Content(digest) => Some(digest),
            Self::Found | Self::Nothing => None,
        }
    }
}

/// A file changed and came to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Which, as configured.
    pub path: Arc<Path>,
    /// What it says now.
    pub digest: Digest,
    /// What found the change.
    pub found_by: FoundBy,
    /// The name of the detector that looked.
    pub detector: String,
    /// The bytes are those that were settled or read before: it was written again, or touched.
    pub same: bool,
}

/// What found a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// The detector.
    Detector,
    /// A look by content at a file that the detector begins with, or that was away or not to be
    /// read for a while: what was known before decides.
    Afresh,
    /// A look by content, the detector having missed it: at each `safety_interval`, and oftener
    /// while somebody has the file open for writing.
    Content,
}

/// What a watcher is connected to.
pub struct Wires {
    /// The files that are watched from the beginning.
    pub targets: Vec<Arc<dyn Target>>,
    /// Puts watches of the operating system on the way to them.
    pub arm: Box<dyn Arm>,
    /// Where those deliver.
    pub inbox: Arc<Inbox>,
    /// Where detectors come from.
    pub detectors: Arc<dyn Detectors>,
    /// What to do; it ends when nobody can give orders any more.
    pub orders: watch::Receiver<Option<Orders>>,
    /// Where settled changes go.
    pub settled: mpsc::UnboundedSender<Settled>,
    /// How it hears; `None` until the baseline is taken and the watches are in place.
    pub hearing: watch::Sender<Option<Hearing>>,
    /// When it is looked whether the change under way has settled; `None` while there is none.
    /// Of the first file.
    pub settling: watch::Sender<Option<Instant>>,
    /// Where everything else is told.
    pub bus: EventBus,
}
