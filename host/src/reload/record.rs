//! One attempt at a reload as plain data: what a journal keeps and people look up. Of the values
//! of the configuration it holds those that are known to be no secret. Does no I/O: whoever keeps
//! records stands behind [`Memory`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Difference;

/// One attempt, from its reason to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it began (RFC 3339, milliseconds, with offset).
    pub started: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// The strategy that the watcher looked by, as `sync.detection` names it; for
    /// [`Trigger::Detector`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// Who last wrote the file, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// The phases it went through, in their order; the last one is where it ended.
    pub phases: Vec<PhaseTime>,
    /// The three digests as they were when it ended.
    pub digests: Digests,
    /// How the configuration differs from the one before, where that was found out.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Why, one line each, with place and remedy; empty for what was applied.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// What serves since its end.
    pub generation: u64,
    /// Backends that were started for it.
    #[serde(default)]
    pub backends_started: Vec<String>,
    /// Backends that went, or were replaced.
    #[serde(default)]
    pub backends_stopped: Vec<String>,
}

/// Why a reload is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The host starts.
    Start,
    /// The file will not do at the start: what an earlier run applied last is served.
    LastGood,
    /// The watcher saw a change come to rest.
    Detector,
    /// SIGHUP.
    Hangup,
    /// A call of the management API.
    Api,
    /// What failed is tried again.
    Retry,
    /// A backend did not stand its probation.
    Probation,
    /// Other plugins are at hand.
    Plugins,
}

impl Trigger {
    /// Somebody wants it now: bytes that were rejected are tried once more.
    pub fn is_forced(self) -> bool {
        matches!(self, Self::Hangup | Self::Api | Self::Plugins)
    }

    /// Whoever wants it may have changed a secret.
    pub fn is_asked(self) -> bool {
        matches!(self, Self::Hangup | Self::Api)
    }
}

/// One step of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Until two looks at the file agree.
    Read,
    /// Bytes to a document.
    Parse,
    /// The document to a configuration that is right in itself.
    Validate,
    /// Each handler says what it wants.
    Propose,
    /// What is new is started.
    Build,
    /// The catalog of what the backends offer.
    Compose,
    /// One atomic store.
    Swap,
    /// Everybody concerned is told.
    Finish,
}

/// How long one phase took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Which.
    pub phase: Phase,
    /// In milliseconds, to the microsecond.
    pub ms: f64,
}

impl PhaseTime {
    /// This phase took so long.
    pub fn new(phase: Phase, took: Duration) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "2^53 microseconds are 285 years"
        )]
        let ms = took.as_micros() as f64 / 1000.0;
        Self { phase, ms }
    }
}

/// SHA-256 in hex of the bytes that count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// Read by this attempt; absent when the file could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Of what serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// Of what is not tried again before it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

/// How an attempt ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// What serves is what the file says, or nothing can follow from it.
    Unchanged,
    /// The new configuration serves.
    Applied,
    /// The configuration is wrong.
    Rejected,
    /// The world is not as the configuration needs it: the same bytes may work later.
    Failed,
    /// It served, and was taken back.
    Reverted,
}

macro_rules! words {
    ($type:ty: $($variant:ident $word:literal),+ $(,)?) => {
        impl $type {
            /// The word that stands in records.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(Trigger: Start "start", LastGood "last-good", Detector "detector", Hangup "hangup", Api "api", Retry "retry", Probation "probation", Plugins "plugins");
words!(Phase: Read "read", Parse "parse", Validate "validate", Propose "propose", Build "build", Compose "compose", Swap "swap", Finish "finish");
words!(OutcomeKind: Unchanged "unchanged", Applied "applied", Rejected "rejected", Failed "failed", Reverted "reverted");

/// A configuration that was applied in an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastGood {
    /// As they stood in the file.
    pub bytes: Vec<u8>,
    /// The number it served under.
    pub generation: u64,
}

/// What outlives the process. A port: the reloader tells it, and knows nothing of disks.
///
/// Every function may block; the reloader calls them off the async threads, one at a time, in
/// order. None may fail: what cannot be kept is told by whoever is behind this port, and serving
/// goes on.
pub trait Memory: Send + 'static {
    /// What was applied last; asked once, at the start, when the file itself will not do.
    fn last_good(&mut self) -> Option<LastGood>;

    /// An attempt begins, for this reason. (It may be the last that is heard of it: kill -9.)
    fn began(&mut self, _started: &str, _trigger: Trigger) {}

    /// These bytes serve from now on, others than before: applied, reverted, or only comments
    /// changed. Asked before anybody is told of it.
    fn serves(&mut self, generation: u64, bytes: &[u8]);

    /// An attempt ended.
    fn ended(&mut self, record: &Record);
}

/// Remembers nothing: for tests, and for hosts that have nowhere to write.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Memory for Forgetful {
    fn last_good(&mut self) -> Option<LastGood> {
        None
    }

    fn serves(&mut self, _generation: u64, _bytes: &[u8]) {}

    fn ended(&mut self, _record: &Record) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_records_are_those_that_people_see() {
        let json = |value: serde_json::Value| value.as_str().map(str::to_owned);
        for trigger in [Trigger::Start, Trigger::Hangup, Trigger::Probation] {
            let word = serde_json::to_value(trigger).unwrap();
            assert_eq!(json(word).as_deref(), Some(trigger.as_str()));
        }
        for outcome in [OutcomeKind::Unchanged, OutcomeKind::Reverted] {
            let word = serde_json::to_value(outcome).unwrap();
            assert_eq!(json(word).as_deref(), Some(outcome.as_str()));
        }
        let time = PhaseTime::new(Phase::Validate, Duration::from_micros(1500));
        assert_eq!(
            serde_json::to_value(time).unwrap(),
            serde_json::json!({"phase": "validate", "ms": 1.5})
        );
    }
}
