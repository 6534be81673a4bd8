//! What can happen to the file of a scenario. Only says it; `file.rs` does it.

use crate::target::{Digest, FileError, Stat};

/// One thing that happens to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// Other bytes in the same inode.
    Write(Vec<u8>),
    /// So many bytes more.
    Grow(usize),
    /// A writer has written so much of these bytes and goes on later.
    TornWrite {
        /// All of it.
        bytes: Vec<u8>,
        /// What is written so far, in bytes.
        at: usize,
    },
    /// The writer of a torn write writes the rest.
    FinishWrite,
    /// Other bytes through a memory map: no stamp tells.
    MapWrite(Vec<u8>),
    /// Another file renamed over it.
    RenameOver(Vec<u8>),
    /// A link on the way leads to another file, an hour older.
    LinkSwap(Vec<u8>),
    /// New times, the same bytes.
    Touch,
    /// mtime is set back to what it was before the last change.
    RestoreTime,
    /// Another mode.
    Chmod(u32),
    /// It is gone.
    Delete,
    /// A folder stands in its place.
    MakeFolder,
    /// Every look fails so.
    Fail(FileError),
    /// Looks fail no more.
    Recover,
    /// It stands as somebody recorded it.
    Is(Box<Recorded>),
}

/// A file as it was seen on some machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) stat: Stat,
    pub(super) readable: bool,
    pub(super) content: Content,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// Only this is known.
    Digest(Digest),
}
