//! The log as a file of bounded size. Keeps the file before it; says nothing of what is logged.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes of a log file beyond which a new one is begun.
pub(super) const LARGEST: u64 = 16 << 20;

/// Each write is one entry.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    largest: u64,
}

impl LogFile {
    /// At the end of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(path: &Path, largest: u64) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self {
            path: path.to_owned(),
            size: file.metadata()?.len(),
            file,
            largest,
        })
    }

    fn turn_over(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("log.1"))?;
        *self = Self::open(&self.path, self.largest)?;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        if self.size > 0
            && self.size + entry.len() as u64 > self.largest
            && self.turn_over().is_err()
        {
            // An entry in a long file is better than none; the next try comes much later.
            self.size = 0;
        }
        let written = self.file.write(entry)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_would_grow_too_large_gives_way_to_the_next_and_one_before_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.log");
        fs::write(&path, "earlier\n").unwrap();
        let mut log = LogFile::open(&path, 16).unwrap();
        for entry in [
            "one\n",
            "two two\n",
            "three\n",
            "large, larger than a file\n",
            "last\n",
        ] {
            log.write_all(entry.as_bytes()).unwrap();
        }
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("host.log"), "last\n");
        assert_eq!(read("host.log.1"), "large, larger than a file\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
