//! Linux's own events, read on the thread that looks: a library with a thread of its own costs each
//! event a way to another processor, and hears of every opening, the host's own among them. Knows
//! inodes and paths; what an event means is for others to say.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::inotify::{
    AddWatchFlags as Flags, InitFlags, Inotify, InotifyEvent, WatchDescriptor,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use super::{Heard, Refused};
use crate::watch::FileEvent;

/// What is asked of each watch. Reading a file is no event: the host itself reads it.
const ASKED: Flags = Flags::IN_ATTRIB
    .union(Flags::IN_CLOSE_WRITE)
    .union(Flags::IN_CREATE)
    .union(Flags::IN_DELETE)
    .union(Flags::IN_DELETE_SELF)
    .union(Flags::IN_MODIFY)
    .union(Flags::IN_MOVE)
    .union(Flags::IN_MOVE_SELF);

/// Fewer events than this leave room for one more in the 4096 bytes that nix reads into: one takes
/// at most 16, and 256 for its name (`inotify(7)`).
const FULL: usize = 15;

/// A queue of the kernel's, and the task that empties it until this is dropped.
pub(super) struct Source {
    heard: Arc<Heard>,
    shared: Arc<Shared>,
    /// What each path's watch stands on.
    watches: HashMap<PathBuf, WatchDescriptor>,
    reader: JoinHandle<()>,
}

struct Shared {
    queue: AsyncFd<Queue>,
    standing: Mutex<Standing>,
}

#[derive(Default)]
struct Standing {
    /// One inode may be watched by several paths (hard links, bind mounts), and until the kernel
    /// says that a watch has ended, by none.
    paths: HashMap<WatchDescriptor, Vec<PathBuf>>,
    /// Watches that ended before it was noted who stands on them.
    ended: HashSet<WatchDescriptor>,
}

struct Queue(Inotify);

impl AsRawFd for Queue {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Source {
    /// A source without watches. Within a runtime.
    pub(super) fn start(heard: Arc<Heard>) -> Result<Self, String> {
        let queue = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC);
        let queue = queue.map_err(|errno| match errno {
            Errno::EMFILE => {
                "the limit of watchers is reached; raise fs.inotify.max_user_instances".to_owned()
            }
            errno => errno.desc().to_owned(),
        })?;
        let queue = register(queue).map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared {
            queue,
            standing: Mutex::default(),
        });
        Ok(Self {
            reader: tokio::spawn(read(Arc::clone(&shared), Arc::clone(&heard))),
            heard,
            shared,
            watches: HashMap::new(),
        })
    }

    /// Watches what stands at `path` now, instead of what stood there when it was last asked. What
    /// happens before it returns may go unheard.
    pub(super) fn watch(&mut self, path: &Path) -> Result<(), Refused> {
        let inotify = &self.shared.queue.get_ref().0;
        let watch = inotify
            .add_watch(path, ASKED)
            .map_err(|errno| match errno {
                Errno::ENOSPC => Refused::Limit,
                errno => Refused::Because(errno.desc().to_owned()),
            })?;
        let mut standing = self.shared.standing();
        if standing.ended.remove(&watch) {
            self.heard.tear(path.to_owned());
        } else {
            let paths = standing.paths.entry(watch).or_default();
            if !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        }
        drop(standing);
        match self.watches.insert(path.to_owned(), watch) {
            Some(before) if before != watch => self.release(path, before),
            _ => {}
        }
        Ok(())
    }

    /// Watches it no more.
    pub(super) fn unwatch(&mut self, path: &Path) {
        if let Some(watch) = self.watches.remove(path) {
            self.release(path, watch);
        }
    }

    /// Ends a watch once no path stands on it any more.
    fn release(&self, path: &Path, watch: WatchDescriptor) {
        let mut standing = self.shared.standing();
        let Some(paths) = standing.paths.get_mut(&watch) else {
            return;
        };
        paths.retain(|known| known != path);
        if paths.is_empty() {
            // The kernel has dropped it already if what it stood on is gone.
            let _ = self.shared.queue.get_ref().0.rm_watch(watch);
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, event: &InotifyEvent, heard: &Heard) {
        if event.mask.contains(Flags::IN_Q_OVERFLOW) {
            // Among what was lost may be the end of any watch.
            heard.tear(PathBuf::from("/"));
            return heard.lost();
        }
        let mut standing = self.standing();
        if event.mask.contains(Flags::IN_IGNORED) {
            match standing.paths.remove(&event.wd) {
                Some(paths) => {
                    for path in paths {
                        heard.tear(path.clone());
                        heard.deliver(&path, FileEvent::Removed);
                    }
                }
                None => {
                    standing.ended.insert(event.wd);
                }
            }
            return;
        }
        let Some(kind) = translate(event.mask) else {
            return;
        };
        for path in standing.paths.get(&event.wd).into_iter().flatten() {
            match &event.name {
                Some(name) => heard.deliver(&path.join(name), kind),
                None => heard.deliver(path, kind),
            };
        }
    }
}

#[expect(unsafe_code, reason = "no safe call registers a descriptor with tokio")]
fn register(queue: Inotify) -> io::Result<AsyncFd<Queue>> {
    // SAFETY: the queue owns its descriptor, which stays open and the same as long as it lives.
    let queue = unsafe { AsyncFd::register_with_interest(Queue(queue), Interest::READABLE) };
    queue.map_err(io::Error::from)
}

/// Reads what comes, until it is aborted or the kernel refuses.
async fn read(shared: Arc<Shared>, heard: Arc<Heard>) {
    while let Ok(mut ready) = shared.queue.readable().await {
        match ready.try_io(|queue| queue.get_ref().0.read_events().map_err(io::Error::from)) {
            Ok(Ok(events)) => {
                for event in &events {
                    shared.deliver(event, &heard);
                }
                // There was room for more, so there is no more. What comes from now on counts.
                if events.len() < FULL {
                    ready.clear_ready();
                }
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "events of the operating system cannot be read");
                return heard.lost();
            }
            Err(_nothing) => {}
        }
    }
}

fn translate(mask: Flags) -> Option<FileEvent> {
    [
        (Flags::IN_CLOSE_WRITE, FileEvent::Closed),
        (Flags::IN_MODIFY, FileEvent::Written),
        (Flags::IN_MOVE, FileEvent::Renamed),
        (Flags::IN_MOVE_SELF, FileEvent::Renamed),
        (Flags::IN_CREATE, FileEvent::Created),
        (Flags::IN_DELETE, FileEvent::Removed),
        (Flags::IN_DELETE_SELF, FileEvent::Removed),
        (Flags::IN_UNMOUNT, FileEvent::Removed),
        (Flags::IN_ATTRIB, FileEvent::Metadata),
    ]
    .into_iter()
    .find_map(|(flag, kind)| mask.intersects(flag).then_some(kind))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Told, told};
    use super::*;

    #[tokio::test]
    async fn what_two_paths_stand_on_is_watched_until_both_are_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::write(&one, "a").unwrap();
        std::fs::hard_link(&one, &other).unwrap();
        let Told { heard, inbox } = told(&[&one, &other]);
        let mut source = Source::start(heard).unwrap();
        source.watch(&one).unwrap();
        source.watch(&other).unwrap();
        std::fs::write(&one, "b").unwrap();
        inbox.hears(&one, FileEvent::Closed).await;
        source.unwatch(&one);
        std::fs::write(&one, "c").unwrap();
        inbox.hears(&other, FileEvent::Closed).await;
        source.unwatch(&other);
        assert!(source.watches.is_empty());
        while !source.shared.standing().paths.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}
