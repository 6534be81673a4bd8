//! A file whose `stat` and digest are noted as a detector asks for them. Where there is no debounce
//! they are the first of the two looks that must agree: the same bytes are not read three times.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::target::{Digest, FileError, Rest, Stat, Target};

pub(super) struct FirstLook {
    target: Arc<dyn Target>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stat: Option<Stat>,
    /// Of the content after that `stat`.
    digest: Option<Digest>,
}

impl FirstLook {
    pub(super) fn at(target: &Arc<dyn Target>) -> Self {
        Self {
            target: Arc::clone(target),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target for FirstLook {
    fn path(&self) -> &Path {
        self.target.path()
    }

    fn stat(&self) -> Result<Stat, FileError> {
        let stat = self.target.stat();
        *self.seen() = Seen {
            stat: stat.clone().ok(),
            digest: None,
        };
        stat
    }

    fn digest(&self) -> Result<Digest, FileError> {
        let digest = self.target.digest();
        self.seen().digest = digest.clone().ok();
        digest
    }

    fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, FileError> {
        self.target.read(offset, length)
    }

    fn read_all(&self, limit: u64) -> Result<Vec<u8>, FileError> {
        self.target.read_all(limit)
    }

    fn is_open_for_writing(&self) -> Option<bool> {
        self.target.is_open_for_writing()
    }

    /// Looks for the second time only, if the first look is had.
    fn rest(&self, written: bool) -> Result<Rest, FileError> {
        let seen = std::mem::take(&mut *self.seen());
        match (seen.stat, seen.digest) {
            (Some(stat), Some(digest)) => self.target.rest_after((stat, digest), written),
            _ => self.target.rest(written),
        }
    }
}
