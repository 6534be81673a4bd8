//! The plugins at hand: the built-in components, embedded by `build.rs`, and every `NAME.wasm`
//! in the plugins folder. One that cannot be used hides no other.

mod described;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasmtime::component::{Component, InstancePre};

use super::detector::WasmDetector;
use super::engine::{MAX_COMPONENT, PluginEngine};
use super::handler::WasmHandler;
use super::state::State;
use crate::reload::ReloadHandler;
use crate::watch::{Detector, Detectors};
pub use described::Described;

macro_rules! builtin {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm")),
        )
    };
}

const DETECTORS: [(&str, &[u8]); 3] = [builtin!("mtime"), builtin!("hash"), builtin!("inotify")];
/// Asked in this order; drop-ins come before them.
const HANDLERS: [(&str, &[u8]); 3] = [
    builtin!("backends"),
    builtin!("middleware"),
    builtin!("tools"),
];
const LAST_RESORT: (&str, &[u8]) = builtin!("hash");
const DETECTOR: &str = "config-sync:plugin/detector@0.1.0";
const HANDLER: &str = "config-sync:plugin/reload-handler@0.1.0";

/// The plugins that can be used.
pub struct Library {
    engine: PluginEngine,
    last_resort: BuiltIn,
    /// The built-in ones that no drop-in has replaced.
    built_in: BTreeMap<String, BuiltIn>,
    detectors: BTreeMap<String, InstancePre<State>>,
    /// Dropped in, in the order in which they are asked.
    handlers: Vec<(String, InstancePre<State>)>,
    /// What was found and cannot be used, with the remedy.
    refused: Vec<(PathBuf, String)>,
}

/// A built-in detector, compiled when it is first wanted: who watches needs one of them.
struct BuiltIn {
    name: &'static str,
    bytes: &'static [u8],
    ready: OnceLock<InstancePre<State>>,
}

impl BuiltIn {
    fn new((name, bytes): (&'static str, &'static [u8])) -> Self {
        Self {
            name,
            bytes,
            ready: OnceLock::new(),
        }
    }

    fn get(&self, engine: &PluginEngine) -> Result<InstancePre<State>, String> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready.clone());
        }
        let component = engine.compile(self.bytes);
        let ready = component
            .and_then(|component| prepare(engine, &component))
            .map_err(|error| format!("built-in plugin `{}`: {error}", self.name))?;
        Ok(self.ready.get_or_init(|| ready).clone())
    }
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Decides whether the file has changed.
    Detector,
    /// Says what a change means.
    Handler,
}

impl Library {
    /// The built-in plugins and those in `folder`, which need not exist.
    pub fn load(engine: PluginEngine, folder: &Path) -> Self {
        let mut library = Self::built_in(engine);
        for path in components(folder) {
            if let Err(error) = library.drop_in(&path) {
                library.refused.push((path, error));
            }
        }
        library
    }

    /// The built-in plugins alone.
    pub fn built_in(engine: PluginEngine) -> Self {
        let built_in = DETECTORS.map(|plugin| (plugin.0.to_owned(), BuiltIn::new(plugin)));
        Self {
            engine,
            last_resort: BuiltIn::new(LAST_RESORT),
            built_in: built_in.into(),
            detectors: BTreeMap::new(),
            handlers: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Takes in one component, under the name of its file, and says that name.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub fn add_file(&mut self, path: &Path) -> Result<String, String> {
        let name = self.drop_in(path)?;
        if self.detectors.contains_key(&name) {
            Ok(name)
        } else {
            Err(format!("{} is a handler, not a detector", path.display()))
        }
    }

    /// What was found in the folder and cannot be used, and why.
    pub fn refused(&self) -> &[(PathBuf, String)] {
        &self.refused
    }

    /// A fresh handler of each kind: those dropped in, then the built-in ones whose names they
    /// have not taken.
    ///
    /// # Errors
    /// One that cannot describe itself, or a built-in one that does not load.
    pub fn handlers(&self) -> Result<Vec<Box<dyn ReloadHandler>>, String> {
        let mut all = self.handlers.clone();
        for (name, bytes) in HANDLERS {
            if !self.has(name) {
                all.push((
                    name.to_owned(),
                    BuiltIn::new((name, bytes)).get(&self.engine)?,
                ));
            }
        }
        all.into_iter()
            .map(|(name, pre)| {
                let handler = WasmHandler::new(&name, self.engine.clone(), pre);
                handler
                    .map(|handler| Box::new(handler) as Box<dyn ReloadHandler>)
                    .map_err(|fault| fault.to_string())
            })
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        self.detectors.contains_key(name) || self.handlers.iter().any(|(known, _)| known == name)
    }

    fn drop_in(&mut self, path: &Path) -> Result<String, String> {
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .filter(|name| is_name(name))
            .ok_or("its name is none that the configuration can say; take letters, digits, `_` and `-`")?;
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        if size > MAX_COMPONENT {
            return Err(format!(
                "it has {size} bytes, more than the {MAX_COMPONENT} that a component may have"
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
        self.add(name, &bytes)?;
        tracing::info!(plugin = name, path = %path.display(), "plugin loaded");
        Ok(name.to_owned())
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let component = self.engine.compile(bytes)?;
        let kind = kind(&self.engine, &component)?;
        let pre = prepare(&self.engine, &component)?;
        match kind {
            Kind::Detector => {
                // It must at least be able to say what it is.
                WasmDetector::new(name, self.engine.clone(), pre.clone())
                    .map_err(|fault| fault.to_string())?;
                self.detectors.insert(name.to_owned(), pre);
            }
            Kind::Handler => {
                WasmHandler::new(name, self.engine.clone(), pre.clone())
                    .map_err(|fault| fault.to_string())?;
                self.handlers.push((name.to_owned(), pre));
            }
        }
        Ok(())
    }
}

/// Which world the component is of.
pub(super) fn kind(engine: &PluginEngine, component: &Component) -> Result<Kind, String> {
    let described = component.component_type();
    let exports: Vec<_> = described
        .exports(engine.engine())
        .map(|(name, _)| name.to_owned())
        .collect();
    if exports.iter().any(|name| name == DETECTOR) {
        Ok(Kind::Detector)
    } else if exports.iter().any(|name| name == HANDLER) {
        Ok(Kind::Handler)
    } else {
        Err(format!(
            "it exports neither `{DETECTOR}` nor `{HANDLER}` but [{}]; build it against the `wit/` of this version",
            exports.join(", ")
        ))
    }
}

/// Finds everything that the component imports.
pub(super) fn prepare(
    engine: &PluginEngine,
    component: &Component,
) -> Result<InstancePre<State>, String> {
    engine.linker().instantiate_pre(component).map_err(|error| {
        format!(
            "it wants something that this host does not give: {error}: {}; build it with the \
             `wit/` of this version, without it",
            error.root_cause()
        )
    })
}

/// A name that `detection:` can have.
fn is_name(name: &str) -> bool {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    (1..=64).contains(&name.len()) && name.chars().all(legal)
}

impl Detectors for Library {
    fn detector(&self, name: &str) -> Result<Box<dyn Detector>, String> {
        let dropped_in = self.detectors.get(name).cloned();
        let built_in = || Some(self.built_in.get(name)?.get(&self.engine));
        let pre = dropped_in.map(Ok).or_else(built_in).unwrap_or_else(|| {
            let refused = self
                .refused
                .iter()
                .find(|(path, _)| path.file_stem().is_some_and(|stem| stem == name));
            Err(match refused {
                Some((path, error)) => format!("{} cannot be used: {error}", path.display()),
                None => format!(
                    "there is no detector `{name}`; known are {}; others go as NAME.wasm into the plugins folder",
                    self.names().join(", ")
                ),
            })
        })?;
        WasmDetector::new(name, self.engine.clone(), pre)
            .map(|detector| Box::new(detector) as Box<dyn Detector>)
            .map_err(|fault| fault.to_string())
    }

    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        let pre = self.last_resort.get(&self.engine)?;
        WasmDetector::new(LAST_RESORT.0, self.engine.clone(), pre)
            .map(|detector| Box::new(detector) as Box<dyn Detector>)
            .map_err(|fault| fault.to_string())
    }

    fn names(&self) -> Vec<String> {
        let handlers = self.handlers.iter().map(|(name, _)| name);
        let mut names: Vec<_> = self
            .built_in
            .keys()
            .filter(|name| !handlers.clone().any(|handler| handler == *name))
            .chain(self.detectors.keys())
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Every `NAME.wasm` in the folder, in the order of their names.
fn components(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
                && path.is_file()
        })
        .collect();
    paths.sort();
    paths
}
