//! The plugins that would be at hand if the section `plugins` said something else, for who checks
//! a configuration that says so. Those that serve are left as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use tokio::time::Instant;

use super::{DroppedIn, Library, Now};
use crate::config::{PluginLimits, PluginSettings};
use crate::plugin::shelf::Lying;
use crate::reload::{AtHand, OtherPlugins};

/// Where plugins are: beside the configuration, then where this user keeps his own.
pub fn plugin_folders(
    base: &Path,
    settings: &PluginSettings,
    of_user: Option<&PathBuf>,
) -> Vec<PathBuf> {
    let beside = base.join(&settings.dir);
    [Some(beside), of_user.cloned()]
        .into_iter()
        .flatten()
        .collect()
}

/// Finds what would be at hand.
pub struct Elsewhere {
    /// What is at hand.
    pub library: Arc<Library>,
    /// The folder that `plugins.dir` starts from.
    pub base: PathBuf,
    /// Where plugins are besides.
    pub of_user: Option<PathBuf>,
}

impl OtherPlugins for Elsewhere {
    fn under(&self, settings: &PluginSettings) -> AtHand {
        let folders = plugin_folders(&self.base, settings, self.of_user.as_ref());
        let library = Arc::new(self.library.elsewhere(settings.limits, &folders));
        AtHand {
            detectors: library.clone(),
            middleware: library,
        }
    }
}

impl Library {
    /// What would be at hand with these limits, in these folders. Blocks.
    fn elsewhere(&self, limits: PluginLimits, folders: &[PathBuf]) -> Self {
        let found = Lying::in_folders(folders).found;
        let now = self.read();
        let engine = now.engine.with_limits(limits.into());
        // The same file is not made again, and goes on where it cannot be used with other limits.
        // Of another, what comes of it here is no concern of what serves.
        let here = now.dropped_in.iter().filter(|(name, it)| {
            let there = found.get(*name);
            there.is_some_and(|there| there.path == it.path)
        });
        let dropped_in: BTreeMap<_, _> = here
            .map(|(name, it)| {
                let edition = it.edition.clone();
                let known = DroppedIn {
                    edition,
                    ..DroppedIn::default()
                };
                (name.clone(), known)
            })
            .collect();
        drop(now);
        let library = Self {
            last_resort: self.last_resort.clone(),
            detectors: self.detectors.clone(),
            handlers: self.handlers.clone(),
            middleware: self.middleware.clone(),
            shelf: Mutex::default(),
            now: RwLock::new(Now {
                engine,
                folders: folders.to_vec(),
                wrong_folders: Vec::new(),
                dropped_in,
            }),
        };
        let now = Instant::now();
        let mut shelf = library.shelf();
        for step in shelf.take_all(found, now) {
            library.follow(step, &|_| true, &mut shelf, now);
        }
        drop(shelf);
        library
    }
}
