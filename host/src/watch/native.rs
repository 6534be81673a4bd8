//! Native events (`notify`: inotify on Linux, FSEvents on macOS) for every step on the way to
//! the target: its folders, its links, the file itself. Watches that died because what they
//! stood on was replaced are armed again. Decides nothing: it only says that something happened.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Arm, Armed, FileEvent, Inbox};
use crate::target::Route;

/// The operating system's events about one path.
pub struct NativeEvents {
    path: PathBuf,
    inbox: Arc<Inbox>,
    route: Arc<ArcSwap<Route>>,
    /// Made at the first arming, and again after it failed.
    watcher: Option<RecommendedWatcher>,
    /// Device and inode of what each watch was put on.
    armed: HashMap<PathBuf, (u64, u64)>,
}

impl NativeEvents {
    /// Events about `path` (absolute), delivered to `inbox` once armed.
    pub fn new(path: PathBuf, inbox: Arc<Inbox>) -> Self {
        Self {
            path,
            inbox,
            route: Arc::default(),
            watcher: None,
            armed: HashMap::new(),
        }
    }

    fn watcher(&mut self) -> notify::Result<&mut RecommendedWatcher> {
        let fresh = match self.watcher.take() {
            Some(watcher) => watcher,
            None => {
                self.armed.clear();
                let (inbox, route) = (Arc::clone(&self.inbox), Arc::clone(&self.route));
                notify::recommended_watcher(move |event| deliver(event, &route.load(), &inbox))?
            }
        };
        Ok(self.watcher.insert(fresh))
    }
}

impl Arm for NativeEvents {
    fn arm(&mut self) -> Armed {
        let route = Route::to(&self.path);
        let wanted = places(&route);
        self.route.store(Arc::new(route));
        let mut armed = std::mem::take(&mut self.armed);
        let watcher = match self.watcher() {
            Ok(watcher) => watcher,
            Err(error) => {
                return Armed {
                    renewed: false,
                    trouble: Some(remedy(&error)),
                };
            }
        };
        let (mut renewed, mut trouble) = (false, None);
        armed.retain(|path, identity| {
            let keep = wanted.get(path) == Some(identity);
            if !keep {
                renewed = true;
                // The system has dropped the watch already if what it stood on is gone.
                let _ = watcher.unwatch(path);
            }
            keep
        });
        for (path, identity) in wanted {
            if armed.contains_key(&path) {
                continue;
            }
            match watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    renewed = true;
                    armed.insert(path, identity);
                }
                // It went away since we looked: the folder's events say so.
                Err(_) if !path.exists() => {}
                Err(error) => trouble = Some(format!("{}: {}", path.display(), remedy(&error))),
            }
        }
        self.armed = armed;
        Armed { renewed, trouble }
    }
}

/// Every folder of the route that exists, and its end, each with its device and inode.
fn places(route: &Route) -> HashMap<PathBuf, (u64, u64)> {
    let folders = route.steps.iter().map(|step| step.folder.as_path());
    folders
        .chain([route.end.as_path()])
        .filter_map(|path| Some((path.to_owned(), identity(path)?)))
        .collect()
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// Runs on the callback thread: keeps what may concern the target.
fn deliver(event: notify::Result<notify::Event>, route: &Route, inbox: &Inbox) {
    let Ok(event) = event else {
        return inbox.overflow();
    };
    if event.need_rescan() {
        return inbox.overflow();
    }
    let Some(kind) = translate(&event.kind) else {
        return;
    };
    if event.paths.is_empty() || event.paths.iter().any(|path| route.concerns(path)) {
        inbox.push(kind);
    }
}

/// Reading the file is no event: the host itself reads it.
fn translate(kind: &EventKind) -> Option<FileEvent> {
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

fn remedy(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the limit of watches is reached; raise fs.inotify.max_user_watches".to_owned()
        }
        notify::ErrorKind::Io(io) if io.raw_os_error() == Some(nix::libc::EMFILE) => {
            "the limit of watchers is reached; raise fs.inotify.max_user_instances".to_owned()
        }
        notify::ErrorKind::Io(io) => io.to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real events of the real system, awaited without a clock.
    #[tokio::test]
    async fn a_file_that_is_replaced_twice_is_still_heard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("config.yaml");
        std::fs::write(&path, "a: 1").unwrap();
        let inbox = Arc::new(Inbox::default());
        let mut events = NativeEvents::new(path.clone(), Arc::clone(&inbox));
        assert_eq!(
            events.arm(),
            Armed {
                renewed: true,
                trouble: None
            }
        );
        for text in ["a: 2", "a: 3", "a: 4"] {
            let beside = path.with_extension("tmp");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(&beside, &path).unwrap();
            while !inbox.take().events.contains(&FileEvent::Renamed) {
                inbox.arrived().await;
            }
            assert!(events.arm().renewed, "the new file has a watch of its own");
        }
    }
}
