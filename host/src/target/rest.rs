//! Whether the target has come to rest: two looks that agree, and nobody at work on it.

use super::{Digest, FileError, Stat, Target};

/// What two looks in a row tell about the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Both looks agree, and nobody is known to be writing.
    Still(Digest),
    /// As [`Rest::Still`], without a byte: most likely truncated by somebody who is about to write.
    Empty(Digest),
    /// Both looks agree, and somebody has it open for writing.
    Written(Digest),
    /// It changed between the two looks.
    Moving,
}

impl Rest {
    /// What two looks say, and whether somebody had it open for writing when the first was done.
    pub(super) fn of(first: (Stat, Digest), second: (Stat, Digest), written: bool) -> Self {
        let (stat, digest) = second;
        if first != second {
            Self::Moving
        } else if written {
            Self::Written(digest)
        } else if stat.size == 0 {
            Self::Empty(digest)
        } else {
            Self::Still(digest)
        }
    }

    /// Looks twice at any target.
    pub(super) fn look(target: &(impl Target + ?Sized), written: bool) -> Result<Self, FileError> {
        // Stat before digest, so that a write after the digest shows in the next stat.
        let first = (target.stat()?, target.digest()?);
        Self::look_after(target, first, written)
    }

    /// Looks once more.
    pub(super) fn look_after(
        target: &(impl Target + ?Sized),
        first: (Stat, Digest),
        written: bool,
    ) -> Result<Self, FileError> {
        // A writer that opens, writes and closes between the two looks is seen by the second.
        let written = target.is_open_for_writing().unwrap_or(written);
        let second = (target.stat()?, target.digest()?);
        Ok(Self::of(first, second, written))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::super::LocalFile;
    use super::*;

    #[test]
    fn a_file_is_at_rest_empty_or_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = LocalFile::new(&path);
        assert_eq!(file.rest(false), Err(FileError::NotFound));
        std::fs::write(&path, "a: 1").unwrap();
        is(&file, Rest::Still(Digest::of(b"a: 1")));
        let writer = OpenOptions::new().append(true).open(&path).unwrap();
        if cfg!(target_os = "linux") {
            let digest = Digest::of(b"a: 1");
            assert_eq!(file.rest(false), Ok(Rest::Written(digest)));
        }
        writer.set_len(0).unwrap();
        drop(writer);
        is(&file, Rest::Empty(Digest::of(b"")));
    }

    /// Soon: a child that another test starts has what was open until its `exec`.
    fn is(file: &LocalFile, rest: Rest) {
        let soon = (0..1_000_000).any(|_| file.rest(true).as_ref() == Ok(&rest));
        assert!(soon, "{:?}, not {rest:?}", file.rest(true));
    }
}
