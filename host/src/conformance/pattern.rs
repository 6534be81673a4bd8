//! One way of saving a file, and what a watcher should make of it.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Scene;
use super::text::edit;

/// How many settled changes are right. One counts when what a reload would read then differs
/// from what was loaded last; a file that is missing, empty or unreadable loads nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// None: the bytes end as they began.
    NoChange,
    /// Exactly one, with the final bytes.
    OneChange,
    /// Exactly so many, the last with the final bytes.
    Changes(u32),
    /// One at least and so many at most, the last with the final bytes: whether two edits are one
    /// change depends on when the watcher happens to look.
    UpTo(u32),
}

impl Expect {
    /// The counts that are right.
    pub fn range(self) -> RangeInclusive<u32> {
        match self {
            Self::NoChange => 0..=0,
            Self::OneChange => 1..=1,
            Self::Changes(count) => count..=count,
            Self::UpTo(most) => 1..=most,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChange => f.write_str("no change"),
            Self::OneChange => f.write_str("one change"),
            Self::Changes(count) => write!(f, "{count} changes"),
            Self::UpTo(most) => write!(f, "1 to {most} changes"),
        }
    }
}

/// Why a pattern was not played to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// This machine cannot play it: "`rsync` is not installed".
    #[error("skipped: {0}")]
    Skip(String),
    /// Something went wrong that has nothing to do with the watcher.
    #[error("the pattern itself failed: {0}")]
    Failed(String),
    /// The runner called it off ([`Scene::abandon`]).
    #[error("called off")]
    Abandoned,
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<nix::errno::Errno> for Halt {
    fn from(error: nix::errno::Errno) -> Self {
        Self::Failed(error.desc().to_owned())
    }
}

/// A pattern that was played to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The bytes that the pattern meant the file to end with.
    pub bytes: Vec<u8>,
    /// A step took so much longer than meant that the edits may have fallen into different
    /// debounce windows: a wrong count may be the machine's fault, so play the case again.
    pub stalled: Option<Duration>,
}

/// How the file comes to stand as it does before the watcher starts.
pub(super) type Prepare = fn(&Scene) -> Result<(), Halt>;
/// Saves the file, and says what it should hold in the end.
pub(super) type Save = fn(&Scene) -> Result<String, Halt>;

/// One way of saving a file.
///
/// A case is played like this: [`prepare`](Self::prepare); the host loads what stands there;
/// [`save`](Self::save) begins on a thread that may block, after the watcher is up (before it is,
/// if [`early`](Self::early)); when it has returned, the runner waits until the watcher had every
/// chance to notice, and counts.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// Unique and stable, for people filter by it: `git-checkout`.
    pub name: &'static str,
    /// What happens to the file, system call by system call where that matters.
    pub about: &'static str,
    /// How many settled changes are right.
    pub expect: Expect,
    /// Why modification time, size and inode do not tell the change. A detector that looks at
    /// nothing else may miss it until a look by content.
    pub mtime_blind: Option<&'static str>,
    /// Why the operating system reports no event, or none in time. A detector that lives on
    /// events alone may miss it until a look of another kind.
    pub events_blind: Option<&'static str>,
    /// How long a reload is to last in this case, counted from when it has read the file.
    pub reload_takes: Duration,
    /// The saving begins when the host has loaded the prepared file and before the watcher is
    /// there; [`Scene::start`] tells it that the watcher is up.
    pub early: bool,
    prepare: Prepare,
    save: Save,
}

impl Pattern {
    /// A plain file at first, one change.
    pub(super) const fn new(name: &'static str, about: &'static str, save: Save) -> Self {
        Self {
            name,
            about,
            expect: Expect::OneChange,
            mtime_blind: None,
            events_blind: None,
            reload_takes: Duration::ZERO,
            early: false,
            prepare: plain,
            save,
        }
    }

    pub(super) const fn prepared(self, prepare: Prepare) -> Self {
        Self { prepare, ..self }
    }

    pub(super) const fn expects(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    pub(super) const fn blind_to_mtime(self, why: &'static str) -> Self {
        Self {
            mtime_blind: Some(why),
            ..self
        }
    }

    pub(super) const fn blind_to_events(self, why: &'static str) -> Self {
        Self {
            events_blind: Some(why),
            ..self
        }
    }

    pub(super) const fn reload_takes(self, takes: Duration) -> Self {
        Self {
            reload_takes: takes,
            ..self
        }
    }

    pub(super) const fn early(self) -> Self {
        Self {
            early: true,
            ..self
        }
    }

    /// Puts the file as it stands before the watcher starts. Blocks.
    ///
    /// # Errors
    /// When this machine cannot play the case.
    pub fn prepare(&self, scene: &Scene) -> Result<(), Halt> {
        (self.prepare)(scene)
    }

    /// Saves the file. Blocks for as long as the case lasts, some seconds at most.
    ///
    /// # Errors
    /// When this machine cannot play the case, or the runner called it off.
    pub fn save(&self, scene: &Scene) -> Result<Done, Halt> {
        scene.begin();
        let text = (self.save)(scene)?;
        Ok(Done {
            bytes: text.into_bytes(),
            stalled: scene.end(),
        })
    }
}

/// A file of the first edit that was last saved an hour ago.
pub(super) fn plain(scene: &Scene) -> Result<(), Halt> {
    scene.put(&scene.path(), &edit(1))
}
