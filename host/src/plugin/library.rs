//! The plugins at hand: the built-in components, and every `NAME.wasm` in the plugins folders,
//! which may come, change and go while the host runs. One that cannot be used hides no other; a
//! file that cannot be used leaves the plugin of its name as it was.

mod change;
mod detectors;
mod elsewhere;
mod follow;
mod middleware;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::time::Instant;

use super::built_in::{BuiltIn, DETECTORS, HANDLERS, LAST_RESORT, MIDDLEWARE};
use super::edition::Edition;
use super::engine::PluginEngine;
use super::handler::WasmHandler;
use super::load;
use super::shelf::{Lying, Shelf};
use crate::config::PluginLimits;
use crate::manage::PluginKind;
use crate::reload::ReloadHandler;

pub use change::{Change, Changed};
pub use elsewhere::{Elsewhere, plugin_folders};

/// The plugins that can be used.
pub struct Library {
    last_resort: BuiltIn,
    detectors: Vec<BuiltIn>,
    handlers: Vec<BuiltIn>,
    middleware: Vec<BuiltIn>,
    /// Held through a whole look at the folders: one at a time.
    shelf: Mutex<Shelf>,
    now: RwLock<Now>,
}

/// What is at hand now.
pub(super) struct Now {
    pub(super) engine: PluginEngine,
    folders: Vec<PathBuf>,
    /// And what is wrong with some of them.
    wrong_folders: Vec<(PathBuf, String)>,
    pub(super) dropped_in: BTreeMap<String, DroppedIn>,
}

/// What stands under a name that somebody has dropped in.
#[derive(Default)]
pub(super) struct DroppedIn {
    pub(super) path: PathBuf,
    /// What can be used, if anything: of this file, or of the one before it.
    pub(super) edition: Option<Arc<Edition>>,
    /// Why the file that lies there cannot be used.
    pub(super) wrong: Option<String>,
    /// No file lies there any more.
    pub(super) removed: bool,
}

impl DroppedIn {
    /// Somebody holds it ready to be asked.
    pub(super) fn is_in_use(&self) -> bool {
        // One is held here.
        let count = self.edition.as_ref().map(Arc::strong_count);
        count.is_some_and(|count| count > 1)
    }
}

impl Library {
    /// The built-in plugins and those in `folders`, which need not exist. Of one name, the first
    /// folder that has it counts.
    pub fn load(engine: PluginEngine, folders: &[PathBuf]) -> Self {
        let library = Self::built_in(engine);
        let Lying { found, wrong, .. } = Lying::in_folders(folders);
        {
            let mut now = library.write();
            now.folders = folders.to_vec();
            now.wrong_folders = wrong;
        }
        let mut shelf = library.shelf();
        for step in shelf.take_all(found, Instant::now()) {
            library.follow(step, &|_| true, &mut shelf, Instant::now());
        }
        drop(shelf);
        library
    }

    /// The built-in plugins alone.
    pub fn built_in(engine: PluginEngine) -> Self {
        Self {
            last_resort: BuiltIn::new(LAST_RESORT),
            detectors: DETECTORS.map(BuiltIn::new).into(),
            handlers: HANDLERS.map(BuiltIn::new).into(),
            middleware: MIDDLEWARE.map(BuiltIn::new).into(),
            shelf: Mutex::default(),
            now: RwLock::new(Now {
                engine,
                folders: Vec::new(),
                wrong_folders: Vec::new(),
                dropped_in: BTreeMap::new(),
            }),
        }
    }

    /// Takes in one component, under the name of its file, and says that name.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn add_file(&mut self, path: &Path) -> Result<String, String> {
        let name = load::name_of(path)?;
        let engine = self.read().engine.clone();
        let edition = load::edition(&name, path, &engine, None).map_err(|it| it.reason)?;
        let edition = edition.ok_or("it is there already")?;
        if edition.kind != PluginKind::Detector {
            return Err(format!(
                "{} is a {}, not a detector",
                path.display(),
                edition.kind.as_str()
            ));
        }
        let here = DroppedIn {
            path: path.to_owned(),
            edition: Some(edition),
            ..DroppedIn::default()
        };
        self.write().dropped_in.insert(name.clone(), here);
        Ok(name)
    }

    /// Looks at the folders, and takes in what is new and lies still. `is_wanted` says whether the
    /// configuration has a section of this name. Blocks.
    pub fn look(&self, is_wanted: &dyn Fn(&str) -> bool, now: Instant) -> Vec<Change> {
        let folders = self.read().folders.clone();
        let mut shelf = self.shelf();
        let lying = Lying::in_folders(&folders);
        let wrong = lying.wrong.clone();
        let steps = shelf.look_at(lying, now);
        let mut changes: Vec<_> = steps
            .into_iter()
            .filter_map(|step| self.follow(step, is_wanted, &mut shelf, now))
            .collect();
        drop(shelf);
        changes.extend(self.forget_removed(is_wanted));
        changes.extend(self.wrong_folders(wrong));
        changes
    }

    /// When [`Self::look`] has something to do though nothing happens.
    pub fn look_again(&self, now: Instant) -> Option<Instant> {
        self.shelf().look_again(now)
    }

    /// Other folders, other limits for whatever has none of its own. What that changes, the next
    /// look finds.
    pub fn adjust(&self, limits: PluginLimits, folders: Vec<PathBuf>) {
        let mut now = self.write();
        now.engine = now.engine.with_limits(limits.into());
        now.folders = folders;
        drop(now);
        // Everything is taken anew, once it lies still, which it does.
        self.shelf().forget_taken();
    }

    /// What was found in the folders and cannot be used, and why; and what is wrong with them.
    pub fn refused(&self) -> Vec<(PathBuf, String)> {
        let now = self.read();
        let here = now.dropped_in.values();
        let here = here.filter_map(|it| Some((it.path.clone(), it.wrong.clone()?)));
        here.chain(now.wrong_folders.iter().cloned()).collect()
    }

    /// A fresh handler of each kind: those dropped in, then the built-in ones whose names they
    /// have not taken.
    ///
    /// # Errors
    /// A built-in one that does not load.
    pub fn handlers(&self) -> Result<Vec<Box<dyn ReloadHandler>>, String> {
        let handler = |edition| Box::new(WasmHandler::new(edition)) as Box<dyn ReloadHandler>;
        Ok(self.handler_editions()?.into_iter().map(handler).collect())
    }

    /// As [`Self::handlers`], for who only asks what they would do: what becomes of that counts
    /// neither for nor against those that serve.
    ///
    /// # Errors
    /// As for [`Self::handlers`].
    pub fn handlers_to_plan(&self) -> Result<Vec<Box<dyn ReloadHandler>>, String> {
        let handler = |edition: Arc<Edition>| {
            Box::new(WasmHandler::new(edition.with_own_health())) as Box<dyn ReloadHandler>
        };
        Ok(self.handler_editions()?.into_iter().map(handler).collect())
    }

    /// A fresh handler of each that was dropped in.
    pub fn dropped_in_handlers(&self) -> Vec<Box<dyn ReloadHandler>> {
        let handler = |edition| Box::new(WasmHandler::new(edition)) as Box<dyn ReloadHandler>;
        let all = self.read().of_kind(PluginKind::Handler);
        all.into_iter().map(handler).collect()
    }

    fn handler_editions(&self) -> Result<Vec<Arc<Edition>>, String> {
        let now = self.read();
        let mut all = now.of_kind(PluginKind::Handler);
        let built_in = self
            .handlers
            .iter()
            .filter(|it| !now.has(it.name, PluginKind::Handler));
        let (built_in, engine) = (built_in.collect::<Vec<_>>(), now.engine.clone());
        drop(now);
        for built_in in built_in {
            all.push(built_in.get(&engine)?);
        }
        Ok(all)
    }

    /// Every plugin of its own that the host has, used or not.
    pub(super) fn all_built_in(&self) -> impl Iterator<Item = (PluginKind, &BuiltIn)> {
        let detectors = self.detectors.iter().map(|it| (PluginKind::Detector, it));
        let handlers = self.handlers.iter().map(|it| (PluginKind::Handler, it));
        let middleware = self
            .middleware
            .iter()
            .map(|it| (PluginKind::Middleware, it));
        detectors.chain(handlers).chain(middleware)
    }

    /// Never held while one is held already, nor while a component is compiled: a look at the
    /// folders may wait to write, and then nobody reads.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Now> {
        self.now.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DroppedIn {
    /// Whether something would be missing without it. Every handler is held ready; one whose
    /// sections nobody writes is none the less of no use.
    fn is_needed(&self, is_wanted: &dyn Fn(&str) -> bool) -> bool {
        let Some(edition) = &self.edition else {
            return false;
        };
        match edition.kind {
            PluginKind::Handler => edition.sections().iter().any(|section| is_wanted(section)),
            PluginKind::Detector | PluginKind::Middleware => self.is_in_use(),
        }
    }
}

impl Now {
    /// Whether something dropped in has taken this name from one of its kind: of another kind, it
    /// does another thing.
    pub(super) fn has(&self, name: &str, kind: PluginKind) -> bool {
        let here = self.dropped_in.get(name).and_then(|it| it.edition.as_ref());
        here.is_some_and(|it| it.kind == kind)
    }

    fn of_kind(&self, kind: PluginKind) -> Vec<Arc<Edition>> {
        let dropped_in = self.dropped_in.values();
        let dropped_in = dropped_in.filter_map(|it| it.edition.clone());
        dropped_in.filter(|it| it.kind == kind).collect()
    }

    fn dropped_in(&self, name: &str, kind: PluginKind) -> Option<Arc<Edition>> {
        let edition = self.dropped_in.get(name)?.edition.clone();
        edition.filter(|it| it.kind == kind)
    }

    /// The names of all of this kind, with those of `built_in`.
    fn names(&self, kind: PluginKind, built_in: &[BuiltIn]) -> Vec<String> {
        let dropped_in = self.dropped_in.iter().filter_map(|(name, it)| {
            let edition = it.edition.as_ref()?;
            (edition.kind == kind).then(|| name.clone())
        });
        let built_in = built_in.iter().map(|it| it.name.to_owned());
        let mut names: Vec<_> = dropped_in.chain(built_in).collect();
        names.sort();
        names.dedup();
        names
    }
}
