//! Writes bytes over a file that is somebody else's, at once and whole: through links to the
//! file they lead to, with the mode and owner that it had.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::{StateError, whole};

/// What a file is called beside the one that it will replace.
const BESIDE: &str = ".restoring";
/// Of a file that is not there any more, so that nobody knows what its mode was. Such a file may
/// hold secrets.
const MODE: u32 = 0o600;
const MODE_BITS: u32 = 0o7777;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwritten {
    /// The file that was written, at the end of all links.
    pub file: PathBuf,
    /// Its owner could not be kept: it is ours now.
    pub owner_lost: bool,
}

/// Writes `bytes` over the file at `path`, if it holds `expected` until the last moment; with `None`
/// it makes the file, if there is none until then. One at a time.
///
/// # Errors
/// When the system refuses, or the file holds something else; then it is as it was.
pub fn overwrite(
    path: &Path,
    expected: Option<&[u8]>,
    bytes: &[u8],
) -> Result<Overwritten, StateError> {
    let refused = |error| StateError::of("write", path)(error);
    let file = end_of_links(path).map_err(refused)?;
    let before = match fs::metadata(&file) {
        Ok(meta) if !meta.is_file() => {
            let error = io::Error::new(ErrorKind::AlreadyExists, "it is not a regular file");
            return Err(refused(error));
        }
        Ok(meta) => Some(meta),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(refused(error)),
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(BESIDE);
    let beside = file.with_file_name(name);
    let write = || -> io::Result<bool> {
        // What a killed process has left, or a link that somebody put there, leads nowhere.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut new = options
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&beside)?;
        new.write_all(bytes)?;
        let owner_lost = match &before {
            Some(before) => !keep_owner_and_mode(&new, before)?,
            None => false,
        };
        new.sync_all()?;
        let now = match fs::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            now => Some(now?),
        };
        if now.as_deref() != expected {
            let changed = "somebody has changed it meanwhile; look at it, and try again";
            return Err(io::Error::other(changed));
        }
        fs::rename(&beside, &file)?;
        Ok(owner_lost)
    };
    match write() {
        Ok(owner_lost) => {
            whole::sync_folder_of(&file).map_err(refused)?;
            Ok(Overwritten { file, owner_lost })
        }
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(refused(error))
        }
    }
}

/// Says whether the owner could be kept. The owner first: a change of it clears some mode bits.
fn keep_owner_and_mode(new: &File, before: &fs::Metadata) -> io::Result<bool> {
    let now = new.metadata()?;
    let same = (now.uid(), now.gid()) == (before.uid(), before.gid());
    let kept = same || fchown(new, Some(before.uid()), Some(before.gid())).is_ok();
    let mut permissions = before.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, before.mode() & MODE_BITS);
    new.set_permissions(permissions)?;
    Ok(kept)
}

/// Where the links at `path` lead. A last step that is missing is where the file will be.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::read_link(path) {
            // A link to nothing: one step at a time, and a loop is another kind of error.
            Ok(link) => end_of_links(&path.parent().unwrap_or(path).join(link)),
            Err(_) => Ok(path.to_owned()),
        },
        end => end,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn the_file_at_the_end_of_the_links_is_written_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let file = root.join("real.yaml");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real.yaml", root.join("link")).unwrap();
        symlink("link", root.join("config.yaml")).unwrap();

        let done = overwrite(&root.join("config.yaml"), Some(b"old"), b"new").unwrap();

        assert_eq!(done.file, file);
        assert_eq!(fs::read(&file).unwrap(), b"new");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & MODE_BITS, 0o640);
        assert!(root.join("config.yaml").is_symlink());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 3);
    }

    #[test]
    fn a_file_that_somebody_else_has_changed_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, "theirs").unwrap();
        let error = overwrite(&file, Some(b"old"), b"new").unwrap_err();
        assert!(
            error.to_string().contains("changed it meanwhile"),
            "{error}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        overwrite(&file, Some(b"theirs"), b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn one_that_was_made_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, "theirs").unwrap();
        assert!(overwrite(&file, None, b"new").is_err());
        assert_eq!(fs::read(&file).unwrap(), b"theirs");
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [file, theirs] = ["config.yaml", "theirs"].map(|name| folder.path().join(name));
        fs::write(&theirs, "theirs").unwrap();
        symlink("theirs", folder.path().join(".config.yaml.restoring")).unwrap();
        overwrite(&file, None, b"new").unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn a_missing_file_and_one_that_a_link_leads_to_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let config = root.join("config.yaml");
        overwrite(&config, None, b"1").unwrap();
        assert_eq!(fs::read(&config).unwrap(), b"1");
        symlink("gone.yaml", root.join("link.yaml")).unwrap();
        let done = overwrite(&root.join("link.yaml"), None, b"2").unwrap();
        assert_eq!(done.file, root.join("gone.yaml"));
        assert_eq!(fs::read(root.join("link.yaml")).unwrap(), b"2");
    }

    #[test]
    fn the_owner_is_kept_where_one_may() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, "old").unwrap();
        // Only root may give files away; for others the file is theirs before and after.
        let given = std::os::unix::fs::chown(&file, Some(12), Some(34)).is_ok();
        let done = overwrite(&file, Some(b"old"), b"new").unwrap();
        assert!(!done.owner_lost);
        let meta = fs::metadata(&file).unwrap();
        assert!(!given || (meta.uid(), meta.gid()) == (12, 34));
    }

    #[test]
    fn a_folder_in_its_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let error = overwrite(folder.path(), None, b"new")
            .unwrap_err()
            .to_string();
        assert!(error.contains("it is not a regular file"), "{error}");
    }

    #[test]
    fn links_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop");
        symlink("loop", &path).unwrap();
        assert!(overwrite(&path, None, b"new").is_err());
    }
}
