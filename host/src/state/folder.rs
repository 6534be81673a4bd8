//! The folder of one watched file in the state folder, and the lock by which one host at a time
//! keeps it. Reading needs no lock: every file in it is whole.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{StateError, whole};

/// Bytes of the digest of the path that are in the folder's name: two paths of one machine do
/// not share 64 bits by chance.
const DIGEST_BYTES: usize = 8;
/// Characters of the readable part of the folder's name.
const STEM: usize = 40;
/// Says which watched file the folder is of.
const PATH_FILE: &str = "path";
const LOCK: &str = "lock";
const RESTORE_LOCK: &str = "restore.lock";

/// Where the memory of one watched file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
    watched: PathBuf,
}

/// While this lives, no other host keeps the folder.
#[derive(Debug)]
pub struct Hold {
    lock: File,
}

/// Given back by name: closing the file is not enough while a child that is just being started
/// has it open as well, between its `fork` and its `exec`.
impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// The folder in `root` for the file at `watched`, which is absolute. Touches no disk.
    pub fn of(root: &Path, watched: &Path) -> Self {
        Self {
            path: root.join(format!(
                "{}-{}",
                readable(watched),
                hex(watched.as_os_str().as_bytes())
            )),
            watched: watched.to_owned(),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A name for what belongs to this very folder and lies elsewhere. Two folders of one file
    /// (in two roots) have two.
    pub fn name_elsewhere(&self) -> String {
        let digest = hex(self.path.as_os_str().as_bytes());
        format!("{}-{digest}", readable(&self.watched))
    }

    /// Makes the folder where it is missing, and keeps it until the answer is dropped. Sweeps
    /// away what a killed host has left unfinished.
    ///
    /// # Errors
    /// [`StateError::Held`] when another host keeps it, or what the system refused.
    pub fn hold(&self) -> Result<Hold, StateError> {
        self.make()?;
        let hold = self.lock(LOCK)?;
        let copies = self.copies();
        make(&copies)?;
        // Under the lock, so that nobody is writing them.
        for folder in [&self.path, &copies] {
            whole::sweep(folder).map_err(StateError::of("tidy", folder))?;
        }
        Ok(hold)
    }

    /// As [`Self::hold`], against other restores only: the host may keep the folder meanwhile.
    ///
    /// # Errors
    /// As for [`Self::hold`].
    pub fn hold_for_restore(&self) -> Result<Hold, StateError> {
        self.make()?;
        let hold = self.lock(RESTORE_LOCK)?;
        let folder = self.overwritten();
        make(&folder)?;
        whole::sweep(&folder).map_err(StateError::of("tidy", &folder))?;
        Ok(hold)
    }

    /// Where copies of configurations are.
    pub(super) fn copies(&self) -> PathBuf {
        self.path.join("copies")
    }

    /// Where what a restore wrote over is kept.
    pub fn overwritten(&self) -> PathBuf {
        self.path.join("overwritten")
    }

    fn make(&self) -> Result<(), StateError> {
        make(&self.path)?;
        let note = self.path.join(PATH_FILE);
        if note.exists() {
            return Ok(());
        }
        let mut text = self.watched.as_os_str().as_bytes().to_vec();
        text.push(b'\n');
        whole::write_whole(&note, &text)
    }

    /// A lock of its own file: the files that hold something are replaced, and with them a lock
    /// on them would be.
    fn lock(&self, name: &str) -> Result<Hold, StateError> {
        hold(&self.path.join(name), &self.path)
    }
}

/// A lock on the file at `path`, which is made; `what` is what it guards.
///
/// # Errors
/// [`StateError::Held`] when another process has it, or what the system refused.
pub fn hold(path: &Path, what: &Path) -> Result<Hold, StateError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options
        .mode(0o600)
        .open(path)
        .map_err(StateError::of("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut said = String::new();
            let read = file.read_to_string(&mut said);
            return Err(StateError::Held {
                path: what.to_owned(),
                process: read.ok().and_then(|_| said.trim().parse().ok()),
            });
        }
        // A file system without locks: one host must be enough.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(StateError::of("lock", path)(error)),
    }
    // Only for people: a lock that does not say whose it is locks as well.
    let _ = say(&mut file);
    Ok(Hold { lock: file })
}

/// Makes a folder that only its owner enters; those above it as `mkdir -p` does.
pub fn make(path: &Path) -> Result<(), StateError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.and_then(|()| whole::sync_folder_of(path))
        .map_err(StateError::of("create", path))
}

fn say(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// As many digits of a digest as names have.
fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().take(DIGEST_BYTES);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

/// The file's name and its folder's, as far as letters go: `myapp-config`.
fn readable(watched: &Path) -> String {
    let folder = watched.parent().and_then(Path::file_name);
    let names = [folder, watched.file_stem()];
    let names: Vec<_> = names
        .into_iter()
        .flatten()
        .map(|name| {
            let letters = name.to_string_lossy();
            let letters = letters.chars().map(|letter| match letter {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => letter,
                _ => '-',
            });
            letters.collect::<String>()
        })
        .collect();
    let mut stem = names.join("-");
    // All of it is ASCII by now.
    stem.truncate(STEM);
    stem.trim_start_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_watched_file_has_a_folder_that_one_can_read() {
        let root = Path::new("/state");
        let name = |path: &str| {
            let folder = Folder::of(root, Path::new(path));
            folder
                .path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let one = name("/etc/my app/config.yaml");
        assert!(one.starts_with("my-app-config-"), "{one}");
        assert_eq!(one.len(), "my-app-config-".len() + 2 * DIGEST_BYTES);
        assert_eq!(one, name("/etc/my app/config.yaml"));
        assert_ne!(one, name("/srv/my app/config.yaml"));
        assert!(name("/.hidden/.config.yaml").starts_with("hidden-.config-"));
        assert!(name(&format!("/{}/é.yaml", "x".repeat(300))).len() <= STEM + 17);
    }

    #[test]
    fn a_second_host_is_told_who_keeps_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let watched = Path::new("/etc/gateway/config.yaml");
        let folder = Folder::of(root.path(), watched);
        let hold = folder.hold().unwrap();
        let error = folder.hold().unwrap_err().to_string();
        let process = std::process::id();
        assert!(error.contains(&format!("(process {process})")), "{error}");
        assert!(error.contains("--state DIR"), "{error}");
        drop(hold);
        folder.hold().unwrap();
        let note = fs::read_to_string(folder.path.join("path")).unwrap();
        assert_eq!(note, "/etc/gateway/config.yaml\n");
    }

    #[test]
    fn what_is_given_back_is_free_though_a_child_that_is_being_started_has_it_open() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::of(root.path(), Path::new("/config.yaml"));
        let hold = folder.hold().unwrap();
        // As `fork` leaves it until `exec` closes it.
        let _inherited = hold.lock.try_clone().unwrap();
        drop(hold);
        folder.hold().unwrap();
    }

    #[test]
    fn a_restore_may_go_on_beside_the_host_but_not_beside_another() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::of(root.path(), Path::new("/config.yaml"));
        let _host = folder.hold().unwrap();
        let _restore = folder.hold_for_restore().unwrap();
        assert!(folder.hold_for_restore().is_err());
    }
}
