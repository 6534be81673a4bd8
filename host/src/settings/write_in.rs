//! Values of `sync` written into the watched file itself: read, edited, and put in its place at
//! once, through links, with its mode and owner; unless somebody has changed it meanwhile.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::in_file::{NotEdited, edit};
use super::key::Key;
use crate::config::MAX_BYTES;
use crate::secrets::value_of;
use crate::state::{Folder, StateError, overwrite};
use crate::target::{FileError, LocalFile, Target};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The file that was written, at the end of all links.
    pub file: PathBuf,
    /// It held something else before.
    pub changed: bool,
    /// Its owner could not be kept: it is ours now.
    pub owner_lost: bool,
}

/// Why the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// A value may not be.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be read.
    #[error("{path} cannot be read: {error}")]
    NotReadable {
        /// The file.
        path: String,
        /// Why.
        error: FileError,
    },
    /// It cannot be edited without changing more than the value.
    #[error("{0}")]
    NotEdited(NotEdited),
    /// The system refused, or somebody has changed it meanwhile.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Writes these values, which may hold placeholders, into `watched` (absolute). One at a time,
/// where there is a state folder in `root`. May block.
///
/// # Errors
/// Why the file is as it was.
pub(super) fn write_in(
    watched: &Path,
    root: Option<&Path>,
    values: &Map<String, Value>,
) -> Result<Written, NotWritten> {
    let values = checked(values).map_err(NotWritten::Invalid)?;
    let _hold = root.map(|root| Folder::of(root, watched).hold_for_restore());
    let _hold = _hold.transpose()?;
    let path = watched.display().to_string();
    let before = LocalFile::new(watched).read_all(MAX_BYTES);
    let before = before.map_err(|error| NotWritten::NotReadable {
        path: path.clone(),
        error,
    })?;
    let after = edit(&path, &before, &values, &value_of).map_err(NotWritten::NotEdited)?;
    if after.as_bytes() == before {
        return Ok(Written {
            file: watched.to_owned(),
            changed: false,
            owner_lost: false,
        });
    }
    let done = overwrite(watched, Some(&before), after.as_bytes())?;
    Ok(Written {
        file: done.file,
        changed: true,
        owner_lost: done.owner_lost,
    })
}

/// Whether all of these may be in the file.
fn checked(values: &Map<String, Value>) -> Result<Vec<(&'static Key, Value)>, String> {
    let mut wrong = Vec::new();
    let mut right = Vec::new();
    for (name, value) in values {
        let key = Key::named(name);
        let checked = key.and_then(|key| {
            if value.is_null() {
                return Err(format!(
                    "sync.{}: nothing can be taken out of the file this way; edit it by hand",
                    key.name
                ));
            }
            key.may_be(value, &value_of).map(|()| key)
        });
        match checked {
            Ok(key) => right.push((key, value.clone())),
            Err(error) => wrong.push(error),
        }
    }
    match wrong.is_empty() {
        true => Ok(right),
        false => Err(wrong.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use serde_json::json;

    use super::*;

    fn map(json: Value) -> Map<String, Value> {
        json.as_object().cloned().unwrap()
    }

    const TEXT: &str = "version: \"1\" # one\nbackends: {}\nsync:\n  debounce: 1   # seconds\n";

    #[test]
    fn the_file_at_the_end_of_the_links_is_written_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (
            folder.path().join("real.yaml"),
            folder.path().join("config.yaml"),
        );
        fs::write(&file, TEXT).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real.yaml", &link).unwrap();
        let root = folder.path().join("state");
        let written = write_in(&link, Some(&root), &map(json!({"debounce": 2}))).unwrap();
        assert!(written.changed);
        assert_eq!(
            written.file.canonicalize().unwrap(),
            file.canonicalize().unwrap()
        );
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            TEXT.replace("debounce: 1", "debounce: 2")
        );
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert!(link.is_symlink());
        let again = write_in(&link, Some(&root), &map(json!({"debounce": 2.0}))).unwrap();
        assert!(!again.changed);
    }

    #[test]
    fn what_may_not_be_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, TEXT).unwrap();
        for (values, said) in [
            (json!({"debounce": -1}), "0 to 3600 seconds"),
            (
                json!({"debounce": "${NOT_SET_ANYWHERE}"}),
                "NOT_SET_ANYWHERE",
            ),
            (json!({"debounse": 1}), "did you mean"),
            (json!({"debounce": null}), "by hand"),
        ] {
            let error = write_in(&file, None, &map(values)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), TEXT);
        let gone = write_in(
            &folder.path().join("gone"),
            None,
            &map(json!({"debounce": 2})),
        );
        assert!(gone.unwrap_err().to_string().contains("does not exist"));
    }
}
