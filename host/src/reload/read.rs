//! Reads the target until two looks agree and nobody is writing any more, so that a file caught
//! in the middle of a write is not taken for a configuration. Bounded in time and in bytes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::MAX_BYTES;
use crate::target::{Digest, FileError, Stat, Target};
use crate::watch::WRITER_PATIENCE;

/// How long a file is waited for that goes on changing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries. A writer that is still at it makes progress in this time.
const PAUSE: Duration = Duration::from_millis(10);

/// What stands in the target, with its digest. `settled` is what the watcher saw come to rest: if
/// the bytes are those, two looks agree already.
///
/// # Errors
/// When it cannot be read, or does not come to rest.
pub async fn read(
    target: &Arc<dyn Target>,
    settled: Option<Digest>,
) -> Result<(Vec<u8>, Digest), FileError> {
    let began = Instant::now();
    let mut same_since = (began, None);
    loop {
        let look = look(target).await?;
        if Some(look.digest) == settled {
            return Ok((look.bytes, look.digest));
        }
        let now = Instant::now();
        let seen = Some((look.stat, look.digest));
        let agree = same_since.1 == seen;
        if !agree {
            same_since = (now, seen);
        }
        let left_alone = !look.written || now >= same_since.0 + WRITER_PATIENCE;
        if agree && left_alone {
            return Ok((look.bytes, look.digest));
        }
        if now >= began + PATIENCE {
            return Err(FileError::Moving);
        }
        // The second look follows at once: most files are at rest when they are read.
        if agree || now > began {
            sleep(PAUSE).await;
        }
    }
}

struct Look {
    stat: Stat,
    bytes: Vec<u8>,
    digest: Digest,
    written: bool,
}

async fn look(target: &Arc<dyn Target>) -> Result<Look, FileError> {
    let target = Arc::clone(target);
    let read = move || {
        let stat = target.stat()?;
        let bytes = target.read_all(MAX_BYTES)?;
        let written = target.is_open_for_writing().unwrap_or(false);
        Ok(Look {
            stat,
            digest: Digest::of(&bytes),
            bytes,
            written,
        })
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(FileError::Other(format!("reading was cut short: {error}"))))
}
