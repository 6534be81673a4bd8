//! Native events (`notify`: inotify on Linux, FSEvents on macOS) for every step on the way to what is
//! watched: its folders, its links, the files themselves. Watches that died because what they
//! stood on was replaced are armed again. Decides nothing: it only says that something happened,
//! and whether it would.

mod source;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use self::source::{Refused, Source};
use super::inbox::About;
use super::scope::{Places, Survey, Walks};
use super::{Arm, Armed, FileEvent, Inbox, Scope, Unseen};
use crate::target::FileSystem;

/// The operating system's events about some scopes.
pub struct NativeEvents {
    scopes: Vec<Scope>,
    /// The files among them.
    named: HashSet<Arc<Path>>,
    heard: Arc<Heard>,
    /// Made at the first arming, and again after it failed.
    source: Option<Source>,
    /// Whatever is below a path comes after it.
    armed: BTreeMap<PathBuf, (u64, u64)>,
    walks: Walks,
    /// Why events cannot be trusted, and whether all is local, as found when all was armed.
    found: (Option<String>, bool),
    /// What each device said of itself; asking again at each look would double its price.
    kinds: HashMap<u64, Option<FileSystem>>,
}

/// What an event at each path is about.
type Concerns = HashMap<PathBuf, About>;

/// What whoever hears an event needs.
struct Heard {
    inbox: Arc<Inbox>,
    concerns: ArcSwap<Concerns>,
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
                Scope::Tree(root) | Scope::Folder(root) => Some(root.clone()),
                Scope::File(_) => None,
            })
            .collect();
        let named = scopes.iter().filter_map(|scope| match scope {
            Scope::Tree(_) | Scope::Folder(_) => None,
            Scope::File(path) => Some(Arc::clone(path)),
        });
        Self {
            named: named.collect(),
            scopes,
            heard: Arc::new(Heard {
                inbox,
                concerns: ArcSwap::default(),
                trees,
                torn: Mutex::default(),
            }),
            source: None,
            armed: BTreeMap::new(),
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
    /// wanted. `before`: what events were about until now.
    fn put(&mut self, wanted: &Places, whole: bool, before: &Concerns) -> Armed {
        let torn = std::mem::take(&mut *self.heard.torn());
        let mut armed = std::mem::take(&mut self.armed);
        let concerns = self.heard.concerns.load_full();
        let source = match self.source() {
            Ok(source) => source,
            Err(why) => return Armed::untrusted(why),
        };
        let (mut unseen, mut trouble) = (Unseen::Nothing, None);
        let mut renew = |path: &Path| match concerns.get(path).or_else(|| before.get(path)) {
            Some(About::All) => unseen = Unseen::Everything,
            Some(About::File(file)) => unseen.add(file.to_path_buf()),
            Some(About::Inside(path)) => unseen.add(path.clone()),
            None => unseen.add(path.to_owned()),
        };
        for torn in torn {
            let below = armed.range(torn.clone()..).map(|(path, _)| path);
            let below = below.take_while(|path| path.starts_with(&torn));
            for path in below.cloned().collect::<Vec<_>>() {
                source.unwatch(&path);
                armed.remove(&path);
            }
        }
        if whole {
            armed.retain(|path, _| {
                let keep = wanted.contains_key(path);
                if !keep {
                    renew(path);
                    source.unwatch(path);
                }
                keep
            });
        }
        for (path, identity) in wanted {
            match armed.get(path) {
                Some(known) if known == identity => continue,
                Some(_) => source.unwatch(path),
                None => {}
            }
            armed.remove(path);
            match source.watch(path) {
                Ok(()) => {
                    renew(path);
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
            unseen,
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
        let before = self.heard.concerns.swap(Arc::new(survey.concerns));
        let armed = self.put(&survey.places, true, &before);
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

    fn arm_at(&mut self, path: &Path) -> Armed {
        let concerns = self.heard.concerns.load_full();
        let survey = match self.named.get(path) {
            None => Survey::inside(path, &mut self.walks, SystemTime::now()),
            Some(path) => {
                let scope = Scope::File(Arc::clone(path));
                let survey = Survey::of(&[scope], &mut self.walks, SystemTime::now());
                let known = |place| concerns.contains_key(place);
                // It may lead elsewhere now, which concerns others, too.
                if survey.gone.is_some() || !survey.concerns.keys().all(known) {
                    return self.arm();
                }
                survey
            }
        };
        let armed = self.put(&survey.places, false, &concerns);
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

    /// Some events were lost.
    fn lost(&self) {
        self.inbox.overflow();
    }

    /// Keeps what may concern a target.
    fn deliver(&self, path: PathBuf, kind: FileEvent) {
        let about = match self.concerns.load().get(&path) {
            Some(about) => about.clone(),
            None if self.trees.iter().any(|root| path.starts_with(root)) => {
                About::Inside(path.clone())
            }
            None => return,
        };
        // notify takes down every watch at and below it, also when the very same comes back.
        if matches!(kind, FileEvent::Removed | FileEvent::Renamed) {
            self.torn().push(path);
        }
        self.inbox.push(about, kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Inbox {
        /// Real events of the real system, awaited without a clock.
        async fn hears(&self, path: &Path, kind: FileEvent) {
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
        assert!(armed.unseen != Unseen::Nothing && armed.trouble.is_none());
        for text in ["a: 2", "a: 3", "a: 4"] {
            let beside = watched.path.with_extension("tmp");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(&beside, &watched.path).unwrap();
            watched.hears(FileEvent::Renamed).await;
            let armed = watched.events.arm();
            assert!(
                armed.unseen != Unseen::Nothing,
                "the new file has a watch of its own"
            );
        }
    }

    #[tokio::test]
    async fn one_of_many_files_that_is_replaced_is_armed_and_looked_at_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (one, other) = (folder.join("one"), folder.join("other"));
        for path in [&one, &other] {
            std::fs::write(path, "a").unwrap();
        }
        let scopes = [&one, &other].map(|path| Scope::File(path.as_path().into()));
        let inbox = Arc::new(Inbox::default());
        let mut events = NativeEvents::new(scopes.to_vec(), Arc::clone(&inbox));
        assert_eq!(events.arm().unseen, Unseen::Everything);
        let beside = folder.join("beside");
        std::fs::write(&beside, "b").unwrap();
        std::fs::rename(&beside, &one).unwrap();
        inbox.hears(&one, FileEvent::Renamed).await;
        let alone = Unseen::At(HashSet::from([one.clone()]));
        assert_eq!(events.arm_at(&one).unseen, alone);
        std::fs::write(&one, "c").unwrap();
        inbox.hears(&one, FileEvent::Closed).await;
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
        assert_eq!(events.arm_at(&new).found, std::slice::from_ref(&file));
        std::fs::write(&file, "b").unwrap();
        let wanted = (About::Inside(file), FileEvent::Closed);
        while !inbox.take().events.contains(&wanted) {
            inbox.arrived().await;
        }
    }
}
