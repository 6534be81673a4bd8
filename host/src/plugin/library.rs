//! The plugins at hand: the built-in components, embedded by `build.rs`, and every `NAME.wasm`
//! in the plugins folder. One that cannot be used hides no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wasmtime::component::{Component, InstancePre};

use super::detector::WasmDetector;
use super::engine::{MAX_COMPONENT, PluginEngine};
use super::handler::WasmHandler;
use super::state::State;
use crate::reload::ReloadHandler;
use crate::watch::{Detector, Detectors};

macro_rules! builtin {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm")),
        )
    };
}

/// Handlers are asked in this order; drop-ins come before them.
const BUILT_IN: [(&str, &[u8]); 6] = [
    builtin!("mtime"),
    builtin!("hash"),
    builtin!("inotify"),
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
    last_resort: InstancePre<State>,
    detectors: BTreeMap<String, InstancePre<State>>,
    /// In the order in which they are asked.
    handlers: Vec<(String, InstancePre<State>)>,
    /// What was found and cannot be used, with the remedy.
    refused: Vec<(PathBuf, String)>,
}

enum Kind {
    Detector,
    Handler,
}

impl Library {
    /// The built-in plugins and those in `folder`, which need not exist.
    ///
    /// # Errors
    /// A built-in plugin that does not load: a defect of this build.
    pub fn load(engine: PluginEngine, folder: &Path) -> Result<Self, String> {
        let last_resort = engine
            .compile(LAST_RESORT.1)
            .and_then(|component| prepare(&engine, &component))
            .map_err(|error| format!("built-in plugin `{}`: {error}", LAST_RESORT.0))?;
        let mut library = Self {
            engine,
            last_resort,
            detectors: BTreeMap::new(),
            handlers: Vec::new(),
            refused: Vec::new(),
        };
        for path in components(folder) {
            if let Err(error) = library.drop_in(&path) {
                library.refused.push((path, error));
            }
        }
        for (name, bytes) in BUILT_IN {
            // A drop-in of the same name has taken its place.
            if !library.has(name) {
                library
                    .add(name, bytes)
                    .map_err(|error| format!("built-in plugin `{name}`: {error}"))?;
            }
        }
        Ok(library)
    }

    /// What was found in the folder and cannot be used, and why.
    pub fn refused(&self) -> &[(PathBuf, String)] {
        &self.refused
    }

    /// A fresh handler of each kind.
    ///
    /// # Errors
    /// One that cannot describe itself.
    pub fn handlers(&self) -> Result<Vec<Box<dyn ReloadHandler>>, String> {
        self.handlers
            .iter()
            .map(|(name, pre)| {
                let handler = WasmHandler::new(name, self.engine.clone(), pre.clone());
                handler
                    .map(|handler| Box::new(handler) as Box<dyn ReloadHandler>)
                    .map_err(|fault| fault.to_string())
            })
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        self.detectors.contains_key(name) || self.handlers.iter().any(|(known, _)| known == name)
    }

    fn drop_in(&mut self, path: &Path) -> Result<(), String> {
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
        Ok(())
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let component = self.engine.compile(bytes)?;
        let kind = self.kind(&component)?;
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

    fn kind(&self, component: &Component) -> Result<Kind, String> {
        let described = component.component_type();
        let exports: Vec<_> = described
            .exports(self.engine.engine())
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
}

/// Finds everything that the component imports.
fn prepare(engine: &PluginEngine, component: &Component) -> Result<InstancePre<State>, String> {
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
        let pre = self.detectors.get(name).ok_or_else(|| {
            let refused = self
                .refused
                .iter()
                .find(|(path, _)| path.file_stem().is_some_and(|stem| stem == name));
            match refused {
                Some((path, error)) => format!("{} cannot be used: {error}", path.display()),
                None => format!(
                    "there is no detector `{name}`; known are {}; others go as NAME.wasm into the plugins folder",
                    self.names().join(", ")
                ),
            }
        })?;
        WasmDetector::new(name, self.engine.clone(), pre.clone())
            .map(|detector| Box::new(detector) as Box<dyn Detector>)
            .map_err(|fault| fault.to_string())
    }

    fn last_resort(&self) -> Result<Box<dyn Detector>, String> {
        WasmDetector::new(LAST_RESORT.0, self.engine.clone(), self.last_resort.clone())
            .map(|detector| Box::new(detector) as Box<dyn Detector>)
            .map_err(|fault| fault.to_string())
    }

    fn names(&self) -> Vec<String> {
        self.detectors.keys().cloned().collect()
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
