//! The port behind which detection strategies stand. The words are those of `wit/detector.wit`.

use crate::events::Fault;
use crate::target::Target;

/// What the operating system says happened on the way to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileEvent {
    /// Something appeared.
    Created,
    /// Bytes were written; more may follow.
    Written,
    /// A writer closed it.
    Closed,
    /// It was renamed, or something was renamed to it.
    Renamed,
    /// It is gone.
    Removed,
    /// Times, mode or owner changed.
    Metadata,
}

/// Why the host asks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// The first look: take the baseline.
    Start,
    /// The poll interval has passed.
    Tick,
    /// The operating system reported these, oldest first.
    Events(Vec<FileEvent>),
    /// Events were lost or cannot be trusted: look again from scratch.
    Overflow,
}

/// What a detector wants to be woken for. [`Wake::Start`] and [`Wake::Overflow`] come always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wakes {
    /// The poll timer.
    pub tick: bool,
    /// Events of the operating system.
    pub events: bool,
}

/// What a detector found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it was.
    Unchanged,
    /// Not as it was.
    Changed,
    /// Not there, or not a file that can be read.
    Missing,
}

/// A detector's answer to one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What it found.
    pub verdict: Verdict,
    /// What it wants back at its next look.
    pub memory: Vec<u8>,
    /// For the event log; empty when there is nothing to tell.
    pub note: String,
}

/// A strategy that decides whether the target has changed. It holds no state that matters: its
/// memory is handed to it at each look, so it may be replaced between two.
pub trait Detector: Send + 'static {
    /// Its name, as `detection:` says it.
    fn name(&self) -> &str;

    /// What to wake it for.
    fn wakes(&self) -> Wakes;

    /// One look. Blocks as long as the target's file system does.
    ///
    /// # Errors
    /// Any [`Fault`] of the plugin; the look is lost, the change is not.
    fn observe(
        &mut self,
        target: &std::sync::Arc<dyn Target>,
        wake: &Wake,
        memory: Option<&[u8]>,
    ) -> Result<Observation, Fault>;
}

/// Where detectors come from.
pub trait Detectors: Send + Sync + 'static {
    /// A fresh detector of this name.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String>;

    /// A number that changes whenever another component stands behind this name.
    fn edition(&self, _name: &str) -> u64 {
        0
    }

    /// The detector that takes over when another is no longer asked. It needs nothing but the
    /// bytes, and nobody can put another in its place.
    ///
    /// # Errors
    /// Why there is none.
    fn last_resort(&self) -> Result<Box<dyn Detector>, String>;

    /// The names that [`Detectors::detector`] knows.
    fn names(&self) -> Vec<String>;
}
