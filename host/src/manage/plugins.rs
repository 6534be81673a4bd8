//! The plugins of a host, as plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One plugin that is at hand, or that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plugin {
    /// As `sync.detection`, `middleware` and the log name it.
    pub name: String,
    /// What it is; absent for one that cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PluginKind>,
    /// What it says of itself, in one line.
    pub summary: String,
    /// It is a part of the host; else it was dropped in.
    pub built_in: bool,
    /// Whether it can be used.
    #[serde(default)]
    pub state: PluginState,
    /// Why not, or what is wrong although it can be, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The sections of the configuration that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<String>,
    /// Where the component lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of the component that is used, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The keys of what it is granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// Somebody holds it ready to be asked.
    #[serde(default)]
    pub in_use: bool,
    /// Calls since it was loaded.
    #[serde(default)]
    pub calls: u64,
    /// Of these, those that failed by its own fault.
    #[serde(default)]
    pub faults: u64,
    /// Faults since the last call that went well.
    #[serde(default)]
    pub strikes: u32,
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Decides whether the file has changed.
    Detector,
    /// Says what a change means.
    Handler,
    /// Stands on the way of every call.
    Middleware,
}

/// Whether a plugin can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// It can be used.
    #[default]
    Ready,
    /// It failed too often in a row: something stands in for it, and it is tried again.
    Quarantined,
    /// The file that lies there cannot be used; the one before it goes on.
    Outdated,
    /// Its file is gone, and it goes on as long as it is in use.
    Removed,
    /// It cannot be used.
    Refused,
}

impl PluginKind {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Handler => "handler",
            Self::Middleware => "middleware",
        }
    }
}

impl PluginState {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Quarantined => "quarantined",
            Self::Outdated => "outdated",
            Self::Removed => "removed",
            Self::Refused => "refused",
        }
    }
}

impl Plugin {
    /// What somebody should look at; nothing, where all is well.
    pub fn trouble(&self) -> Option<String> {
        let reason = self.refused.as_ref()?;
        let (name, state) = (&self.name, self.state.as_str());
        Some(format!("plugin `{name}` is {state}: {reason}"))
    }
}
