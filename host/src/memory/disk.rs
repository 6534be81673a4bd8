//! [`Memory`] on a disk, and the task that tries again what the disk did not take.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::archive::Archive;
use super::writer;
use crate::events::EventBus;
use crate::reload::{LastGood, Memory, Record, Trigger};
use crate::state::Folder;

/// Between two tries to write what waits. Room on a disk is made by people.
const AGAIN: Duration = Duration::from_secs(5);

/// What is kept of one watched file. Clones share it.
#[derive(Clone)]
pub struct DiskMemory {
    archive: Arc<Mutex<Archive>>,
    behind: watch::Sender<bool>,
    watched: PathBuf,
    generation: u64,
    writer: Option<String>,
}

impl DiskMemory {
    /// Opens the folder for `watched` (absolute) in `root`. May block. Where the folder cannot be
    /// used an event says so, and it is tried again.
    pub fn open(root: &Path, watched: &Path, bus: EventBus) -> Self {
        let (archive, past) = Archive::new(Folder::of(root, watched), bus);
        Self {
            behind: watch::Sender::new(archive.is_behind()),
            archive: Arc::new(Mutex::new(archive)),
            watched: watched.to_owned(),
            generation: past.generation,
            writer: None,
        }
    }

    /// The highest generation of earlier lives; those of this one follow it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Tries again what the disk did not take, until cancelled.
    pub async fn catch_up(self, cancel: CancellationToken) {
        let work = async {
            let mut behind = self.behind.subscribe();
            while behind.wait_for(|behind| *behind).await.is_ok() {
                tokio::time::sleep(AGAIN).await;
                let memory = self.clone();
                let tried = tokio::task::spawn_blocking(move || {
                    memory.with(Archive::catch_up);
                });
                if tried.await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = work => {}
        }
    }

    fn archive(&self) -> MutexGuard<'_, Archive> {
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, work: impl FnOnce(&mut Archive)) {
        let mut archive = self.archive();
        work(&mut archive);
        self.behind.send_if_modified(|behind| {
            let before = std::mem::replace(behind, archive.is_behind());
            before != *behind
        });
    }
}

impl Memory for DiskMemory {
    fn last_good(&mut self) -> Option<LastGood> {
        self.archive().last_good()
    }

    fn began(&mut self, started: &str, trigger: Trigger) {
        // While it may still be open in whoever writes it. A retry comes of no new writing.
        if trigger != Trigger::Retry {
            let writer = writer::last(&self.watched, self.archive().folder());
            self.writer = writer;
        }
        self.with(|archive| archive.began(started, trigger));
    }

    fn serves(&mut self, generation: u64, bytes: &[u8]) {
        self.with(|archive| archive.serves(generation, bytes));
    }

    fn ended(&mut self, record: &Record) {
        let mut record = record.clone();
        record.writer = record.writer.or_else(|| self.writer.clone());
        self.with(|archive| archive.ended(&record));
    }
}
