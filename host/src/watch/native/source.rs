//! The system's queue of events, by `notify`. Knows paths; what an event means is for others to say.

use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Heard;
use crate::watch::FileEvent;

/// A watcher with a thread of its own, until dropped.
pub(super) struct Source(RecommendedWatcher);

impl Source {
    /// A source without watches.
    pub(super) fn start(heard: Arc<Heard>) -> Result<Self, String> {
        notify::recommended_watcher(move |event| hear(event, &heard))
            .map(Self)
            .map_err(|error| match &error.kind {
                notify::ErrorKind::Io(io) if io.raw_os_error() == Some(nix::libc::EMFILE) => {
                    "the limit of watchers is reached; raise fs.inotify.max_user_instances"
                        .to_owned()
                }
                notify::ErrorKind::Io(io) => io.to_string(),
                _ => error.to_string(),
            })
    }

    /// Watches what stands at `path` now.
    pub(super) fn watch(&mut self, path: &Path) -> Result<(), Refused> {
        let watched = self.0.watch(path, RecursiveMode::NonRecursive);
        watched.map_err(|error| match error.kind {
            notify::ErrorKind::MaxFilesWatch => Refused::Limit,
            _ => Refused::Because(error.to_string()),
        })
    }

    /// Watches it no more.
    pub(super) fn unwatch(&mut self, path: &Path) {
        // It has been dropped already if what it stood on is gone.
        let _ = self.0.unwatch(path);
    }
}

/// Why a path cannot be watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the limit of watches is reached; raise fs.inotify.max_user_watches")]
    Limit,
    /// In the system's words.
    #[error("{0}")]
    Because(String),
}

/// Runs on the watcher's thread.
fn hear(event: notify::Result<notify::Event>, heard: &Heard) {
    let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
        return heard.lost();
    };
    let Some(kind) = translate(event.kind) else {
        return;
    };
    for path in event.paths {
        heard.deliver(path, kind);
    }
}

/// Reading the file is no event: the host itself reads it.
fn translate(kind: EventKind) -> Option<FileEvent> {
    Some(match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => FileEvent::Closed,
        EventKind::Access(_) => return None,
        EventKind::Create(_) => FileEvent::Created,
        EventKind::Remove(_) => FileEvent::Removed,
        EventKind::Modify(ModifyKind::Name(_)) => FileEvent::Renamed,
        EventKind::Modify(ModifyKind::Metadata(_)) => FileEvent::Metadata,
        EventKind::Modify(_) | EventKind::Any | EventKind::Other => FileEvent::Written,
    })
}
