//! The settings of the watched file, and the configuration that serves, as plain data: each value
//! with where it comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::config::Origin;

/// Every setting of `sync`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The watched file that they are of.
    pub file: String,
    /// Where stored ones are kept; absent for a user who has no home folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// One for each key, in the order in which they are documented.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// As it stands below `sync`.
    pub key: String,
    /// What is in force: seconds as a number, words as text.
    pub value: Value,
    /// Who says so.
    pub origin: Origin,
    /// Everybody who says anything, the weakest first, as it is written there.
    pub layers: Vec<Layer>,
    /// What it may be.
    pub bounds: Bounds,
    /// One line for people.
    pub summary: String,
}

/// What one of them says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layer {
    /// Who says it.
    pub origin: Origin,
    /// As it is written there; in the file it may be a placeholder.
    pub value: Value,
    /// Since when it is stored (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// What a setting may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Bounds {
    /// `true` or `false`.
    Boolean,
    /// A number of seconds.
    Seconds {
        /// At least so many,
        least: f64,
        /// at most so many;
        most: f64,
        /// or 0, which stands for off, though it may be less than `least`.
        zero_is_off: bool,
    },
    /// One of these words.
    Choice {
        /// Those that it may be.
        words: Vec<Word>,
    },
}

/// One word that a setting may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Word {
    /// The word, as it is written in the file.
    pub word: String,
    /// What it means, in one line.
    pub summary: String,
}

/// The configuration that serves. What may be a secret reads `[redacted]`, and placeholders
/// (`${VAR}`) stand as they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Configuration {
    /// The watched file.
    pub file: String,
    /// Which generation this is.
    pub generation: u64,
    /// SHA-256 of the file's bytes that it comes from, in hex.
    pub digest: String,
    /// Each leaf, in the order of the paths.
    pub values: Vec<ConfigValue>,
}

/// One leaf of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigValue {
    /// As keys from the root: `backends.github.args[0]`.
    pub path: String,
    /// What is in force there.
    pub value: Value,
    /// Who says so.
    pub origin: Origin,
}
