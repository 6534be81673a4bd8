//! The plugins at hand as plain data, for whoever lists them.

use serde::{Deserialize, Serialize};

/// One plugin that is at hand, or that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// As `detection:`, `middleware:` and the log name it.
    pub name: String,
    /// `detector`, `handler` or `middleware`; absent where that could not be found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The sections of the configuration that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<String>,
    /// Where the component lies; absent for a built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of the component that is used, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Whether it can be used.
    pub state: ListedState,
    /// Why not, or what is wrong although it can be, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The keys of what it is granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// Somebody holds it ready to be asked.
    pub in_use: bool,
    /// Calls since it was loaded.
    pub calls: u64,
    /// Of these, those that failed by its own fault.
    pub faults: u64,
    /// Faults since the last call that went well.
    pub strikes: u32,
}

/// Whether a plugin can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListedState {
    /// It can.
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

impl ListedState {
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

impl Listed {
    /// What somebody should look at; nothing, where all is well.
    pub fn trouble(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        let (name, state) = (&self.name, self.state.as_str());
        Some(format!("plugin `{name}` is {state}: {reason}"))
    }
}
