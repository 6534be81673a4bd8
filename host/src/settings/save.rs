//! Values written into the watched file, with what is stored of them: an edit is newer than what is
//! stored, and what stood there already is to count as well.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{ChangeError, Key, LiveSettings, NotWritten, write_in};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The file was written; it held something else before.
    pub written: Option<PathBuf>,
    /// What somebody should know of it.
    pub warning: Option<String>,
}

/// Why not all of it was done.
#[derive(Debug, thiserror::Error)]
pub enum NotSaved {
    /// The file is as it was.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// It is written, and what is stored still counts.
    #[error(transparent)]
    StillStored(#[from] ChangeError),
}

/// Writes these values into `watched` as [`write_in`] does, and takes back what is stored of those
/// keys, unless whoever follows the file drops it anyway. May block.
///
/// # Errors
/// Why not.
pub fn save_in_file(
    settings: &LiveSettings,
    watched: &Path,
    root: Option<&Path>,
    values: &Map<String, Value>,
) -> Result<Saved, NotSaved> {
    let done = write_in(watched, root, values)?;
    let stored = settings.stored();
    let back = values.iter().filter_map(|(key, value)| {
        let key = Key::named(key).ok()?.name;
        let stored = stored.get(key)?;
        (!done.changed || stored.is_over(value)).then(|| (key.to_owned(), Value::Null))
    });
    let back: Map<_, _> = back.collect();
    if !back.is_empty() {
        settings.change(&back)?;
    }
    let file = done.file.display();
    let warning = done.owner_lost.then(|| {
        format!("the owner of {file} could not be kept: it is yours now; run chown to give it back")
    });
    Ok(Saved {
        written: done.changed.then_some(done.file),
        warning,
    })
}
