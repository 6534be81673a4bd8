//! The port behind which the operating system's watches stand, and what arming them tells. Never
//! looks at a file's content.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Puts watches of the operating system on the way to the files. A port, so that tests need
/// no operating system. May block.
pub trait Arm: Send + 'static {
    /// Arms what is not armed.
    fn arm(&mut self) -> Armed;

    /// The same for one path: a file that was named, or what is new in a watched folder.
    fn arm_at(&mut self, path: &Path) -> Armed;
}

/// How arming went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Armed {
    /// Where watches are new.
    pub unseen: Unseen,
    /// Why events cannot be trusted, with the remedy.
    pub trouble: Option<String>,
    /// Everything lies on file systems of this machine, which answer at once.
    pub local: bool,
    /// The files in watched folders.
    pub found: Vec<PathBuf>,
}

/// Where something may have happened that nobody saw, before a watch was there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Unseen {
    /// Nowhere.
    #[default]
    Nothing,
    /// At these files, and the files in these folders.
    At(HashSet<PathBuf>),
    /// Anywhere.
    Everything,
}

impl Unseen {
    pub(super) fn add(&mut self, path: PathBuf) {
        match self {
            Self::Everything => {}
            Self::At(paths) => _ = paths.insert(path),
            Self::Nothing => *self = Self::At(HashSet::from([path])),
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::Nothing) | (Self::Everything, _) => {}
            (Self::At(paths), Self::At(more)) => paths.extend(more),
            (_, other) => *self = other,
        }
    }

    pub(super) fn covers(&self, path: &Path) -> bool {
        match self {
            Self::Nothing => false,
            Self::At(paths) => {
                paths.contains(path) || path.parent().is_some_and(|it| paths.contains(it))
            }
            Self::Everything => true,
        }
    }
}

impl Armed {
    pub(super) fn untrusted(reason: String) -> Self {
        Self {
            trouble: Some(reason),
            ..Self::default()
        }
    }
}
