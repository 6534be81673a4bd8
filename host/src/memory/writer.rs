//! Who last wrote the watched file, as far as the system tells. It tells who owns it, and on
//! Linux which processes have it open for writing now; a file system remembers no more. A restore
//! leaves a note of its own. Never guesses.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};

use crate::state::{Folder, StateError, write_whole};

/// The note that a restore leaves in the folder.
const NOTE: &str = "restored.json";
/// Open files that are looked at: enough for a busy desk, and a bound of some milliseconds.
#[cfg(target_os = "linux")]
const MOST_OPEN_FILES: usize = 20_000;

/// A file as a restore has left it.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    by: String,
}

/// Who last wrote the file at `path`: `ann (uid 1000) owns it; vim (process 4242) has it open`.
/// `None` when nobody knows.
pub(super) fn last(path: &Path, folder: &Folder) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if let Some(note) = note(folder)
        && (note.device, note.inode) == (meta.dev(), meta.ino())
        && note.modified == (meta.mtime(), meta.mtime_nsec())
    {
        return Some(format!("config-sync restore, by {}", note.by));
    }
    let mut said = vec![format!("{} owns it", user(Uid::from_raw(meta.uid())))];
    said.extend(open_in(path));
    Some(said.join("; "))
}

/// Leaves word that the file at `path` is as a restore has written it.
pub(super) fn leave_note(path: &Path, folder: &Folder) -> Result<(), StateError> {
    let Ok(meta) = fs::metadata(path) else {
        // Gone again already: then nobody asks who wrote it.
        return Ok(());
    };
    let note = Note {
        device: meta.dev(),
        inode: meta.ino(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        by: user(Uid::current()),
    };
    let json = serde_json::to_vec(&note).unwrap_or_default();
    write_whole(&folder.path().join(NOTE), &json)
}

fn note(folder: &Folder) -> Option<Note> {
    let bytes = fs::read(folder.path().join(NOTE)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn user(id: Uid) -> String {
    match User::from_uid(id) {
        Ok(Some(user)) => format!("{} (uid {id})", user.name),
        _ => format!("uid {id}"),
    }
}

/// Processes that have the file open for writing, where they may be looked at.
#[cfg(target_os = "linux")]
fn open_in(path: &Path) -> Option<String> {
    // What a link says costs nothing; what it leads to may be on a disk that hangs.
    let path = path.canonicalize().ok()?;
    let own = std::process::id().to_string();
    let mut looked_at = 0;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let id = process.file_name();
        let Some(id) = id.to_str().filter(|id| id.parse::<u32>().is_ok()) else {
            continue;
        };
        if id == own {
            continue;
        }
        // Somebody else's, or gone by now.
        let Ok(open) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for link in open.flatten() {
            looked_at += 1;
            if looked_at > MOST_OPEN_FILES {
                return None;
            }
            let same = fs::read_link(link.path()).is_ok_and(|open| open == path);
            if same && is_for_writing(&process.path(), &link.file_name()) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Some(format!("{} (process {id}) has it open", name.trim()));
            }
        }
    }
    None
}

/// The last two bits of `flags`, which is octal, are 1 or 2 for what may be written.
#[cfg(target_os = "linux")]
fn is_for_writing(process: &Path, descriptor: &std::ffi::OsStr) -> bool {
    let info = fs::read_to_string(process.join("fdinfo").join(descriptor)).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| matches!(flags & 3, 1 | 2))
}

#[cfg(not(target_os = "linux"))]
fn open_in(_path: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(root: &tempfile::TempDir) -> Folder {
        let folder = Folder::of(root.path(), Path::new("/config.yaml"));
        drop(folder.hold().unwrap());
        folder
    }

    #[test]
    fn the_owner_is_named_and_of_a_missing_file_nothing_is_known() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("config.yaml");
        let folder = folder(&root);
        assert_eq!(last(&path, &folder), None);
        fs::write(&path, "1").unwrap();
        let said = last(&path, &folder).unwrap();
        let uid = Uid::current();
        assert!(
            said.contains(&format!("uid {uid}")) && said.contains("owns it"),
            "{said}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_has_it_open_for_writing_is_named() {
        use std::process::{Command, Stdio};
        let root = tempfile::tempdir().unwrap();
        let (path, folder) = (root.path().join("config.yaml"), folder(&root));
        fs::write(&path, "1").unwrap();
        let open = fs::File::options().append(true).open(&path).unwrap();
        let mut cat = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(open)
            .spawn()
            .unwrap();
        let said = last(&path, &folder).unwrap();
        assert!(
            said.ends_with(&format!("(process {}) has it open", cat.id())),
            "{said}"
        );
        drop(cat.stdin.take());
        cat.wait().unwrap();
        assert!(!last(&path, &folder).unwrap().contains("open"));
    }

    #[test]
    fn a_restore_is_known_by_its_note_until_somebody_else_writes() {
        let root = tempfile::tempdir().unwrap();
        let (path, folder) = (root.path().join("config.yaml"), folder(&root));
        fs::write(&path, "1").unwrap();
        leave_note(&path, &folder).unwrap();
        let said = last(&path, &folder).unwrap();
        assert!(said.starts_with("config-sync restore, by "), "{said}");
        let beside = root.path().join("new");
        fs::write(&beside, "2").unwrap();
        fs::rename(beside, &path).unwrap();
        assert!(!last(&path, &folder).unwrap().contains("restore"));
    }
}
