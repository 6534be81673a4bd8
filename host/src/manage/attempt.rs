//! An attempt at a reload as plain data, as `history` tells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Difference;

/// One attempt, from its reason to its end. What a newer host leaves out is no reason to show
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Attempt {
    /// Grows over all lives of the host.
    pub id: u64,
    /// The how manieth try this is of retries in a row that ended alike; 0 and 1 are the first.
    pub tries: u64,
    /// When it began (RFC 3339).
    pub started: String,
    /// What asked for it: `start`, `last-good`, `detector`, `hangup`, `api`, `retry`, `probation`,
    /// `plugins`.
    pub trigger: String,
    /// By which detector, if that was it.
    pub detector: Option<String>,
    /// Who last wrote the file, where the system tells.
    pub writer: Option<String>,
    /// The phases it went through, in their order; the last one is where it ended.
    pub phases: Vec<PhaseTime>,
    /// The bytes that count.
    pub digests: Digests,
    /// How the configuration differs from the one before, where that was found out.
    pub differences: Vec<Difference>,
    /// How it ended: `unchanged`, `applied`, `rejected`, `failed`, `reverted`; absent while it
    /// runs, and where the host was killed in it.
    pub outcome: Option<String>,
    /// Why, one line each, with place and remedy; empty for what was applied.
    pub reasons: Vec<String>,
    /// What serves since its end; 0 where that is not known.
    pub generation: u64,
    /// Backends that were started for it.
    pub backends_started: Vec<String>,
    /// Backends that went, or were replaced.
    pub backends_stopped: Vec<String>,
    /// How many reasons and differences are not kept.
    pub left_out: usize,
}

/// How long one phase took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PhaseTime {
    /// `read`, `parse`, `validate`, `propose`, `build`, `compose`, `swap` or `finish`.
    pub phase: String,
    /// In milliseconds, to the microsecond.
    pub ms: f64,
}

/// SHA-256 in hex.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Digests {
    /// Of what this attempt read; absent when the file could not be read.
    pub seen: Option<String>,
    /// Of what serves.
    pub applied: Option<String>,
    /// Of what is not tried again before it changes.
    pub rejected: Option<String>,
}
