//! `plugins`: where plugins are, and what one call of a plugin may use.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::MapReader;

const DEFAULT_DIR: &str = "plugins";
const DEFAULT_TIME: Duration = Duration::from_secs(2);
const DEFAULT_MEMORY_MIB: u64 = 64;

/// Where plugins are, and their limits.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSettings {
    /// As written: the caller resolves it against the folder of the file.
    pub dir: PathBuf,
    /// What a plugin may use.
    pub limits: PluginLimits,
}

/// What a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PluginLimits {
    /// Processor time of one call; 10 ms to a minute.
    pub time: Duration,
    /// In MiB, 1 to 4096.
    pub memory_mib: u32,
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
            time: DEFAULT_TIME,
            memory_mib: DEFAULT_MEMORY_MIB as u32,
        }
    }
}

pub(super) fn read(root: &mut MapReader<'_>) -> PluginSettings {
    let Some(mut map) = root.get("plugins").and_then(|value| value.map()) else {
        return PluginSettings::default();
    };
    let settings = PluginSettings {
        dir: map.text("dir", DEFAULT_DIR).into(),
        limits: limits(&mut map),
    };
    map.finish();
    settings
}

fn limits(map: &mut MapReader<'_>) -> PluginLimits {
    let Some(mut map) = map.get("limits").and_then(|value| value.map()) else {
        return PluginLimits::default();
    };
    let limits = PluginLimits {
        time: map.seconds("time", 0.01..=60.0, DEFAULT_TIME),
        memory_mib: map.integer("memory", 1..=4096, " MiB", DEFAULT_MEMORY_MIB) as u32,
    };
    map.finish();
    limits
}
