//! Writes a file whole or not at all: beside it, to the disk, renamed over it, and the folder to
//! the disk. Only the owner may read what it writes.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::StateError;

/// Copies of configurations may hold secrets.
const MODE: u32 = 0o600;
/// What a file is called while it is not whole. Nothing else here is called so.
const UNFINISHED: &str = ".unfinished";

/// Writes these bytes to `path`, over whatever file is there. One writer at a time.
///
/// # Errors
/// When the system refuses; then `path` is as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    let beside = beside(path);
    let written = create(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // Whatever is left of it is in the way, and the error that counts is the first.
        let _ = fs::remove_file(&beside);
        return Err(StateError::of("write", path)(error));
    }
    sync_folder_of(path).map_err(StateError::of("write", path))
}

/// Removes what a killed writer has left unfinished in this folder.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .as_os_str()
            .as_encoded_bytes()
            .ends_with(UNFINISHED.as_bytes())
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Makes a rename, a new name or a removed one outlast a power cut.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Where `path` is written before it is whole: in the same folder, so that a rename suffices.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(UNFINISHED);
    path.with_file_name(name)
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(MODE);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_the_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        write_whole(&path, b"first, and longer").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        write_whole(&path, b"whole").unwrap();
        fs::write(beside(&path), b"ha").unwrap();
        sweep(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_folder_that_is_gone_is_named() {
        let error = write_whole(Path::new("/no/such/folder/copy"), b"").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot write /no/such/folder/copy: ")
        );
    }
}
