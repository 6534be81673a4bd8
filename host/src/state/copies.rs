//! Whole copies of configurations, oldest first, bounded in number and bytes. What there is to
//! know of one stands in its name, so there is no index that could be wrong.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Folder, StateError, whole};

/// A day of lively editing.
const MOST: usize = 20;
/// Four of the largest configurations there may be, or thousands of usual ones.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// The copies in the folder of one watched file.
#[derive(Debug, Clone)]
pub struct Copies {
    folder: PathBuf,
}

/// One copy, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Grows with each copy; the name begins with it.
    pub number: u64,
    /// The generation that it served as.
    pub generation: u64,
    /// The digest that its bytes should have, in hex.
    pub digest: String,
    /// Where it is.
    pub path: PathBuf,
    size: u64,
}

impl Copies {
    /// Those in this folder.
    pub fn of(folder: &Folder) -> Self {
        Self {
            folder: folder.copies(),
        }
    }

    /// All copies, oldest first. None where there is no folder yet.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn list(&self) -> Result<Vec<Kept>, StateError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StateError::of("read", &self.folder))?,
        };
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StateError::of("read", &self.folder))?;
            // What has another name is not ours to read or to remove.
            kept.extend(Kept::named(&entry.path()));
        }
        kept.sort_by_key(|copy| copy.number);
        Ok(kept)
    }

    /// Keeps one more in a folder that is held, and lets the oldest go where they are too many. The newest always stays.
    ///
    /// # Errors
    /// When the system refuses; the copies before are there then.
    pub fn keep(&self, generation: u64, digest: &str, bytes: &[u8]) -> Result<(), StateError> {
        let mut kept = self.list()?;
        let number = kept.last().map_or(1, |copy| copy.number + 1);
        let name = format!("{number:06}-generation-{generation}-{digest}.yaml");
        whole::write_whole(&self.folder.join(&name), bytes)?;
        kept.extend(Kept::named(&self.folder.join(&name)));
        let mut total = 0;
        for (newer, copy) in kept.iter().rev().enumerate() {
            total += copy.size;
            if newer > 0 && (newer >= MOST || total > MOST_BYTES) {
                fs::remove_file(&copy.path).map_err(StateError::of("remove", &copy.path))?;
            }
        }
        Ok(())
    }
}

impl Kept {
    /// Its bytes. Whether they have its digest is for the caller to see.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn read(&self) -> Result<Vec<u8>, StateError> {
        fs::read(&self.path).map_err(StateError::of("read", &self.path))
    }

    fn named(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".yaml")?;
        let (number, rest) = name.split_once("-generation-")?;
        let (generation, digest) = rest.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            generation: generation.parse().ok()?,
            digest: digest.to_owned(),
            path: path.to_owned(),
            size: fs::metadata(path).map_or(0, |meta| meta.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(root: &tempfile::TempDir) -> Copies {
        let folder = Folder::of(root.path(), Path::new("/config.yaml"));
        drop(folder.hold().unwrap());
        Copies::of(&folder)
    }

    #[test]
    fn copies_come_back_in_order_and_the_oldest_go() {
        let root = tempfile::tempdir().unwrap();
        let copies = copies(&root);
        assert_eq!(copies.list().unwrap(), []);
        for generation in 1..=25 {
            copies.keep(generation, "d1", &[generation as u8]).unwrap();
        }
        let kept = copies.list().unwrap();
        let generations: Vec<_> = kept.iter().map(|copy| copy.generation).collect();
        assert_eq!(generations, (6..=25).collect::<Vec<_>>());
        assert_eq!(kept[0].read().unwrap(), [6]);
        assert_eq!(kept[0].digest, "d1");
    }

    #[test]
    fn large_copies_make_room_but_the_newest_stays() {
        let root = tempfile::tempdir().unwrap();
        let copies = copies(&root);
        let large = vec![0; 20 * 1024 * 1024];
        copies.keep(1, "a", &large).unwrap();
        copies.keep(2, "b", &large).unwrap();
        let kept = copies.list().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].generation, 2);
        copies.keep(3, "c", b"small").unwrap();
        assert_eq!(copies.list().unwrap().len(), 2);
    }

    #[test]
    fn what_has_another_name_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let copies = copies(&root);
        copies.keep(1, "a", b"1").unwrap();
        let notes = copies.folder.join("notes.txt");
        fs::write(&notes, "mine").unwrap();
        copies.keep(2, "b", b"2").unwrap();
        assert_eq!(copies.list().unwrap().len(), 2);
        assert!(notes.exists());
    }
}
