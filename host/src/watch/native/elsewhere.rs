//! Events where the system is not Linux (`notify`: FSEvents on macOS). On Linux only its test runs.

use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Heard, Refused};
use crate::watch::FileEvent;

/// A watcher with a thread of its own, until dropped.
pub(super) struct Source(RecommendedWatcher);

impl Source {
    /// A source without watches.
    pub(super) fn start(heard: Arc<Heard>) -> Result<Self, String> {
        notify::recommended_watcher(move |event| hear(event, &heard))
            .map(Self)
            .map_err(|error| error.to_string())
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

/// Runs on the watcher's thread.
fn hear(event: notify::Result<notify::Event>, heard: &Heard) {
    let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
        return heard.lost();
    };
    let Some(kind) = translate(event.kind) else {
        return;
    };
    for path in event.paths {
        // notify takes down every watch at and below it, also when the very same comes back.
        if matches!(kind, FileEvent::Removed | FileEvent::Renamed) && heard.concerns(&path) {
            heard.tear(path.clone());
        }
        heard.deliver(&path, kind);
    }
}

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

#[cfg(test)]
mod tests {
    use super::super::tests::{Told, told};
    use super::*;

    #[tokio::test]
    async fn a_save_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("file");
        std::fs::write(&path, "a").unwrap();
        let Told { heard, inbox } = told(&[&path]);
        let mut source = Source::start(heard).unwrap();
        source.watch(&path).unwrap();
        std::fs::write(&path, "b").unwrap();
        inbox.hears(&path, FileEvent::Written).await;
        source.unwatch(&path);
    }
}
