//! The way back: writes an earlier good configuration over the watched file, as a save of its own,
//! when somebody asks for it. What it writes over is kept first.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::entry::JournalLine;
use super::{good, history, writer};
use crate::config::MAX_BYTES;
use crate::manage;
use crate::reload::OutcomeKind;
use crate::state::{Copies, Folder, Kept, StateError, overwrite, write_whole};
use crate::target::{Digest, FileError, LocalFile, Target};

/// Overwritten files that are kept; a restore is a rare thing.
const MOST_OVERWRITTEN: usize = 50;

/// Why nothing was restored. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is nothing to go back to.
    #[error(
        "no earlier configuration of {watched} is kept in {place}; a host that serves it keeps one \
         as soon as it applies it"
    )]
    Nothing {
        /// The file.
        watched: String,
        /// Where copies would be.
        place: String,
    },
    /// That one is not kept.
    #[error("generation {wanted} is not kept; there are {there}")]
    NotKept {
        /// What was asked for.
        wanted: u64,
        /// What could be.
        there: String,
    },
    /// The file holds it already.
    #[error("{watched} holds generation {generation} already, byte for byte")]
    Same {
        /// The file.
        watched: String,
        /// What was asked for.
        generation: u64,
        /// SHA-256 of it, in hex.
        digest: String,
    },
    /// The copy has changed since it was kept.
    #[error(
        "{0} is damaged: its bytes do not have the digest in its name; restore another generation"
    )]
    Damaged(String),
    /// What stands there cannot be kept, so it is not written over.
    #[error("{watched} cannot be kept, so it is not written over: {error}; move it away first")]
    NotReadable {
        /// The file.
        watched: String,
        /// Why.
        error: FileError,
    },
    /// The system refused.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What was done.
#[derive(Debug)]
pub struct Restored {
    /// Which one.
    pub generation: u64,
    /// SHA-256 of what the file holds now, in hex.
    pub digest: String,
    /// The file that was written, at the end of all links.
    pub file: PathBuf,
    /// It is ours now: the owner could not be kept.
    pub owner_lost: bool,
    /// Where what the file held is now; nothing when there was no file.
    pub overwritten: Option<PathBuf>,
}

impl From<Restored> for manage::Restored {
    fn from(done: Restored) -> Self {
        Self {
            generation: done.generation,
            digest: done.digest,
            file: done.file.display().to_string(),
            owner_lost: done.owner_lost,
            overwritten: done.overwritten.map(|path| path.display().to_string()),
        }
    }
}

/// Writes the configuration of generation `to` over the file at `watched` (absolute), or without
/// `to` the newest that differs from what the file holds.
///
/// # Errors
/// Why the file is as it was.
pub fn restore(root: &Path, watched: &Path, to: Option<u64>) -> Result<Restored, RestoreError> {
    let folder = Folder::of(root, watched);
    let name = || watched.display().to_string();
    let now = match LocalFile::new(watched).read_all(MAX_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(FileError::NotFound) => None,
        Err(error) => {
            return Err(RestoreError::NotReadable {
                watched: name(),
                error,
            });
        }
    };
    let holds = now.as_deref().map(|bytes| Digest::of(bytes).to_string());
    let copies = Copies::of(&folder).list()?;
    let chosen = match to {
        Some(wanted) => of_generation(&folder, &copies, wanted)?,
        None => copies
            .iter()
            .rev()
            .find(|copy| Some(&copy.digest) != holds.as_ref()),
    };
    let Some(copy) = chosen else {
        return Err(match to {
            Some(wanted) if !copies.is_empty() => RestoreError::NotKept {
                wanted,
                there: listed(&copies),
            },
            _ => RestoreError::Nothing {
                watched: name(),
                place: folder.path().display().to_string(),
            },
        });
    };
    let generation = to.unwrap_or(copy.generation);
    if Some(&copy.digest) == holds.as_ref() {
        return Err(RestoreError::Same {
            watched: name(),
            generation,
            digest: copy.digest.clone(),
        });
    }
    let bytes =
        good::read(copy)?.ok_or_else(|| RestoreError::Damaged(copy.path.display().to_string()))?;
    let _hold = folder.hold_for_restore()?;
    let kept = now
        .as_deref()
        .map(|now| keep_overwritten(&folder, now))
        .transpose()?;
    let written = overwrite(watched, now.as_deref(), &bytes)?;
    // The file is restored, whether or not the journal will know by whom.
    let _ = writer::leave_note(watched, &folder);
    Ok(Restored {
        generation,
        digest: copy.digest.clone(),
        file: written.file,
        owner_lost: written.owner_lost,
        overwritten: kept,
    })
}

/// The copy of this generation. One that a host started with has none of its own: the journal
/// knows the digest, and an earlier copy has the bytes.
fn of_generation<'a>(
    folder: &Folder,
    copies: &'a [Kept],
    wanted: u64,
) -> Result<Option<&'a Kept>, StateError> {
    let own = copies.iter().rev().find(|copy| copy.generation == wanted);
    if own.is_some() {
        return Ok(own);
    }
    let attempts = history::of(folder)?.attempts;
    let digest = attempts.iter().rev().find_map(|attempt| match attempt {
        JournalLine::Ended(entry)
            if entry.record.outcome == OutcomeKind::Applied
                && entry.record.generation == wanted =>
        {
            entry.record.digests.applied.as_ref()
        }
        _ => None,
    });
    Ok(digest.and_then(|digest| copies.iter().rev().find(|copy| copy.digest == *digest)))
}

fn listed(copies: &[Kept]) -> String {
    let mut generations: Vec<_> = copies.iter().map(|copy| copy.generation).collect();
    generations.dedup();
    let listed: Vec<_> = generations.iter().map(u64::to_string).collect();
    listed.join(", ")
}

/// Keeps the bytes, and lets the oldest of their kind go where they are too many.
fn keep_overwritten(folder: &Folder, bytes: &[u8]) -> Result<PathBuf, StateError> {
    let place = folder.overwritten();
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ");
    let path = place.join(format!("{time}-{}.yaml", Digest::of(bytes).short()));
    write_whole(&path, bytes)?;
    let mut older: Vec<_> = fs::read_dir(&place)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    older.sort();
    for old in older.iter().rev().skip(MOST_OVERWRITTEN) {
        // One too many does no harm.
        let _ = fs::remove_file(old);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(root: &Path, watched: &Path, all: &[(u64, &str)]) {
        let folder = Folder::of(root, watched);
        drop(folder.hold().unwrap());
        let copies = Copies::of(&folder);
        for (generation, text) in all {
            let digest = Digest::of(text.as_bytes()).to_string();
            copies.keep(*generation, &digest, text.as_bytes()).unwrap();
        }
    }

    struct Place {
        folder: tempfile::TempDir,
        root: PathBuf,
        watched: PathBuf,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        Place {
            root: folder.path().join("state"),
            watched: folder.path().join("config.yaml"),
            folder,
        }
    }

    #[test]
    fn without_a_number_it_is_the_newest_that_differs() {
        let place = place();
        kept(&place.root, &place.watched, &[(1, "one"), (2, "two")]);
        // Broken: back to what served.
        fs::write(&place.watched, "broken").unwrap();
        let done = restore(&place.root, &place.watched, None).unwrap();
        assert_eq!(done.generation, 2);
        assert_eq!(fs::read_to_string(&place.watched).unwrap(), "two");
        assert_eq!(
            fs::read_to_string(done.overwritten.unwrap()).unwrap(),
            "broken"
        );
        // What serves is not wanted: back to what served before.
        let done = restore(&place.root, &place.watched, None).unwrap();
        assert_eq!(done.generation, 1);
        assert_eq!(fs::read_to_string(&place.watched).unwrap(), "one");
    }

    #[test]
    fn a_missing_file_is_made_and_nothing_was_overwritten() {
        let place = place();
        kept(&place.root, &place.watched, &[(1, "one")]);
        let done = restore(&place.root, &place.watched, Some(1)).unwrap();
        assert_eq!(done.overwritten, None);
        assert_eq!(fs::read_to_string(&place.watched).unwrap(), "one");
        let again = restore(&place.root, &place.watched, Some(1)).unwrap_err();
        assert!(
            again.to_string().contains("holds generation 1 already"),
            "{again}"
        );
    }

    #[test]
    fn what_is_not_kept_is_said_with_what_is() {
        let place = place();
        let nothing = restore(&place.root, &place.watched, None).unwrap_err();
        assert!(
            nothing
                .to_string()
                .starts_with("no earlier configuration of"),
            "{nothing}"
        );
        kept(&place.root, &place.watched, &[(3, "x"), (5, "y")]);
        let error = restore(&place.root, &place.watched, Some(4)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "generation 4 is not kept; there are 3, 5"
        );
    }

    #[test]
    fn what_cannot_be_kept_is_not_written_over() {
        let place = place();
        kept(&place.root, &place.watched, &[(1, "one")]);
        fs::create_dir(&place.watched).unwrap();
        let error = restore(&place.root, &place.watched, None).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("not a regular file; move it away"),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_copy_is_not_written_anywhere() {
        let place = place();
        kept(&place.root, &place.watched, &[(1, "one")]);
        let copy = Copies::of(&Folder::of(&place.root, &place.watched))
            .list()
            .unwrap()
            .remove(0);
        fs::write(copy.path, "onx").unwrap();
        fs::write(&place.watched, "mine").unwrap();
        let error = restore(&place.root, &place.watched, None).unwrap_err();
        assert!(error.to_string().contains("is damaged"), "{error}");
        assert_eq!(fs::read_to_string(&place.watched).unwrap(), "mine");
        assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 2);
    }
}
