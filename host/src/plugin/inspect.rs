//! What a component is, without asking it anything and before anybody has granted it anything:
//! its kind, the version it was built for, what it imports, and whether this host would take it.

use std::path::Path;

use serde::Serialize;

use super::edition::{self, file_beside};
use super::engine::PluginEngine;
use super::grants;
use super::limits::Limits;
use super::load;
use crate::config::PluginLimits;
use crate::target::Digest;

/// Beyond any limit that can be set, no component is looked at.
const MOST: u64 = 512 * 1024 * 1024;

/// What there is to know of a component.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// Where it lies.
    pub path: String,
    /// As `detection:` and the like would name it.
    pub name: String,
    /// Bytes.
    pub size: usize,
    /// SHA-256 in hex, to pin it by.
    pub digest: String,
    /// `detector`, `handler` or `middleware`; absent, where it is nothing of ours.
    pub kind: Option<String>,
    /// The version of `config-sync:plugin` that it was built for.
    pub built_for: Option<String>,
    /// The version of this host.
    pub host_has: String,
    /// All that it imports.
    pub imports: Vec<String>,
    /// The grants that its imports need.
    pub wants: Vec<String>,
    /// Of these, what the file beside it does not grant.
    pub lacks: Vec<String>,
    /// What it would be limited to.
    pub limits: InspectedLimits,
    /// Why this host would not take it; absent, if it would.
    pub refused: Option<String>,
}

/// What a plugin is limited to, in the units of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InspectedLimits {
    /// Seconds.
    pub time: f64,
    /// MiB.
    pub memory: u32,
    /// Elements.
    pub table: u32,
    /// KiB.
    pub stack: u32,
    /// KiB.
    pub output: u32,
    /// Lines.
    pub log: u32,
    /// MiB.
    pub size: u32,
}

impl From<PluginLimits> for InspectedLimits {
    fn from(limits: PluginLimits) -> Self {
        Self {
            time: limits.time.as_secs_f64(),
            memory: limits.memory_mib,
            table: limits.table,
            stack: limits.stack_kib,
            output: limits.output_kib,
            log: limits.log,
            size: limits.size_mib,
        }
    }
}

/// Looks at the component at `path`, with the file beside it.
///
/// # Errors
/// When it cannot be read, or is no component at all.
pub fn inspect(path: &Path, engine: &PluginEngine) -> Result<Inspected, String> {
    let bytes = load::component(path, MOST).map_err(|it| it.reason)?;
    let (file, wrong) = match load::file(path, engine.limits().into()) {
        Ok(file) => (file, None),
        Err(error) => (
            crate::config::PluginFile {
                limits: engine.limits().into(),
                ..Default::default()
            },
            Some(error.reason),
        ),
    };
    let workshop = engine
        .workshop(Limits::from(file.limits).stack)
        .map_err(|error| format!("{error:#}"))?;
    let component = workshop.compile(&bytes)?;
    let imports = edition::imports(&workshop, &component);
    let exports = edition::exports(&workshop, &component);
    let ours = exports.iter().chain(&imports).find_map(|name| {
        let (_, version) = name.strip_prefix(grants::OURS)?.split_once('@')?;
        Some(version.to_owned())
    });
    let name = load::name_of(path);
    let used = edition::used_imports(&workshop, &component);
    let wants = grants::wanted(used.iter().map(String::as_str));
    let lacks = wants.iter().filter(|key| !grants::holds(&file.grants, key));
    let lacks = lacks.map(|key| (*key).to_owned()).collect();
    // Whatever the first thing is: its file, its pin, its kind, a grant, or that it traps.
    let refused = wrong.or_else(|| {
        let name = name.clone().err();
        let refused = || load::edition(&stem(path), path, engine, None).err();
        name.or_else(|| Some(refused()?.reason))
    });
    Ok(Inspected {
        path: path.display().to_string(),
        name: name.unwrap_or_else(|_| stem(path)),
        size: bytes.len(),
        digest: Digest::of(&bytes).to_string(),
        kind: edition::kind(&workshop, &component)
            .ok()
            .map(|kind| kind.as_str().to_owned()),
        built_for: ours,
        host_has: grants::VERSION.to_owned(),
        wants: wants.into_iter().map(str::to_owned).collect(),
        lacks,
        imports,
        limits: file.limits.into(),
        refused,
    })
}

fn stem(path: &Path) -> String {
    let stem = file_beside(path);
    let stem = stem.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
