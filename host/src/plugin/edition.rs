//! One component, checked and ready to be called: what it is, what it was granted, what it may
//! use, and what became of its calls. Another file of the same name makes another edition.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};

use super::detector::WasmDetector;
use super::engine::{PluginEngine, Workshop};
use super::grants;
use super::handler::WasmHandler;
use super::health::Health;
use super::isolation::Isolation;
use super::limits::Limits;
use super::middleware::WasmMiddleware;
use super::state::State;
use crate::config::{PluginFile, PluginGrants};
use crate::events::Fault;
use crate::gateway::Ways;
use crate::manage::PluginKind;
use crate::target::Digest;
use crate::watch::Wakes;

/// Counts editions over the whole process; 0 stands for none.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Description {
    Detector {
        summary: String,
        wakes: Wakes,
    },
    Handler {
        summary: String,
        sections: Vec<String>,
    },
    Middleware {
        summary: String,
        ways: Ways,
        /// The one that names it.
        section: [String; 1],
    },
}

/// Each kind with the interface that its components export.
pub(super) const KINDS: [(PluginKind, &str); 3] = [
    (PluginKind::Detector, "detector"),
    (PluginKind::Handler, "reload-handler"),
    (PluginKind::Middleware, "middleware"),
];

#[derive(Clone)]
pub(super) struct Edition {
    pub(super) name: Arc<str>,
    pub(super) number: u64,
    pub(super) kind: PluginKind,
    description: OnceLock<Description>,
    /// SHA-256 of the component.
    pub(super) digest: Digest,
    pub(super) limits: Limits,
    pub(super) grants: Arc<PluginGrants>,
    /// A JSON object.
    pub(super) settings: Arc<str>,
    file: PluginFile,
    pub(super) isolation: Option<Isolation>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) pre: InstancePre<State>,
    health: Arc<Mutex<Health>>,
    leaving: Arc<AtomicBool>,
    /// Why the user does not allow it any more.
    withdrawn: Arc<Mutex<Option<String>>>,
}

/// A component that is compiled and linked.
#[derive(Clone)]
pub(super) struct Linked {
    kind: PluginKind,
    digest: Digest,
    imports: Arc<[String]>,
    workshop: Arc<Workshop>,
    pre: InstancePre<State>,
}

impl Linked {
    /// Checks a component without asking it anything.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub(super) fn new(
        name: &str,
        engine: &PluginEngine,
        bytes: &[u8],
        file: &PluginFile,
        limits: Limits,
    ) -> Result<Self, String> {
        let digest = Digest::of(bytes);
        if let Some(pinned) = file.sha256.as_ref().filter(|it| **it != digest.to_string()) {
            return Err(format!(
                "its digest is {digest}, and {name}.yaml pins {pinned}; if you trust this file, \
                 write its digest there"
            ));
        }
        let linked = Self::unchecked(engine, bytes, digest, limits)?;
        linked.check(&format!("{name}.yaml beside it"), &file.grants)?;
        Ok(linked)
    }

    /// Whatever it imports.
    ///
    /// # Errors
    /// Why it cannot be used by anybody.
    pub(super) fn unchecked(
        engine: &PluginEngine,
        bytes: &[u8],
        digest: Digest,
        limits: Limits,
    ) -> Result<Self, String> {
        let workshop = engine
            .workshop(limits.stack)
            .map_err(|error| format!("{error:#}"))?;
        let component = workshop.compile(bytes)?;
        let kind = kind(&workshop, &component)?;
        let imports = used_imports(&workshop, &component);
        grants::possible(&imports)?;
        Ok(Self {
            kind,
            digest,
            pre: link(&workshop, &component)?,
            imports: imports.into(),
            workshop,
        })
    }

    /// Whether it has all that it imports; `place` is where grants stand.
    ///
    /// # Errors
    /// What it lacks, and the line to add.
    pub(super) fn check(&self, place: &str, grants: &PluginGrants) -> Result<(), String> {
        grants::check(place, &self.imports, grants)
    }
}

impl Edition {
    /// Checks a component and asks it what it is. `limits` are those of `file`, or others.
    ///
    /// # Errors
    /// Why it cannot be used, and the remedy.
    pub(super) fn new(
        name: &str,
        engine: &PluginEngine,
        bytes: &[u8],
        file: &PluginFile,
        limits: Limits,
    ) -> Result<Arc<Self>, String> {
        let linked = Linked::new(name, engine, bytes, file, limits)?;
        Self::of(name, engine, linked, file, limits).map_err(|fault| fault.to_string())
    }

    /// Asks a component what it is.
    ///
    /// # Errors
    /// When it cannot say.
    pub(super) fn of(
        name: &str,
        engine: &PluginEngine,
        linked: Linked,
        file: &PluginFile,
        limits: Limits,
    ) -> Result<Arc<Self>, Fault> {
        let Linked {
            kind,
            digest,
            workshop,
            pre,
            ..
        } = linked;
        let edition = Arc::new(Self {
            name: name.into(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            kind,
            description: OnceLock::new(),
            digest,
            limits,
            grants: Arc::new(file.grants.clone()),
            settings: Value::Object(file.settings.clone()).to_string().into(),
            file: file.clone(),
            isolation: engine.isolation().cloned(),
            workshop,
            pre,
            health: Arc::default(),
            leaving: Arc::default(),
            withdrawn: Arc::default(),
        });
        // It must at least be able to say what it is.
        let description = match kind {
            PluginKind::Detector => WasmDetector::describe(&edition),
            PluginKind::Handler => WasmHandler::describe(&edition),
            PluginKind::Middleware => WasmMiddleware::describe(&edition),
        }?;
        edition.description.get_or_init(|| description);
        *edition.health() = Health::default();
        Ok(edition)
    }

    /// The same, and its faults count against nobody else.
    pub(super) fn with_own_health(&self) -> Arc<Self> {
        Arc::new(Self {
            health: Arc::default(),
            ..self.clone()
        })
    }

    /// Whether its file is gone.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Relaxed);
    }

    /// Whether what it is granted may make the host enter tokio; to print does not.
    pub(super) fn enters_tokio(&self) -> bool {
        let grants = &self.grants;
        !(grants.http.is_empty() && grants.read.is_empty() && grants.signal.is_empty())
    }

    /// Why it is not to be asked, if the user has taken back what it was granted.
    pub(super) fn withdrawn(&self) -> Option<String> {
        let why = self.withdrawn.lock();
        why.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is asked no more, for this reason; or again, as if nothing had been. Whether that is new.
    pub(super) fn withdraw(&self, why: Option<String>) -> bool {
        let is_new = self.withdrawn().is_some() != why.is_some();
        if is_new && why.is_none() {
            *self.health() = Health::default();
        }
        *self
            .withdrawn
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = why;
        is_new
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these make the same again.
    pub(super) fn is_of(&self, digest: &Digest, file: &PluginFile) -> bool {
        self.digest == *digest && self.file == *file
    }

    /// The sections of the configuration that it reads, or that it stands in.
    pub(super) fn sections(&self) -> &[String] {
        match self.description.get() {
            Some(Description::Handler { sections, .. }) => sections,
            Some(Description::Middleware { section, .. }) => section,
            _ => &[],
        }
    }

    /// What it wants to be woken for; a detector always says.
    pub(super) fn wakes(&self) -> Wakes {
        match self.description.get() {
            Some(Description::Detector { wakes, .. }) => *wakes,
            _ => Wakes {
                tick: true,
                events: true,
            },
        }
    }

    /// Which way it is asked about a call; a middleware always says.
    pub(super) fn ways(&self) -> Ways {
        match self.description.get() {
            Some(Description::Middleware { ways, .. }) => *ways,
            _ => Ways {
                request: true,
                response: true,
            },
        }
    }

    pub(super) fn summary(&self) -> &str {
        match self.description.get() {
            Some(
                Description::Handler { summary, .. }
                | Description::Detector { summary, .. }
                | Description::Middleware { summary, .. },
            ) => summary,
            None => "",
        }
    }
}

/// The names of all that a component imports.
pub(super) fn imports(workshop: &Workshop, component: &Component) -> Vec<String> {
    let described = component.component_type();
    let imports = described.imports(&workshop.engine);
    imports.map(|(name, _)| name.to_owned()).collect()
}

/// Those of its imports of which it takes more than types: `wasi:http` names a type of
/// `wasi:clocks`, and that gives nobody a clock.
pub(super) fn used_imports(workshop: &Workshop, component: &Component) -> Vec<String> {
    let described = component.component_type();
    let is_type = |item| matches!(item, ComponentItem::Type(_) | ComponentItem::Resource(_));
    let used = described.imports(&workshop.engine).filter(|(_, it)| {
        let ComponentItem::ComponentInstance(interface) = &it.ty else {
            return true;
        };
        let mut items = interface.exports(&workshop.engine);
        items.any(|(_, it)| !is_type(it.ty))
    });
    used.map(|(name, _)| name.to_owned()).collect()
}

/// The names of all that a component exports.
pub(super) fn exports(workshop: &Workshop, component: &Component) -> Vec<String> {
    let described = component.component_type();
    let exports = described.exports(&workshop.engine);
    exports.map(|(name, _)| name.to_owned()).collect()
}

/// What a component is.
///
/// # Errors
/// That it is nothing of ours, or of a version that this host does not serve.
pub(super) fn kind(workshop: &Workshop, component: &Component) -> Result<PluginKind, String> {
    let exports = exports(workshop, component);
    let mut other = None;
    for export in &exports {
        let Some(ours) = export.strip_prefix(grants::OURS) else {
            continue;
        };
        let (interface, version) = ours.split_once('@').unwrap_or((ours, "none"));
        let Some((kind, _)) = KINDS.iter().find(|(_, known)| *known == interface) else {
            other = Some(version);
            continue;
        };
        if grants::serves(version) {
            return Ok(*kind);
        }
        return Err(format!(
            "it is a {} for version {version} of `config-sync:plugin`, and this host has {}; {}",
            kind.as_str(),
            grants::VERSION,
            grants::remedy(version)
        ));
    }
    let known = KINDS.map(|(_, interface)| format!("`{}{interface}`", grants::OURS));
    Err(format!(
        "it exports none of {} but [{}]; {}",
        known.join(", "),
        exports.join(", "),
        grants::remedy(other.unwrap_or_default())
    ))
}

/// Finds everything that the component imports.
pub(super) fn link(
    workshop: &Workshop,
    component: &Component,
) -> Result<InstancePre<State>, String> {
    workshop.linker.instantiate_pre(component).map_err(|error| {
        format!(
            "it wants something that this host does not give: {error}: {}; build it with the \
             `wit/` of version {}, without it",
            error.root_cause(),
            grants::VERSION
        )
    })
}

/// The file with a plugin's grants, limits and settings: beside it, of the same name.
pub(super) fn file_beside(component: &Path) -> PathBuf {
    component.with_extension("yaml")
}
