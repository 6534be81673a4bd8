//! The keys of one place, a file or an address, as they were had last. They are fetched anew when a
//! token names a key that is not among them, though not more often than each ten seconds whatever
//! tokens say, and in any case each ten minutes, so that a key that was taken back is gone. While
//! the place does not answer, the keys that were had serve on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::keys::Keys;
use crate::config::{KeyPlace, shown_url};
use crate::events::{EventBus, EventKind};
use crate::http_client;
use crate::secrets::Secrets;

/// Between two fetches that tokens with unknown keys ask for.
const AT_MOST_EACH: Duration = Duration::from_secs(10);
/// Keys that are older are fetched anew.
const AT_LEAST_EACH: Duration = Duration::from_secs(600);
/// How long the place may take. Somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a key set. One key has less than 4 KiB, with its certificates.
const LONGEST: usize = 1 << 20;

pub(super) struct KeyRing {
    source: Source,
    /// As others may see it: in an address may be a secret.
    shown: String,
    bus: EventBus,
    had: Mutex<Had>,
    /// One fetch at a time.
    fetching: Arc<Semaphore>,
}

/// Where the keys are, with what placeholders stand for.
#[derive(PartialEq)]
enum Source {
    File(PathBuf),
    Url(String),
}

#[derive(Default)]
struct Had {
    keys: Option<Arc<Keys>>,
    /// When a fetch ended last, well or not.
    asked: Option<Instant>,
    /// The last fetch failed, and that was told.
    failing: bool,
}

impl Had {
    fn is_due(&self, wait: Duration, now: Instant) -> bool {
        self.asked
            .is_none_or(|asked| now.duration_since(asked) >= wait)
    }
}

impl KeyRing {
    /// The keys at this place; relative paths start from `base`. Nothing is fetched yet.
    ///
    /// # Errors
    /// A secret that is missing.
    pub(super) fn new(
        place: &KeyPlace,
        base: &Path,
        secrets: &Secrets,
        bus: EventBus,
    ) -> Result<Self, String> {
        let (source, shown) = match place {
            KeyPlace::File(path) => {
                let path = base.join(path);
                let shown = path.display().to_string();
                (Source::File(path), shown)
            }
            KeyPlace::Url(url) => {
                let resolved = url.resolve(&|name| secrets.value_of(name));
                let resolved = resolved.map_err(|missing| missing.to_string())?;
                (Source::Url(resolved), shown_url(url.as_written()))
            }
        };
        Ok(Self {
            source,
            shown,
            bus,
            had: Mutex::default(),
            fetching: Arc::new(Semaphore::new(1)),
        })
    }

    /// Whether the other has its keys from the same place.
    pub(super) fn asks_like(&self, other: &Self) -> bool {
        self.source == other.source
    }

    /// Reads the keys now, where they are in a file.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn open(&self) -> Result<(), String> {
        if let Source::File(path) = &self.source {
            let keys = read(path).and_then(|bytes| Keys::parse(&bytes));
            let keys = keys.map_err(|why| format!("{}: {why}", self.shown))?;
            self.take(Ok(keys));
        }
        Ok(())
    }

    /// The keys, fetched anew if they are old; none, if none could ever be had.
    pub(super) async fn keys(self: &Arc<Self>) -> Option<Arc<Keys>> {
        let (keys, is_due) = {
            let had = self.had();
            let wait = match had.keys {
                Some(_) => AT_LEAST_EACH,
                None => AT_MOST_EACH,
            };
            (had.keys.clone(), had.is_due(wait, Instant::now()))
        };
        match (keys, is_due) {
            (keys, false) => keys,
            // Nobody waits for what is only a precaution.
            (Some(keys), true) => {
                let ring = Arc::clone(self);
                tokio::spawn(async move { ring.fetch(AT_LEAST_EACH).await });
                Some(keys)
            }
            (None, true) => {
                self.fetch(AT_MOST_EACH).await;
                self.had().keys.clone()
            }
        }
    }

    /// Newer keys than `old`, in which one was not found; none, if there are none newer.
    pub(super) async fn newer(self: &Arc<Self>, old: &Arc<Keys>) -> Option<Arc<Keys>> {
        self.fetch(AT_MOST_EACH).await;
        let keys = self.had().keys.clone();
        keys.filter(|keys| !Arc::ptr_eq(keys, old))
    }

    /// Fetches, unless that was done less than `wait` ago, also while this waited for its turn.
    async fn fetch(self: &Arc<Self>, wait: Duration) {
        let Ok(turn) = Arc::clone(&self.fetching).acquire_owned().await else {
            return;
        };
        if !self.had().is_due(wait, Instant::now()) {
            return;
        }
        let ring = Arc::clone(self);
        let fetching = tokio::spawn(async move {
            let _turn = turn;
            ring.fetch_now().await;
        });
        // It goes on when whoever asked leaves: the next one need not ask again.
        let _ = fetching.await;
    }

    async fn fetch_now(&self) {
        let fetched = async {
            match &self.source {
                Source::Url(url) => download(url).await,
                Source::File(path) => {
                    let path = path.clone();
                    let reading = tokio::task::spawn_blocking(move || read(&path));
                    reading.await.unwrap_or_else(|error| Err(error.to_string()))
                }
            }
        };
        let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
        let fetched = timeout(PATIENCE, fetched).await;
        let fetched = fetched.unwrap_or_else(|_elapsed| late());
        self.take(fetched.and_then(|bytes| Keys::parse(&bytes)));
    }

    /// Keeps what a fetch has brought, and tells when the place no longer answers, and when it
    /// does again.
    fn take(&self, fetched: Result<Keys, String>) {
        let mut had = self.had();
        had.asked = Some(Instant::now());
        let was_failing = std::mem::replace(&mut had.failing, fetched.is_err());
        let serve_on = had.keys.is_some();
        let why = match fetched {
            Ok(keys) => {
                had.keys = Some(Arc::new(keys));
                None
            }
            Err(why) => Some(why),
        };
        drop(had);
        let place = &self.shown;
        match why {
            Some(why) if !was_failing => {
                let then = match serve_on {
                    true => "the keys that were had before serve on",
                    false => "no token signed with them lets anybody in",
                };
                let details =
                    format!("the keys for `auth` cannot be had from {place}: {why}; {then}");
                self.bus.publish(EventKind::Degraded, details);
            }
            None if was_failing => {
                let details = format!("the keys for `auth` come from {place} again");
                self.bus.publish(EventKind::State, details);
            }
            _ => {}
        }
    }

    fn had(&self) -> MutexGuard<'_, Had> {
        self.had.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    Ok(bytes)
}

/// Follows no redirect: whoever names the keys names where they are.
async fn download(url: &str) -> Result<Vec<u8>, String> {
    let client = http_client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| root(&error))?;
    let mut response = client.get(url).send().await.map_err(|error| root(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("it answers {status}"));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| root(&error))? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(format!("it has more than {LONGEST} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The innermost reason, which says most.
fn root(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_fetch_goes_on_when_whoever_asked_leaves() {
        let place = KeyPlace::File("none.json".into());
        let (secrets, bus) = (Secrets::default(), EventBus::default());
        let ring = Arc::new(KeyRing::new(&place, Path::new("/"), &secrets, bus).unwrap());
        assert!(ring.keys().now_or_never().is_none());
        let fetched = async {
            while ring.had().asked.is_none() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), fetched).await.unwrap();
    }
}
