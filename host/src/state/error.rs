//! Why a file of the state folder could not be read or written: which file, in the system's
//! words, and what helps.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused.
    #[error("cannot {doing} {}: {source}{}", path.display(), Remedy(source.kind()))]
    Refused {
        /// What was tried, as in `cannot write`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// In the system's words.
        source: io::Error,
    },
    /// Another host keeps the memory of this watched file.
    #[error(
        "{} is kept by another host{}; stop that one, or give this one a folder of its own with --state DIR",
        path.display(),
        Holder(*process)
    )]
    Held {
        /// The folder of the watched file.
        path: PathBuf,
        /// The other host, when its lock file says.
        process: Option<u32>,
    },
}

impl StateError {
    /// What it comes from, the same for each file that it happens to.
    pub fn cause(&self) -> String {
        match self {
            Self::Refused { source, .. } => source.kind().to_string(),
            Self::Held { .. } => "held".to_owned(),
        }
    }

    /// For `map_err`: what was tried, on what.
    pub fn of<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Refused {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

struct Remedy(ErrorKind);

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; make room on that disk",
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                "; make it writable, or name another folder with --state DIR"
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "; move away what stands there, or name another folder with --state DIR"
            }
            _ => "",
        })
    }
}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, " (process {process})"),
            None => Ok(()),
        }
    }
}
