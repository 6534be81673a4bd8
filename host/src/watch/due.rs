//! What is due: at one file, at all, and on the way to them.

use std::collections::HashMap;
use std::path::PathBuf;

use super::FileEvent;

/// What is due at a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Due {
    pub(super) start: bool,
    pub(super) tick: bool,
    pub(super) events: Vec<FileEvent>,
    pub(super) overflow: bool,
    pub(super) by_content: bool,
    /// Whether it has come to rest.
    pub(super) rest: bool,
    /// By events, it was written to and not closed since.
    pub(super) written: bool,
}

impl Due {
    /// The first look, whoever the detector is.
    pub(super) fn from_scratch() -> Self {
        Self {
            start: true,
            by_content: true,
            ..Self::default()
        }
    }

    /// Another component has taken over what the one before it remembers. Whether it can make
    /// sense of that, only the content tells.
    pub(super) fn after_a_swap() -> Self {
        Self {
            overflow: true,
            by_content: true,
            ..Self::default()
        }
    }

    pub(super) fn any(&self) -> bool {
        self.start
            || self.tick
            || !self.events.is_empty()
            || self.overflow
            || self.by_content
            || self.rest
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.start |= other.start;
        self.tick |= other.tick;
        self.events.extend_from_slice(&other.events);
        self.overflow |= other.overflow;
        self.by_content |= other.by_content;
        self.rest |= other.rest;
        self.written |= other.written;
    }
}

/// What of the way to the files must be looked at again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Afresh {
    #[default]
    Nothing,
    /// Files that were named, and paths in watched folders.
    At(Vec<PathBuf>),
    Everything,
}

impl Afresh {
    /// Beyond so many paths, everything is the lesser work.
    const MOST: usize = 64;

    pub(super) fn add(&mut self, path: PathBuf) {
        match self {
            Self::Everything => {}
            Self::At(paths) if paths.contains(&path) => {}
            Self::At(paths) if paths.len() < Self::MOST => paths.push(path),
            Self::At(_) => *self = Self::Everything,
            Self::Nothing => *self = Self::At(vec![path]),
        }
    }
}

/// What to do in one look.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    pub(super) afresh: Afresh,
    /// Due at every file.
    pub(super) all: Due,
    /// Due at some, by number, besides.
    pub(super) some: HashMap<usize, Due>,
    /// There is no debounce: a change is to be looked at for rest in the same look.
    pub(super) at_once: bool,
    /// Events were lost, or cannot be trusted: whoever lives on them must look by itself.
    pub(super) mistrust: bool,
}
