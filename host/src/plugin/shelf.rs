//! What lies in the plugins folders, and since when it lies still: a file that is being copied is
//! not taken before it is whole. Pure but for [`Lying::in_folders`]: `now` is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::edition::file_beside;
use crate::target::{LocalFile, Stat, Target};

/// For so long a file must have been as it is, and nobody have it open for writing.
const STILL: Duration = Duration::from_millis(200);
/// A writer that has done nothing for so long has forgotten to close it.
const FORGOTTEN: Duration = Duration::from_secs(5);
/// One that could not be used, for a reason that may pass, is taken again after so long, then
/// after twice as long,
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// and never later than this.
const LAST_WAIT: Duration = Duration::from_secs(120);
/// More files than this in one folder are no plugins; the first by their names count.
const MOST: usize = 1000;

/// A component in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Its own state, and that of the file beside it.
    stamp: (Stat, Option<Stat>),
}

/// What a look at the folders found.
#[derive(Debug, Default)]
pub(super) struct Lying {
    /// Every `NAME.wasm` by the stem of its name; the first folder that has one of a name has its
    /// say.
    pub(super) found: BTreeMap<String, Found>,
    /// What is wrong with a folder.
    pub(super) wrong: Vec<(PathBuf, String)>,
    /// Nobody can tell what lies there.
    unread: Vec<PathBuf>,
}

impl Lying {
    pub(super) fn in_folders(folders: &[PathBuf]) -> Self {
        let mut lying = Self::default();
        for folder in folders {
            let components = match components(folder) {
                Ok(components) => components,
                Err(error) => {
                    let why = format!("this folder cannot be read: {error}");
                    lying.wrong.push((folder.clone(), why));
                    lying.unread.push(folder.clone());
                    continue;
                }
            };
            if components.len() > MOST {
                let count = components.len();
                let why =
                    format!("there are {count} components; the first {MOST} by their names count");
                lying.wrong.push((folder.clone(), why));
            }
            for path in components.into_iter().take(MOST) {
                let stem = path
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned());
                let stat = |path: PathBuf| LocalFile::new(path).stat().ok();
                if let (Some(name), Some(own)) = (stem, stat(path.clone())) {
                    let stamp = (own, stat(file_beside(&path)));
                    lying.found.entry(name).or_insert(Found { path, stamp });
                }
            }
        }
        lying
    }
}

impl Found {
    fn is_in(&self, folder: &Path) -> bool {
        self.path.parent() == Some(folder)
    }

    /// Whether somebody has it open for writing, as far as the system tells.
    fn is_written(&self) -> bool {
        let open = |path: PathBuf| LocalFile::new(path).is_open_for_writing() == Some(true);
        open(self.path.clone()) || (self.stamp.1.is_some() && open(file_beside(&self.path)))
    }
}

/// What to do about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Something new lies there, and lies still.
    Take(String, PathBuf),
    /// Nothing lies there any more.
    Gone(String),
}

/// What is known of the folders.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    seen: Option<Found>,
    since: Instant,
    taken: Option<Found>,
    /// When it is to be taken again as it is.
    again_at: Option<Instant>,
    /// How long that was put off.
    wait: Duration,
}

impl Known {
    fn new(since: Instant) -> Self {
        Self {
            seen: None,
            since,
            taken: None,
            again_at: None,
            wait: Duration::ZERO,
        }
    }

    /// What was put off is of no concern any more.
    fn begin_anew(&mut self) {
        (self.again_at, self.wait) = (None, Duration::ZERO);
    }
}

impl Shelf {
    /// What follows from a look at the folders.
    pub(super) fn look(
        &mut self,
        mut found: BTreeMap<String, Found>,
        is_written: impl Fn(&Found) -> bool,
        now: Instant,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let names: BTreeSet<_> = self.known.keys().chain(found.keys()).cloned().collect();
        for name in names {
            let here = found.remove(&name);
            let known = self.known.entry(name.clone());
            let known = known.or_insert_with(|| Known::new(now));
            if known.seen != here {
                known.begin_anew();
                known.since = now;
                known.seen.clone_from(&here);
            }
            let still = now.saturating_duration_since(known.since);
            let is_due = known.again_at.is_some_and(|at| at <= now);
            if known.seen == known.taken && known.seen.is_some() && !is_due {
                continue;
            }
            if still < STILL {
                continue;
            }
            match here {
                Some(here) => {
                    if still >= FORGOTTEN || !is_written(&here) {
                        steps.push(Step::Take(name, here.path.clone()));
                        known.taken = Some(here);
                        known.again_at = None;
                    }
                }
                None => {
                    if known.taken.is_some() {
                        steps.push(Step::Gone(name.clone()));
                    }
                    self.known.remove(&name);
                }
            }
        }
        steps
    }

    /// Everything that lies there, as it is: at the start there is nothing to wait for.
    pub(super) fn take_all(&mut self, found: BTreeMap<String, Found>, now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        for (name, here) in found {
            steps.push(Step::Take(name.clone(), here.path.clone()));
            let known = Known {
                seen: Some(here.clone()),
                taken: Some(here),
                ..Known::new(now)
            };
            self.known.insert(name, known);
        }
        steps
    }

    /// As [`Self::look`], at the folders themselves. Of one that cannot be read, all is as it was.
    pub(super) fn look_at(&mut self, lying: Lying, now: Instant) -> Vec<Step> {
        let mut found = lying.found;
        for (name, known) in &self.known {
            let seen = known.seen.as_ref();
            let is_there = |it: &&Found| lying.unread.iter().any(|folder| it.is_in(folder));
            if let Some(seen) = seen.filter(is_there) {
                found.entry(name.clone()).or_insert_with(|| seen.clone());
            }
        }
        self.look(found, Found::is_written, now)
    }

    /// What was taken cannot be used, and may be later. Whether that is not the first time.
    pub(super) fn try_again(&mut self, name: &str, now: Instant) -> bool {
        let Some(known) = self.known.get_mut(name) else {
            return false;
        };
        let again = !known.wait.is_zero();
        known.wait = (known.wait * 2).clamp(FIRST_WAIT, LAST_WAIT);
        known.again_at = Some(now + known.wait);
        again
    }

    /// What lies there is to be taken once more.
    pub(super) fn forget_taken(&mut self) {
        for known in self.known.values_mut() {
            known.begin_anew();
            known.taken = known.taken.take().map(|taken| Found {
                // No file is like this: what lies there differs, and what is gone was there.
                path: PathBuf::new(),
                ..taken
            });
        }
    }

    /// When it must be looked at again though nothing happens: something does not lie still yet,
    /// or is to be taken again.
    pub(super) fn look_again(&self, now: Instant) -> Option<Instant> {
        let moving = self
            .known
            .values()
            .filter(|known| known.seen != known.taken);
        let still = moving.map(|known| known.since + STILL);
        let again = self.known.values().filter_map(|known| known.again_at);
        let first = still.chain(again).min()?;
        Some(first.max(now + STILL / 2))
    }
}

/// Every `NAME.wasm` in the folder, in the order of their names. There need not be a folder.
fn components(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "wasm") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::FileKind;

    fn found(size: u64) -> BTreeMap<String, Found> {
        let stat = Stat {
            kind: FileKind::Regular,
            size,
            modified: size,
            changed: size,
            inode: 1,
            device: 1,
        };
        let found = Found {
            path: PathBuf::from("/p/a.wasm"),
            stamp: (stat, None),
        };
        BTreeMap::from([("a".to_owned(), found)])
    }

    fn take() -> Vec<Step> {
        vec![Step::Take("a".to_owned(), "/p/a.wasm".into())]
    }

    #[test]
    fn of_too_many_the_first_by_their_names_count_and_that_is_told() {
        let folder = tempfile::TempDir::new().unwrap();
        for n in 0..=MOST {
            std::fs::write(folder.path().join(format!("p{n:04}.wasm")), "").unwrap();
        }
        let lying = Lying::in_folders(&[folder.path().to_owned()]);
        assert_eq!(lying.found.len(), MOST);
        assert!(!lying.found.contains_key(&format!("p{MOST:04}")));
        let (_, why) = &lying.wrong[0];
        assert!(
            why.contains("there are 1001 components; the first 1000"),
            "{why}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_is_taken_once_it_lies_still() {
        let (mut shelf, begin) = (Shelf::default(), Instant::now());
        let mut at = |millis: u64, here: BTreeMap<String, Found>, written: bool| {
            let now = begin + Duration::from_millis(millis);
            shelf.look(here, |_| written, now)
        };
        assert_eq!(at(0, found(1), false), []);
        assert_eq!(at(150, found(2), false), [], "it grows");
        assert_eq!(at(300, found(2), false), []);
        assert_eq!(at(350, found(2), true), [], "somebody writes");
        assert_eq!(at(400, found(2), false), take());
        assert_eq!(at(9000, found(2), false), [], "once");
        assert_eq!(at(9100, found(3), true), []);
        assert_eq!(at(14_100, found(3), true), take(), "nobody closes it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_usable_later_is_taken_again_ever_later() {
        let (mut shelf, begin) = (Shelf::default(), Instant::now());
        assert_eq!(shelf.take_all(found(1), begin), take());
        let mut now = begin;
        let mut again = false;
        for seconds in [2, 4, 8, 16, 32, 64, 120, 120] {
            assert_eq!(shelf.try_again("a", now), again);
            let wait = Duration::from_secs(seconds);
            assert_eq!(shelf.look_again(now), Some(now + wait));
            assert_eq!(shelf.look(found(1), |_| false, now + wait / 2), []);
            now += wait;
            assert_eq!(shelf.look(found(1), |_| false, now), take());
            again = true;
        }
        assert_eq!(shelf.look_again(now), None, "it could be used");
        assert_eq!(shelf.look(found(2), |_| false, now), []);
        assert!(!shelf.try_again("a", now), "another file");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_written_anew_was_not_away() {
        let (mut shelf, begin) = (Shelf::default(), Instant::now());
        assert_eq!(shelf.take_all(found(1), begin), take());
        let mut at = |millis: u64, here: BTreeMap<String, Found>| {
            shelf.look(here, |_| false, begin + Duration::from_millis(millis))
        };
        assert_eq!(at(0, found(1)), []);
        assert_eq!(at(10, BTreeMap::new()), []);
        assert_eq!(at(20, found(2)), []);
        assert_eq!(at(220, found(2)), take());
        assert_eq!(at(300, BTreeMap::new()), []);
        assert_eq!(at(500, BTreeMap::new()), [Step::Gone("a".to_owned())]);
        assert_eq!(at(900, BTreeMap::new()), []);
        assert_eq!(at(1000, found(2)), []);
        assert_eq!(at(1200, found(2)), take(), "it is back");
    }
}
