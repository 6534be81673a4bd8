//! The digest of what the file holds, for those who ask how the host is, which is several times a
//! second where a UI is open. Read anew where `stat` tells of a change, or cannot be trusted to.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::target::{Digest, FileError, Stat, Target};

/// A file that was written so shortly before it was read may be written again within the same tick
/// of its clock: FAT counts in two seconds.
const TICK: Duration = Duration::from_secs(2);
/// So long what `stat` says is believed: some file systems do not tell it at once.
const BELIEVED: Duration = Duration::from_secs(10);

/// The digest that was read last.
#[derive(Debug, Default)]
pub(in crate::service) struct OnDiskDigest(Mutex<Option<Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    stat: Stat,
    digest: Digest,
    read_at: Instant,
}

impl OnDiskDigest {
    /// The digest of what stands there now. Blocks.
    ///
    /// # Errors
    /// As for [`Target::digest`].
    pub(super) fn read<T: Target + ?Sized>(&self, target: &T) -> Result<Digest, FileError> {
        let before = target.stat()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_so = |it: &Known| it.stat == before && it.read_at.elapsed() < BELIEVED;
        if let Some(known) = known.filter(is_so) {
            return Ok(known.digest);
        }
        let (read_at, wall) = (Instant::now(), Timestamp::now());
        let digest = target.digest()?;
        let at_rest = has_ticked(before.changed, wall) && target.stat()? == before;
        *known = at_rest.then_some(Known {
            stat: before,
            digest,
            read_at,
        });
        Ok(digest)
    }
}

/// Whether a write at `wall` would show in a stamp of nanoseconds that is `changed` now.
fn has_ticked(changed: u64, wall: Timestamp) -> bool {
    let since = wall.as_nanosecond() - i128::from(changed);
    since > i128::try_from(TICK.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::target::FileKind;

    /// Counts how often it is read.
    struct Counted {
        stat: Mutex<Stat>,
        read: AtomicU64,
    }

    impl Target for Counted {
        fn path(&self) -> &Path {
            Path::new("/x")
        }

        fn stat(&self) -> Result<Stat, FileError> {
            Ok(*self.stat.lock().unwrap())
        }

        fn digest(&self) -> Result<Digest, FileError> {
            let count = self.read.fetch_add(1, Ordering::Relaxed);
            Ok(Digest::of(&count.to_le_bytes()))
        }

        fn read(&self, _: u64, _: u32) -> Result<Vec<u8>, FileError> {
            Err(FileError::NotAFile)
        }

        fn read_all(&self, _: u64) -> Result<Vec<u8>, FileError> {
            Err(FileError::NotAFile)
        }
    }

    fn stat(changed: u64) -> Stat {
        Stat {
            kind: FileKind::Regular,
            size: 1,
            modified: 0,
            changed,
            inode: 1,
            device: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_at_rest_is_read_once_until_it_changes_or_some_time_has_passed() {
        let (file, known) = (
            Counted {
                stat: Mutex::new(stat(7)),
                read: AtomicU64::new(0),
            },
            OnDiskDigest::default(),
        );
        let read = || {
            known.read(&file).unwrap();
            file.read.load(Ordering::Relaxed)
        };
        for _ in 0..20 {
            assert_eq!(read(), 1);
        }
        *file.stat.lock().unwrap() = stat(8);
        assert_eq!((read(), read()), (2, 2));
        tokio::time::advance(BELIEVED).await;
        assert_eq!((read(), read()), (3, 3));
        // Written this moment: the next write may have the same stamp.
        let now = u64::try_from(Timestamp::now().as_nanosecond()).unwrap();
        *file.stat.lock().unwrap() = stat(now);
        assert_eq!((read(), read()), (4, 5));
    }
}
