//! A plugin's fault: what it did, and which plugin it was. Says nothing of what follows from
//! it; that is for whoever called the plugin.

use std::fmt;

/// How a plugin failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It trapped: a panic, an access out of bounds, `unreachable`.
    Trap,
    /// It took more time than one call may take.
    Deadline,
    /// It asked for more memory, or larger tables, than it may have.
    Memory,
    /// It said more than it may, in its answer or in the log.
    Output,
    /// It answered that it cannot do what was asked.
    Refusal,
    /// It answered something that makes no sense.
    BadAnswer,
    /// It was not even asked: something that it needs is not there.
    NotReady,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trap => "trapped",
            Self::Deadline => "ran past its deadline",
            Self::Memory => "asked for more memory than its limit",
            Self::Output => "said more than its limit",
            Self::Refusal => "refused",
            Self::BadAnswer => "gave an answer that makes no sense",
            Self::NotReady => "lacks something",
        })
    }
}

/// One fault of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` {kind} in `{call}`: {message}")]
pub struct Fault {
    /// Its name, as `detection:` and the log use it.
    pub plugin: String,
    /// The function that was called.
    pub call: &'static str,
    /// What it did.
    pub kind: FaultKind,
    /// In the words of the engine or of the plugin.
    pub message: String,
}
