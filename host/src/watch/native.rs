//! Native events (inotify on Linux, FSEvents on macOS) for every step on the way to what is
//! watched: its folders, its links, the files themselves. Watches that died because what they
//! stood on was replaced are armed again. Decides nothing: it only says that something happened,
//! and whether it would.

#[cfg(any(test, not(target_os = "linux")))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod inotify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

#[cfg(not(target_os = "linux"))]
use self::elsewhere::Source;
#[cfg(target_os = "linux")]
use self::inotify::Source;
use super::inbox::About;
use super::scope::{Places, Survey, Walks};
use super::{Arm, Armed, FileEvent, Inbox, Scope};
use crate::target::FileSystem;

/// The operating system's events about some scopes.
pub struct NativeEvents {
    scopes: Vec<Scope>,
    heard: Arc<Heard>,
    /// Made at the first arming, and again after it failed.
    source: Option<Source>,
    armed: Places,
    walks: Walks,
    /// Why events cannot be trusted, and whether all is local, as found when all was armed.
    found: (Option<String>, bool),
    /// What each device said of itself; asking again at each look would double its price.
    kinds: HashMap<u64, Option<FileSystem>>,
}

/// What whoever hears an event needs.
struct Heard {
    inbox: Arc<Inbox>,
    concerns: ArcSwap<HashMap<PathBuf, About>>,
    trees: Vec<PathBuf>,
    /// Paths at and below which watches have ended, whatever stands there now.
    torn: Mutex<Vec<PathBuf>>,
}

impl NativeEvents {
    /// Events about `scopes`, delivered to `inbox` once armed.
    pub fn new(scopes: Vec<Scope>, inbox: Arc<Inbox>) -> Self {
        let trees = scopes
            .iter()
            .filter_map(|scope| match scope {
                Scope::Tree(root) => Some(root.clone()),
                Scope::File(_) => None,
            })
            .collect();
        Self {
            scopes,
            heard: Arc::new(Heard {
                inbox,
                concerns: ArcSwap::default(),
                trees,
                torn: Mutex::default(),
            }),
            source: None,
            armed: Places::new(),
            walks: Walks::default(),
            found: (None, false),
            kinds: HashMap::new(),
        }
    }

    fn source(&mut self) -> Result<&mut Source, String> {
        let source = match self.source.take() {
            Some(source) => source,
            None => {
                self.armed.clear();
                Source::start(Arc::clone(&self.heard))?
            }
        };
        Ok(self.source.insert(source))
    }

    /// Puts watches where they belong and takes them away where not. `whole`: nothing else is
    /// wanted.
    fn put(&mut self, wanted: &Places, whole: bool) -> Armed {
        let torn = std::mem::take(&mut *self.heard.torn());
        let mut armed = std::mem::take(&mut self.armed);
        let source = match self.source() {
            Ok(source) => source,
            Err(why) => return Armed::untrusted(why),
        };
        let (mut renewed, mut trouble) = (false, None);
        armed.retain(|path, identity| {
            if torn.iter().any(|torn| path.starts_with(torn)) {
                return false;
            }
            let keep = match wanted.get(path) {
                Some(wanted) => wanted == identity,
                None => !whole,
            };
            if !keep {
                renewed = true;
                source.unwatch(path);
            }
            keep
        });
        for (path, identity) in wanted {
            if armed.contains_key(path) {
                continue;
            }
            match source.watch(path) {
                Ok(()) => {
                    renewed = true;
                    armed.insert(path.clone(), *identity);
                }
                // It went away since we looked: the folder's events say so.
                Err(_) if !path.exists() => {}
                Err(refused) => {
                    trouble = Some(format!("{}: {refused}", path.display()));
                    // The others would only hear the same.
                    if matches!(refused, Refused::Limit) {
                        break;
                    }
                }
            }
        }
        self.armed = armed;
        Armed {
            renewed,
            trouble,
            ..Armed::default()
        }
    }

    /// Every place's file system: the first that does not tell of every change, and whether all
    /// are known and of this machine.
    fn file_systems(&mut self, places: &Places) -> (Option<String>, bool) {
        let (mut silence, mut local) = (None, true);
        for (path, (device, _)) in places {
            let kind = *self
                .kinds
                .entry(*device)
                .or_insert_with(|| FileSystem::of(path));
            local &= kind.is_some_and(|kind| !kind.silent);
            if let Some(kind) = kind.filter(|kind| kind.silent) {
                let (path, name) = (path.display(), kind.name);
                silence.get_or_insert_with(|| {
                    format!("{path} is on {name}, which does not tell of every change; nothing needs to be done")
                });
            }
        }
        (silence, local)
    }
}

impl Arm for NativeEvents {
    fn arm(&mut self) -> Armed {
        let survey = Survey::of(&self.scopes, &mut self.walks, SystemTime::now());
        let gone = survey
            .gone
            .map(|folder| format!("the folder {} is gone; it is watched for", folder.display()));
        self.heard.concerns.store(Arc::new(survey.concerns));
        let armed = self.put(&survey.places, true);
        self.kinds
            .retain(|device, _| survey.places.values().any(|(known, _)| known == device));
        let (silence, local) = self.file_systems(&survey.places);
        let trouble = armed.trouble.or(gone).or(silence);
        self.found = (trouble.clone(), local);
        Armed {
            trouble,
            local,
            found: survey.found,
            ..armed
        }
    }

    fn arm_inside(&mut self, path: &Path) -> Armed {
        let survey = Survey::inside(path, &mut self.walks, SystemTime::now());
        let armed = self.put(&survey.places, false);
        let (silence, local) = self.file_systems(&survey.places);
        // What is wrong elsewhere is wrong still.
        let (trouble, all_local) = self.found.clone();
        Armed {
            trouble: trouble.or(armed.trouble).or(silence),
            local: local && all_local,
            found: survey.found,
            ..armed
        }
    }
}

impl Heard {
    fn torn(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.torn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches at `path` and below it have ended.
    fn tear(&self, path: PathBuf) {
        self.torn().push(path);
    }

    /// Some events were lost.
    fn lost(&self) {
        self.inbox.overflow();
    }

    /// Keeps what may concern a target.
    fn deliver(&self, path: &Path, kind: FileEvent) {
        let about = match self.concerns.load().get(path) {
            Some(about) => about.clone(),
            None if self.in_a_tree(path) => About::Inside(path.to_owned()),
            None => return,
        };
        self.inbox.push(about, kind);
    }

    fn in_a_tree(&self, path: &Path) -> bool {
        self.trees.iter().any(|root| path.starts_with(root))
    }

    #[cfg(any(test, not(target_os = "linux")))]
    fn concerns(&self, path: &Path) -> bool {
        self.concerns.load().contains_key(path) || self.in_a_tree(path)
    }
}

/// Why a path cannot be watched.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the limit of watches is reached; raise fs.inotify.max_user_watches")]
    Limit,
    /// In the system's words.
    #[error("{0}")]
    Because(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who hears of files.
    pub(super) struct Told {
        pub(super) heard: Arc<Heard>,
        pub(super) inbox: Arc<Inbox>,
    }

    pub(super) fn told(paths: &[&PathBuf]) -> Told {
        let inbox = Arc::new(Inbox::default());
        let concerns = paths.iter().map(|path| {
            let about = About::File(path.as_path().into());
            ((*path).clone(), about)
        });
        let heard = Heard {
            inbox: Arc::clone(&inbox),
            concerns: ArcSwap::from_pointee(concerns.collect()),
            trees: Vec::new(),
            torn: Mutex::default(),
        };
        Told {
            heard: Arc::new(heard),
            inbox,
        }
    }

    impl Inbox {
        /// Real events of the real system, awaited without a clock.
        pub(super) async fn hears(&self, path: &Path, kind: FileEvent) {
            let wanted = (About::File(path.into()), kind);
            while !self.take().events.contains(&wanted) {
                self.arrived().await;
            }
        }
    }

    struct Watched {
        _folder: tempfile::TempDir,
        path: PathBuf,
        inbox: Arc<Inbox>,
        events: NativeEvents,
    }

    impl Watched {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().canonicalize().unwrap().join("in/config.yaml");
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "a: 1").unwrap();
            let inbox = Arc::new(Inbox::default());
            let scopes = vec![Scope::File(path.as_path().into())];
            let events = NativeEvents::new(scopes, Arc::clone(&inbox));
            Self {
                _folder: folder,
                path,
                inbox,
                events,
            }
        }

        async fn hears(&self, kind: FileEvent) {
            self.inbox.hears(&self.path, kind).await;
        }
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_twice_is_still_heard() {
        let mut watched = Watched::new();
        let armed = watched.events.arm();
        assert!(armed.renewed && armed.trouble.is_none(), "{armed:?}");
        for text in ["a: 2", "a: 3", "a: 4"] {
            let beside = watched.path.with_extension("tmp");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(&beside, &watched.path).unwrap();
            watched.hears(FileEvent::Renamed).await;
            let armed = watched.events.arm();
            assert!(armed.renewed, "the new file has a watch of its own");
        }
    }

    /// Whether or not its watches outlive that: the same folder, come back, looks as if it had them.
    #[tokio::test]
    async fn a_folder_that_went_away_and_came_back_is_heard_again() {
        let mut watched = Watched::new();
        watched.events.arm();
        let folder = watched.path.parent().unwrap().to_owned();
        let away = folder.with_extension("away");
        std::fs::rename(&folder, &away).unwrap();
        watched.hears(FileEvent::Renamed).await;
        assert!(watched.events.arm().trouble.unwrap().contains("is gone"));
        std::fs::rename(&away, &folder).unwrap();
        watched.hears(FileEvent::Renamed).await;
        assert_eq!(watched.events.arm().trouble, None);
        std::fs::write(&watched.path, "a: 2").unwrap();
        watched.hears(FileEvent::Closed).await;
    }

    #[tokio::test]
    async fn a_file_in_a_new_folder_of_a_tree_is_found_and_heard() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inbox = Arc::new(Inbox::default());
        let mut events = NativeEvents::new(vec![Scope::Tree(root.clone())], Arc::clone(&inbox));
        assert!(events.arm().found.is_empty());
        let (new, file) = (root.join("new"), root.join("new/file"));
        std::fs::create_dir(&new).unwrap();
        std::fs::write(&file, "a").unwrap();
        assert_eq!(events.arm_inside(&new).found, std::slice::from_ref(&file));
        std::fs::write(&file, "b").unwrap();
        let wanted = (About::Inside(file), FileEvent::Closed);
        while !inbox.take().events.contains(&wanted) {
            inbox.arrived().await;
        }
    }
}
