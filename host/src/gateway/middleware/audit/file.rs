//! The audit file on the disk: appended to, and when it is full moved to `FILE.1`, what was there
//! to `FILE.2`, and so on. Blocks, so a task apart calls it. A line that is not whole, because the
//! disk was full or the host killed, is left alone on a line of its own. Others may move the file
//! away, empty it or append to it meanwhile: logrotate does, and an entry that was edited writes
//! beside its successor until its last call has ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::AuditSettings;

pub(super) struct AuditFile {
    path: PathBuf,
    max_size: u64,
    /// How many there are, the newest included.
    files: u64,
    open: Option<Open>,
}

struct Open {
    file: File,
    size: u64,
    /// So much of it does not count: it was full, and could not be moved.
    spared: u64,
    /// It does not end with the end of a line.
    torn: bool,
}

impl AuditFile {
    pub(super) fn new(path: &Path, settings: &AuditSettings) -> Self {
        Self {
            path: path.to_owned(),
            max_size: settings.max_size,
            files: settings.files,
            open: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it, with the folders on the way, if it is not open.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(open(&self.path)?);
        }
        Ok(())
    }

    /// Looks whether it is still the file at its place, as it was left, and else opens that one
    /// with the next line. (Where nobody can look, the one that is open is good enough.)
    pub(super) fn look(&mut self) {
        let at_its_place = fs::metadata(&self.path);
        let is_it = |open: &mut Open| match (open.file.metadata(), &at_its_place) {
            (Ok(own), Ok(found)) => {
                let is_same = (own.dev(), own.ino()) == (found.dev(), found.ino());
                is_same && (!found.is_file() || found.len() == open.size)
            }
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), _) => true,
        };
        self.open.take_if(|open| !is_it(open));
    }

    /// Appends `line`.
    pub(super) fn write(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let more = bytes.len() as u64;
        self.open()?;
        if self.is_full(more) {
            // Somebody else may have moved it just now.
            self.look();
            self.open()?;
        }
        if self.is_full(more) {
            self.rotate();
            self.open()?;
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.torn {
            bytes.insert(0, b'\n');
        }
        let written = open.file.write_all(&bytes);
        match written {
            Ok(()) => {
                open.size += bytes.len() as u64;
                open.torn = false;
            }
            // Opened anew, it tells how much of the line is there.
            Err(_) => self.open = None,
        }
        written
    }

    /// Whether so much more is too much.
    fn is_full(&self, more: u64) -> bool {
        let size = self.open.as_ref().map_or(0, |it| it.size - it.spared);
        size > 0 && size + more > self.max_size
    }

    /// Moves every file on by one; the last goes. If that cannot be, the file goes on growing, for
    /// a line in a long file is better than none.
    fn rotate(&mut self) {
        let numbered = |number: u64| match number {
            0 => self.path.clone(),
            number => {
                let mut path = self.path.clone().into_os_string();
                path.push(format!(".{number}"));
                path.into()
            }
        };
        let last = self.files - 1;
        let moved = if last == 0 {
            fs::remove_file(&self.path)
        } else {
            (0..last).rev().try_for_each(|number| {
                match fs::rename(numbered(number), numbered(number + 1)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    moved => moved,
                }
            })
        };
        match moved {
            Ok(()) => self.open = None,
            Err(error) => {
                tracing::warn!(file = %self.path.display(), %error, "the audit file cannot be rotated");
                // The next try comes when it has grown by as much again.
                if let Some(open) = &mut self.open {
                    open.spared = open.size;
                }
            }
        }
    }
}

fn open(path: &Path) -> io::Result<Open> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(path)?;
    let size = file.metadata()?.len();
    let mut torn = false;
    if size > 0 && file.metadata()?.is_file() {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        torn = last != [b'\n'];
    }
    let spared = 0;
    Ok(Open {
        file,
        size,
        spared,
        torn,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::OnFault;

    fn file(path: &Path, max_size: u64, files: u64) -> AuditFile {
        let settings = AuditSettings {
            file: path.to_owned(),
            max_size,
            files,
            arguments: false,
            redact: None,
            fail: OnFault::Open,
        };
        AuditFile::new(path, &settings)
    }

    fn texts(folder: &Path) -> Vec<(String, String)> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn it_is_rotated_by_size_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        // Two lines of four bytes fit.
        let mut file = file(&folder.path().join("deep/a"), 8, 3);
        for line in 10..20 {
            file.write(&line).unwrap();
        }
        assert_eq!(
            texts(&folder.path().join("deep")),
            [
                ("a".into(), "18\n19\n".into()),
                ("a.1".into(), "16\n17\n".into()),
                ("a.2".into(), "14\n15\n".into()),
            ]
        );
    }

    #[test]
    fn one_file_alone_begins_anew_and_a_line_that_is_longer_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = file(&folder.path().join("a"), 4, 1);
        for line in ["x", "longer than the file may be", "y"] {
            file.write(&line).unwrap();
        }
        assert_eq!(texts(folder.path()), [("a".into(), "\"y\"\n".into())]);
    }

    #[test]
    fn a_torn_line_spoils_no_other_and_what_is_there_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1\n{\"to").unwrap();
        let mut file = file(&path, 10, 2);
        file.write(&2).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n{\"to\n2\n");
        file.write(&3).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
    }

    #[test]
    fn it_is_for_its_owner_alone_and_the_mode_of_one_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let found = fs::metadata(folder.path().join(name)).unwrap();
            found.mode() & 0o777
        };
        let path = folder.path().join("a");
        let mut file = file(&path, 4, 2);
        file.write(&12).unwrap();
        file.write(&34).unwrap();
        assert_eq!((mode("a"), mode("a.1")), (0o600, 0o600));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        file.open = None;
        file.open().unwrap();
        assert_eq!(mode("a"), 0o640);
    }

    #[test]
    fn what_moved_away_or_was_emptied_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = file(&path, 8, 2);
        let mut write = |line: u32| {
            file.look();
            file.write(&line).unwrap();
        };
        write(1);
        fs::rename(&path, folder.path().join("moved")).unwrap();
        write(2);
        fs::remove_file(&path).unwrap();
        write(3);
        fs::write(&path, "").unwrap();
        write(45678);
        assert_eq!(
            texts(folder.path()),
            [
                ("a".into(), "45678\n".into()),
                ("moved".into(), "1\n".into())
            ]
        );
    }

    #[test]
    fn two_that_write_the_same_file_rotate_it_once_when_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut both = [file(&path, 8, 9), file(&path, 8, 9)];
        for (turn, looks, lines) in [
            (0, true, 10..12),
            (1, true, 12..13),
            (0, true, 13..15),
            (1, true, 15..18),
            // It has looked before the other wrote; then it is full for both.
            (0, false, 18..21),
        ] {
            if looks {
                both[turn].look();
            }
            for line in lines {
                both[turn].write(&line).unwrap();
            }
        }
        assert_eq!(
            texts(folder.path()),
            [
                ("a".into(), "19\n20\n".into()),
                ("a.1".into(), "16\n17\n".into()),
                ("a.2".into(), "14\n15\n18\n".into()),
                ("a.3".into(), "12\n13\n".into()),
                ("a.4".into(), "10\n11\n".into()),
            ]
        );
    }

    #[test]
    fn one_that_cannot_be_moved_grows_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let in_the_way = folder.path().join("a.1/full");
        fs::create_dir_all(&in_the_way).unwrap();
        let mut file = file(&path, 6, 2);
        for line in 10..13 {
            file.look();
            file.write(&line).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "10\n11\n12\n");
        fs::remove_dir_all(folder.path().join("a.1")).unwrap();
        file.write(&13).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "10\n11\n12\n13\n");
        file.write(&14).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "14\n");
    }

    #[test]
    fn a_full_disk_is_an_error_of_the_line_and_the_next_is_tried() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let mut file = file(full, 1 << 20, 2);
        assert!(file.write(&1).is_err());
        assert!(file.write(&2).is_err());
    }
}
