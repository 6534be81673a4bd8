//! Reads the target until two looks agree, so that a file caught in the middle of a write is not
//! taken for a configuration. Bounded in tries and in bytes.

use std::sync::Arc;
use std::time::Duration;

use crate::target::{Digest, FileError, Target};

/// The most bytes that a configuration may have: far beyond thousands of backends.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// How often a file that goes on changing is read, before what was read last is taken.
const TRIES: usize = 50;
/// Between two tries. A writer that is still at it makes progress in this time.
const PAUSE: Duration = Duration::from_millis(10);

/// What stands in the target, with its digest.
pub(super) async fn read(target: &Arc<dyn Target>) -> Result<(Vec<u8>, Digest), FileError> {
    let mut last = look(target).await?;
    for _ in 1..TRIES {
        if last.1 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        last = look(target).await?;
    }
    let digest = Digest::of(&last.0);
    Ok((last.0, digest))
}

/// The bytes, and whether the file was the same before and after they were read.
async fn look(target: &Arc<dyn Target>) -> Result<(Vec<u8>, bool), FileError> {
    let target = Arc::clone(target);
    let read = move || {
        let before = target.stat()?;
        let bytes = target.read_all(MAX_BYTES)?;
        Ok((bytes, target.stat()? == before))
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(FileError::Other(format!("reading was cut short: {error}"))))
}
