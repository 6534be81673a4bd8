//! The watched file as the host sees it: stat, digest, read, and the way to it through links
//! and folders. Never writes, and never interprets a byte.

mod digest;
mod file_system;
mod lease;
mod local;
mod rest;
mod route;

pub use digest::Digest;
pub use file_system::FileSystem;
pub use local::LocalFile;
pub use rest::Rest;
pub use route::{Links, Route, Step};

use std::path::Path;

/// What sort of thing stands at the path, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file with bytes.
    Regular,
    /// A folder.
    Directory,
    /// A pipe, a socket, a device.
    Other,
}

/// What `stat` sees after following every link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Last change of the content (mtime), in nanoseconds since the Unix epoch.
    pub modified: u64,
    /// Last change of the content or the inode (ctime), in nanoseconds since the Unix epoch.
    pub changed: u64,
    /// Number of the file in its file system.
    pub inode: u64,
    /// Number of the file system.
    pub device: u64,
}

/// Why the target could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing stands there, or a folder on the way is gone.
    #[error("it does not exist")]
    NotFound,
    /// The host may not read it.
    #[error("permission denied")]
    PermissionDenied,
    /// A folder, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// More bytes than a configuration may have.
    #[error("it has {size} bytes, more than the {limit} that a configuration may have")]
    TooLarge {
        /// Bytes in the file.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// It does not come to rest.
    #[error("it is being written all the time; write it elsewhere and rename it into place")]
    Moving,
    /// Anything else, in the operating system's words.
    #[error("{0}")]
    Other(String),
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        // Links in a circle lead to nothing.
        if error.raw_os_error() == Some(nix::libc::ELOOP) {
            return Self::NotFound;
        }
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::NotFound,
            std::io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            std::io::ErrorKind::IsADirectory => Self::NotAFile,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// The one watched file. Every call looks afresh and may block on a slow file system, so
/// callers keep it off the async threads.
pub trait Target: Send + Sync + 'static {
    /// The path as configured.
    fn path(&self) -> &Path;

    /// What stands there now.
    ///
    /// # Errors
    /// When nothing stands there or it cannot be reached.
    fn stat(&self) -> Result<Stat, FileError>;

    /// SHA-256 of the whole content.
    ///
    /// # Errors
    /// As for [`Target::read`].
    fn digest(&self) -> Result<Digest, FileError>;

    /// At most `length` bytes from `offset`; empty at the end of the file.
    ///
    /// # Errors
    /// When it is missing, not readable or not a regular file.
    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError>;

    /// The whole content, of at most `limit` bytes.
    ///
    /// # Errors
    /// As for [`Target::read`], and [`FileError::TooLarge`].
    fn read_all(&self, limit: u64) -> Result<Vec<u8>, FileError>;

    /// Whether somebody has it open for writing; `None` where nobody can tell.
    fn is_open_for_writing(&self) -> Option<bool> {
        None
    }

    /// Looks twice, whether it has come to rest. `written` is what else is known of a writer,
    /// where the target cannot tell.
    ///
    /// # Errors
    /// As for [`Target::read`].
    fn rest(&self, written: bool) -> Result<Rest, FileError> {
        Rest::look(self, written)
    }

    /// The same, where somebody has had the first of the two looks: `stat`, and the digest after
    /// it.
    ///
    /// # Errors
    /// As for [`Target::read`].
    fn rest_after(&self, first: (Stat, Digest), written: bool) -> Result<Rest, FileError> {
        Rest::look_after(self, first, written)
    }
}
