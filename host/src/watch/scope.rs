//! What is watched: files by name, and every file in a folder. Walks folders and follows routes;
//! watches nothing itself.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::inbox::About;
use crate::target::{Links, Route};

/// One thing to watch; paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A file, which need not exist.
    File(Arc<Path>),
    /// Every regular file in a folder and its folders. Links to folders are not entered.
    Tree(PathBuf),
    /// A folder, and what comes into it or leaves it; not what is in its folders.
    Folder(PathBuf),
}

/// A folder or file to put a watch on: its path, with device and inode of what stands there.
pub(super) type Places = HashMap<PathBuf, (u64, u64)>;

/// What folders held when they were last read, so that one which has not changed since is not
/// read again.
#[derive(Debug, Default)]
pub(super) struct Walks(HashMap<PathBuf, Walk>);

#[derive(Debug)]
struct Walk {
    stamp: Stamp,
    folders: Vec<PathBuf>,
}

/// What changes when something comes into a folder or leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    /// Also when what may be read of it changes, or somebody puts the time back.
    changed: (i64, i64),
}

/// A folder that changed so shortly before it was read may change again within the same tick of
/// its file system's clock, of which the coarsest (FAT) has two seconds.
const SETTLES_SECONDS: i64 = 3;

/// What watching takes, as things stand now.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Where watches belong.
    pub(super) places: Places,
    /// Which files an event at a path is about.
    pub(super) concerns: HashMap<PathBuf, About>,
    /// Files in the folders, of those that changed since the last survey.
    pub(super) found: Vec<PathBuf>,
    /// A folder that should be there and is not.
    pub(super) gone: Option<PathBuf>,
}

impl Survey {
    /// All that the scopes cover.
    pub(super) fn of(scopes: &[Scope], walks: &mut Walks, now: SystemTime) -> Self {
        let mut survey = Self::default();
        let mut links = Links::default();
        let mut concerned: HashMap<PathBuf, Vec<Arc<Path>>> = HashMap::new();
        for scope in scopes {
            match scope {
                Scope::File(path) => {
                    let route = Route::to(path, &mut links);
                    for step in &route.steps {
                        survey.place(&step.folder);
                    }
                    survey.place(&route.end);
                    for place in route.places() {
                        let files = concerned.entry(place).or_default();
                        // Of more than one, all are looked at.
                        if files.last() != Some(path) && files.len() <= 1 {
                            files.push(Arc::clone(path));
                        }
                    }
                    survey.gone = survey.gone.take().or(route.gone);
                }
                Scope::Tree(root) => {
                    let route = Route::to(root, &mut links);
                    for step in &route.steps {
                        survey.place(&step.folder);
                    }
                    for place in route.places() {
                        survey.concerns.insert(place, About::All);
                    }
                    if !root.is_dir() {
                        survey.gone = survey.gone.take().or(Some(root.clone()));
                    }
                    survey.walk(root, walks, now);
                }
                Scope::Folder(root) => {
                    let route = Route::to(root, &mut links);
                    for step in &route.steps {
                        survey.place(&step.folder);
                    }
                    for place in route.places() {
                        survey.concerns.insert(place, About::All);
                    }
                    survey.place(root);
                }
            }
        }
        for (place, files) in concerned {
            let about = match <[_; 1]>::try_from(files) {
                Ok([file]) => About::File(file),
                Err(_) => About::All,
            };
            survey.concerns.insert(place, about);
        }
        survey
    }

    /// What stands at this path in a watched folder: the file, or all in the folder.
    pub(super) fn inside(path: &Path, walks: &mut Walks, now: SystemTime) -> Self {
        let mut survey = Self::default();
        match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => survey.walk(path, walks, now),
            Ok(_) if path.is_file() => survey.found.push(path.to_owned()),
            _ => {}
        }
        survey
    }

    fn place(&mut self, path: &Path) {
        if self.places.contains_key(path) {
            return;
        }
        if let Ok(meta) = std::fs::metadata(path) {
            self.places
                .insert(path.to_owned(), (meta.dev(), meta.ino()));
        }
    }

    fn walk(&mut self, root: &Path, walks: &mut Walks, now: SystemTime) {
        let mut ahead = vec![root.to_owned()];
        while let Some(folder) = ahead.pop() {
            let Ok(meta) = std::fs::metadata(&folder) else {
                walks.0.remove(&folder);
                continue;
            };
            let stamp = Stamp {
                device: meta.dev(),
                inode: meta.ino(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                changed: (meta.ctime(), meta.ctime_nsec()),
            };
            self.places
                .insert(folder.clone(), (stamp.device, stamp.inode));
            if let Some(walk) = walks.0.get(&folder).filter(|walk| walk.stamp == stamp) {
                ahead.extend(walk.folders.iter().cloned());
                continue;
            }
            let Some((folders, certain)) = self.read(&folder) else {
                walks.0.remove(&folder);
                continue;
            };
            ahead.extend(folders.iter().cloned());
            let age = now
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |now| now.as_secs().cast_signed())
                - stamp.changed.0.max(stamp.modified.0);
            if certain && age > SETTLES_SECONDS {
                walks.0.insert(folder, Walk { stamp, folders });
            } else {
                walks.0.remove(&folder);
            }
        }
    }

    /// Takes the files of a folder, and gives its folders, and whether that holds until the folder
    /// itself changes. Nothing, if it went away or may not be read now.
    fn read(&mut self, folder: &Path) -> Option<(Vec<PathBuf>, bool)> {
        let (mut folders, mut certain) = (Vec::new(), true);
        for entry in std::fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
                self.found.push(entry.path());
            } else if kind.is_symlink() {
                // What it leads to may come one day.
                certain = false;
            }
        }
        Some((folders, certain))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_folder_holds_its_files_and_those_of_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("in")).unwrap();
        std::fs::write(root.join("a"), "").unwrap();
        std::fs::write(root.join("in/b"), "").unwrap();
        symlink("..", root.join("in/loop")).unwrap();
        symlink("../a", root.join("in/link")).unwrap();
        let mut survey = Survey::of(
            &[Scope::Tree(root.clone())],
            &mut Walks::default(),
            SystemTime::now(),
        );
        survey.found.sort();
        let expected = ["a", "in/b", "in/link"].map(|name| root.join(name));
        assert_eq!(survey.found, expected);
        assert!(survey.places.contains_key(&root.join("in")));
        assert_eq!(survey.concerns.get(&root), Some(&About::All));
    }

    #[test]
    fn a_missing_folder_is_named_and_the_one_that_lacks_it_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let file = root.join("gone/config.yaml");
        let survey = Survey::of(
            &[Scope::File(file.as_path().into())],
            &mut Walks::default(),
            SystemTime::now(),
        );
        assert_eq!(survey.gone, Some(root.join("gone")));
        assert!(survey.places.contains_key(&root));
        let about = About::File(file.as_path().into());
        assert_eq!(survey.concerns.get(&root.join("gone")), Some(&about));
    }

    #[test]
    fn a_folder_that_did_not_change_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inside = root.join("in");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("a"), "").unwrap();
        let mut walks = Walks::default();
        let scope = [Scope::Tree(root.clone())];
        let (now, later) = (
            SystemTime::now(),
            SystemTime::now() + Duration::from_secs(60),
        );
        let found = |walks: &mut Walks, now| Survey::of(&scope, walks, now).found.len();
        // Young, it may change again within a tick of its clock.
        assert_eq!((found(&mut walks, now), found(&mut walks, now)), (1, 1));
        assert_eq!(found(&mut walks, later), 1);
        let again = Survey::of(&scope, &mut walks, later);
        assert!(again.found.is_empty());
        assert!(
            again.places.contains_key(&inside),
            "it is watched all the same"
        );
        std::fs::write(inside.join("b"), "").unwrap();
        assert_eq!(found(&mut walks, now), 2);
    }

    #[test]
    fn a_link_that_leads_nowhere_yet_is_found_when_it_leads_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (tree, elsewhere) = (root.join("tree"), root.join("elsewhere"));
        std::fs::create_dir(&tree).unwrap();
        symlink(&elsewhere, tree.join("link")).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        let (mut walks, scope) = (Walks::default(), [Scope::Tree(tree.clone())]);
        assert!(Survey::of(&scope, &mut walks, later).found.is_empty());
        std::fs::write(&elsewhere, "").unwrap();
        assert_eq!(
            Survey::of(&scope, &mut walks, later).found,
            [tree.join("link")]
        );
    }
}
