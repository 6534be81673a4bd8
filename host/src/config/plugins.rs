//! `plugins`: where plugins are, and what one call of a plugin may use.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::MapReader;

const DEFAULT_DIR: &str = "plugins";

/// Where plugins are, and their limits.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// As written: the caller resolves it against the folder of the file.
    pub dir: PathBuf,
    /// What a plugin may use, where its own file says nothing else.
    pub limits: PluginLimits,
}

/// What a plugin may use. All but `size_mib` hold for each call anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PluginLimits {
    /// Of the clock on the wall, without what the host does for it; 10 ms to a minute.
    pub time: Duration,
    /// Linear memory in MiB, 1 to 4096.
    pub memory_mib: u32,
    /// Elements of all its tables together, 1 to 10,000,000.
    pub table: u32,
    /// Stack in KiB, 64 to 1024: it lies on the host's own, which has 2 MiB.
    pub stack_kib: u32,
    /// Bytes of one answer in KiB, 1 to 65,536.
    pub output_kib: u32,
    /// Lines in the log, 0 to 10,000.
    pub log: u32,
    /// Of the component itself in MiB, 1 to 512.
    pub size_mib: u32,
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from(DEFAULT_DIR),
            limits: PluginLimits::default(),
        }
    }
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(2),
            memory_mib: 64,
            // A component of Python has 12,000.
            table: 20_000,
            // As wasmtime has it.
            stack_kib: 512,
            output_kib: 4096,
            log: 200,
            // Components of Python and JavaScript have 12 to 18.
            size_mib: 64,
        }
    }
}

pub(super) fn read(root: &mut MapReader<'_>) -> PluginSettings {
    let Some(mut map) = root.get("plugins").and_then(|value| value.map()) else {
        return PluginSettings::default();
    };
    let settings = PluginSettings {
        dir: map.text("dir", DEFAULT_DIR).into(),
        limits: limits(&mut map, PluginLimits::default()),
    };
    map.finish();
    settings
}

/// The key `limits`; what it does not say is as in `default`.
pub(super) fn limits(map: &mut MapReader<'_>, default: PluginLimits) -> PluginLimits {
    let Some(mut map) = map.get("limits").and_then(|value| value.map()) else {
        return default;
    };
    let mut whole = |key, bounds, unit, default: u32| {
        // The bounds are far below 2^32.
        map.integer(key, bounds, unit, default.into()) as u32
    };
    let limits = PluginLimits {
        memory_mib: whole("memory", 1..=4096, " MiB", default.memory_mib),
        table: whole("table", 1..=10_000_000, " elements", default.table),
        stack_kib: whole("stack", 64..=1024, " KiB", default.stack_kib),
        output_kib: whole("output", 1..=65_536, " KiB", default.output_kib),
        log: whole("log", 0..=10_000, " lines", default.log),
        size_mib: whole("size", 1..=512, " MiB", default.size_mib),
        time: map.seconds("time", 0.01..=60.0, default.time),
    };
    map.finish();
    limits
}
