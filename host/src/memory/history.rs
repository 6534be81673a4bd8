//! The journal as people look it up: whole attempts, oldest first. Reads the files alone, so it
//! needs no running host and disturbs none.

use std::collections::BTreeMap;
use std::path::Path;

use super::entry::JournalLine;
use crate::state::{Folder, Lines, StateError};

/// What the journal says.
#[derive(Debug, Default)]
pub struct History {
    /// Each attempt once, by its number.
    pub attempts: Vec<JournalLine>,
    /// Lines that nobody can read.
    pub damaged: usize,
}

/// What the journal for `watched` (absolute) in `root` says.
///
/// # Errors
/// When the system refuses to read it. That there is none is no error.
pub fn history(root: &Path, watched: &Path) -> Result<History, StateError> {
    of(&Folder::of(root, watched))
}

pub(super) fn of(folder: &Folder) -> Result<History, StateError> {
    let mut attempts = BTreeMap::new();
    let mut damaged = 0;
    for line in Lines::read(folder)? {
        match JournalLine::from_line(&line) {
            // What has ended is more than what has begun, in whichever order they come.
            Some(JournalLine::Begun(begun)) => {
                attempts
                    .entry(begun.id)
                    .or_insert(JournalLine::Begun(begun));
            }
            Some(ended) => {
                attempts.insert(ended.id(), ended);
            }
            None => damaged += 1,
        }
    }
    Ok(History {
        attempts: attempts.into_values().collect(),
        damaged,
    })
}
