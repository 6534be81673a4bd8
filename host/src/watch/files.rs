//! All files of a watcher by number, and those at which something is due. Pure: time is an
//! argument. What it does grows with the files concerned, not with all that are watched.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use tokio::time::Instant;

use super::due::Due;
use super::watched::Watched;

#[derive(Default)]
pub(super) struct Files {
    /// By number.
    all: Vec<Option<Watched>>,
    numbers: HashMap<Arc<Path>, usize>,
    /// At which something is due, or will be.
    pending: BTreeSet<usize>,
}

impl Files {
    /// Takes in a file under the number that [`super::look::Look`] has given it.
    pub(super) fn add(&mut self, number: usize, file: Watched) {
        self.numbers.insert(Arc::clone(&file.path), number);
        if self.all.len() <= number {
            self.all.resize_with(number + 1, || None);
        }
        if let Some(slot) = self.all.get_mut(number) {
            *slot = Some(file);
        }
    }

    /// Forgets a file.
    pub(super) fn remove(&mut self, number: usize) {
        if let Some(file) = self.all.get_mut(number).and_then(Option::take) {
            self.numbers.remove(&file.path);
            self.pending.remove(&number);
        }
    }

    pub(super) fn number(&self, path: &Path) -> Option<usize> {
        self.numbers.get(path).copied()
    }

    pub(super) fn first(&mut self) -> Option<&mut Watched> {
        self.all.first_mut()?.as_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.all.iter_mut().flatten()
    }

    /// One file, at which something may be due from now on.
    pub(super) fn touch(&mut self, number: usize) -> Option<&mut Watched> {
        let file = self.all.get_mut(number)?.as_mut()?;
        self.pending.insert(number);
        Some(file)
    }

    /// When something must be done at a file although nothing happens.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let pending = self.pending.iter();
        pending
            .filter_map(|number| self.all.get(*number)?.as_ref()?.deadline(now))
            .min()
    }

    /// Takes what is due now, of `all` what is due at all, and forgets the files at which nothing is
    /// any more.
    pub(super) fn take_due(&mut self, now: Instant, all: bool) -> HashMap<usize, Due> {
        let mut taken = HashMap::new();
        self.pending.retain(|number| {
            let Some(Some(file)) = self.all.get_mut(*number) else {
                return false;
            };
            if let Some(due) = file.take_due(now, all) {
                taken.insert(*number, due);
            }
            file.is_pending(now)
        });
        taken
    }
}
