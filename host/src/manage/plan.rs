//! What a reload would do, as plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Difference;

/// What a reload would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// How it would end, as far as can be told: `unchanged`, `applied`, `rejected` or `failed`.
    pub outcome: Option<String>,
    /// Why, where it would not be applied.
    pub reasons: Vec<String>,
    /// What someone should look at.
    pub warnings: Vec<String>,
    /// How the configurations differ.
    pub differences: Vec<Difference>,
    /// Backends that would be started.
    pub start: Vec<String>,
    /// Backends that would be started anew, because they are reached in another way.
    pub replace: Vec<String>,
    /// Backends that would be drained and stopped.
    pub stop: Vec<String>,
    /// Backends whose connection would not be touched.
    pub keep: Vec<String>,
    /// Tools that clients would see and do not see now.
    pub come: Vec<PlannedTool>,
    /// Tools that clients would see no longer.
    pub go: Vec<PlannedTool>,
    /// Tools that clients would see under another name.
    pub rename: Vec<Renamed>,
    /// What replaced backends offer, where they were asked.
    pub replaced_offer: Vec<PlannedTool>,
    /// Whether the backends that are new or changed were started and asked.
    pub connected: bool,
}

impl Plan {
    /// Whether the host would accept the file.
    pub fn is_accepted(&self) -> bool {
        matches!(self.outcome.as_deref(), Some("applied" | "unchanged"))
    }
}

/// A tool as clients would see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTool {
    /// The name that clients see.
    pub name: String,
    /// The backend that has it.
    pub backend: String,
}

/// A tool that changes its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Renamed {
    /// The backend that has it.
    pub backend: String,
    /// As clients see it now.
    pub from: String,
    /// As they would.
    pub to: String,
}
