//! A component on the disk to an edition: reads it and the file beside it, both within bounds.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use super::edition::{Edition, Linked, file_beside};
use super::engine::PluginEngine;
use super::limits::Limits;
use crate::config::{PluginFile, PluginLimits, plugin_file};
use crate::events::{Fault, FaultKind};
use crate::target::Digest;

/// The most bytes of `NAME.yaml`.
const MOST_YAML: u64 = 64 * 1024;
/// Problems of it that are told at once.
const TOLD: usize = 3;

/// Why a component cannot be used, and the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) reason: String,
    /// The same file may be usable another time.
    pub(super) may_pass: bool,
    /// It is what is in use, and the file beside it does not allow that any more.
    pub(super) withdrawn: bool,
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Self {
            reason,
            may_pass: false,
            withdrawn: false,
        }
    }
}

impl From<Fault> for Unusable {
    fn from(fault: Fault) -> Self {
        Self {
            reason: fault.to_string(),
            may_pass: matches!(fault.kind, FaultKind::Deadline | FaultKind::NotReady),
            withdrawn: false,
        }
    }
}

/// The name that the configuration has for this file.
///
/// # Errors
/// When it can have none.
pub(super) fn name_of(path: &Path) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.filter(|name| (1..=64).contains(&name.len()) && name.chars().all(legal))
        .map(str::to_owned)
        .ok_or_else(|| {
            "its name is none that the configuration can say; take letters, digits, `_` and `-`"
                .to_owned()
        })
}

/// What lies there, checked; nothing, where it is what `before` is already.
///
/// # Errors
/// Why it cannot be used, and the remedy.
pub(super) fn edition(
    name: &str,
    path: &Path,
    engine: &PluginEngine,
    before: Option<&Edition>,
) -> Result<Option<Arc<Edition>>, Unusable> {
    let file = file(path, engine.limits().into())?;
    let limits = Limits::from(file.limits);
    let bytes = component(path, limits.size)?;
    let digest = Digest::of(&bytes);
    if before.is_some_and(|before| before.is_of(&digest, &file)) {
        return Ok(None);
    }
    let linked = Linked::new(name, engine, &bytes, &file, limits).map_err(|reason| Unusable {
        withdrawn: before.is_some_and(|before| before.digest == digest),
        ..reason.into()
    })?;
    let edition = Edition::of(name, engine, linked, &file, limits)?;
    Ok(Some(edition))
}

/// What the file beside this component says; there need not be one.
///
/// # Errors
/// Every problem with its place, or why it cannot be read.
pub(super) fn file(component: &Path, limits: PluginLimits) -> Result<PluginFile, Unusable> {
    let path = file_beside(component);
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy();
    let bytes = match read(&path, MOST_YAML) {
        Ok(bytes) => bytes,
        // A link that leads nowhere is no file that somebody has left out.
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => Vec::new(),
        Err(error) => return Err(unread(&name, &error, "64 KiB and no more")),
    };
    plugin_file(&name, &bytes, &|name| std::env::var(name).ok(), limits).map_err(|problems| {
        let lines = problems.lines();
        let more = lines.len().saturating_sub(TOLD);
        let told = lines.into_iter().take(TOLD).collect::<Vec<_>>().join("; ");
        match more {
            0 => told.into(),
            more => format!("{told}; and {more} more").into(),
        }
    })
}

/// The bytes of a component.
///
/// # Errors
/// Why they cannot be had.
pub(super) fn component(path: &Path, limit: u64) -> Result<Vec<u8>, Unusable> {
    read(path, limit).map_err(|error| unread("it", &error, "limits.size"))
}

/// Why a file cannot be had, which may be otherwise later, unless it is more than `bound`.
fn unread(what: &str, error: &std::io::Error, bound: &str) -> Unusable {
    match error.kind() {
        ErrorKind::FileTooLarge => format!("{what} {error} ({bound})").into(),
        _ => Unusable {
            reason: format!("{what} cannot be read: {error}"),
            may_pass: true,
            withdrawn: false,
        },
    }
}

fn read(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    // To open a pipe would wait for its other end.
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let mut size = meta.len();
    let mut bytes = Vec::new();
    if size <= limit {
        // It may have grown since.
        file.take(limit + 1).read_to_end(&mut bytes)?;
        size = bytes.len() as u64;
    }
    if size > limit {
        let message = format!("has {size} bytes, more than the {limit} that it may have");
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
