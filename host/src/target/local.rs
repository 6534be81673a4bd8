//! A file on this machine, as the operating system shows it.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::lease::is_open_for_writing;
use super::{Digest, FileError, FileKind, Rest, Stat, Target};

/// How much is read at once while hashing: large enough that the calls do not count.
const CHUNK: usize = 64 * 1024;

/// A [`Target`] at a path.
#[derive(Debug, Clone)]
pub struct LocalFile {
    path: PathBuf,
}

impl LocalFile {
    /// The file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn open(&self) -> Result<File, FileError> {
        self.look().map(|look| look.file)
    }

    /// Opens only what is a regular file: opening a pipe would wait for a writer.
    fn look(&self) -> Result<Open, FileError> {
        let stat = self.stat()?;
        if stat.kind != FileKind::Regular {
            return Err(FileError::NotAFile);
        }
        let file = File::open(&self.path)?;
        let opened = Stat::from(file.metadata()?);
        match opened.kind {
            FileKind::Regular => Ok(Open { stat, file, opened }),
            _ => Err(FileError::NotAFile),
        }
    }
}

/// A file that was looked at, then opened.
struct Open {
    /// By its path, before it was opened: what is written after that shows in the content, or in
    /// the next.
    stat: Stat,
    file: File,
    /// Of what was opened.
    opened: Stat,
}

impl Open {
    fn digest(&self) -> Result<Digest, FileError> {
        let mut hasher = Sha256::new();
        let size = usize::try_from(self.opened.size).unwrap_or(usize::MAX);
        // One byte more than a small file has: the end is found by the read that reaches it.
        let mut chunk = vec![0; size.saturating_add(1).min(CHUNK)];
        let mut total = 0;
        loop {
            let count = self.file.read_at(&mut chunk, total as u64)?;
            hasher.update(&chunk[..count]);
            total += count;
            if count == 0 || (count < chunk.len() && total == size) {
                return Ok(Digest::from_hasher(hasher));
            }
        }
    }
}

impl From<Metadata> for Stat {
    fn from(meta: Metadata) -> Self {
        Self {
            kind: kind(&meta),
            size: meta.size(),
            modified: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            changed: nanoseconds(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
            device: meta.dev(),
        }
    }
}

impl Target for LocalFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn stat(&self) -> Result<Stat, FileError> {
        Ok(std::fs::metadata(&self.path)?.into())
    }

    fn digest(&self) -> Result<Digest, FileError> {
        self.look()?.digest()
    }

    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError> {
        let mut file = self.open()?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(u64::from(length)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read_all(&self, limit: u64) -> Result<Vec<u8>, FileError> {
        let file = self.open()?;
        let size = file.metadata()?.size();
        let mut bytes = Vec::new();
        // One byte more than allowed tells a file that grew since `metadata`.
        file.take(limit + 1).read_to_end(&mut bytes)?;
        let read = bytes.len() as u64;
        if read > limit {
            let size = size.max(read);
            return Err(FileError::TooLarge { size, limit });
        }
        Ok(bytes)
    }

    fn is_open_for_writing(&self) -> Option<bool> {
        is_open_for_writing(&self.open().ok()?)
    }

    /// As by default, in one opening: each costs, and wakes whoever watches the file.
    fn rest(&self, written: bool) -> Result<Rest, FileError> {
        let look = self.look()?;
        let first = (look.stat, look.digest()?);
        let written = is_open_for_writing(&look.file).unwrap_or(written);
        // By its path: another file may stand there by now.
        let second = (self.stat()?, look.digest()?);
        Ok(Rest::of(first, second, written))
    }

    fn rest_after(&self, first: (Stat, Digest), written: bool) -> Result<Rest, FileError> {
        let look = self.look()?;
        let written = is_open_for_writing(&look.file).unwrap_or(written);
        Ok(Rest::of(first, (look.stat, look.digest()?), written))
    }
}

fn kind(meta: &Metadata) -> FileKind {
    if meta.is_file() {
        FileKind::Regular
    } else if meta.is_dir() {
        FileKind::Directory
    } else {
        FileKind::Other
    }
}

/// Times before 1970 count as 1970: a detector only compares them.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_missing_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = LocalFile::new(folder.path().join("config.yaml"));
        assert_eq!(missing.stat().unwrap_err(), FileError::NotFound);
        assert_eq!(missing.digest().unwrap_err(), FileError::NotFound);
        let is_folder = LocalFile::new(folder.path());
        assert_eq!(is_folder.read_all(10).unwrap_err(), FileError::NotAFile);
    }

    #[test]
    fn the_digest_is_that_of_all_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        let bytes = vec![7; CHUNK * 2 + 1];
        std::fs::write(&path, &bytes).unwrap();
        let file = LocalFile::new(&path);
        assert_eq!(file.digest().unwrap(), Digest::of(&bytes));
        assert_eq!(file.read(CHUNK as u64 * 2, 100).unwrap(), [7]);
        assert!(file.read(u64::from(u32::MAX), 100).unwrap().is_empty());
        assert_eq!(
            file.read_all(9).unwrap_err(),
            FileError::TooLarge {
                size: bytes.len() as u64,
                limit: 9
            }
        );
    }
}
