//! Who says what a setting is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a value comes from, the weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Nobody says anything else.
    Default,
    /// The watched file.
    File,
    /// The settings store: what was set in the terminal UI, by the API or by `settings set`.
    Stored,
    /// A variable `CONFIG_SYNC_*` of the host's environment.
    Environment,
    /// The host's command line.
    Flag,
}

impl Origin {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Stored => "stored",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}
