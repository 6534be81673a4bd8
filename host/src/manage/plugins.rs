//! The plugins of a host, as plain data.

use serde::{Deserialize, Serialize};

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// As `sync.detection` and the log name it.
    pub name: String,
    /// What it is; absent for one that cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PluginKind>,
    /// What it says of itself, in one line.
    pub summary: String,
    /// It is a part of the host; else it was dropped in.
    pub built_in: bool,
    /// Why it cannot be used, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Decides whether the file has changed.
    Detector,
    /// Says what a change means.
    Handler,
}
