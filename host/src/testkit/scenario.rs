//! A scenario: what stands at the beginning, what happens then, and what the plugin should answer.
//! Says nothing of how it is written down (`reading.rs`) or played (`bench.rs`).

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::beyond::Beyond;
use super::calls::{Call, Reply};
use super::happening::Happening;
use crate::config::PluginFile;
use crate::manage::PluginKind;
use crate::reload::Ending;
use crate::watch::Wake;

/// A scenario as it was read.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called in reports: the name of its file.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// Where paths in it start.
    pub(super) folder: PathBuf,
    pub(super) text: String,
    /// What would stand beside the component.
    pub(super) file: PluginFile,
    pub(super) beyond: Beyond,
    /// The content of the file at the beginning; none, if there is no file.
    pub(super) content: Option<Vec<u8>>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Counted from 1.
    pub(super) line: usize,
    /// As it is shown: `write`.
    pub(super) name: &'static str,
    /// Since the beginning.
    pub(super) at: Duration,
    pub(super) action: Action,
    pub(super) expect: Option<Expect>,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    /// To the file.
    Happens(Happening),
    /// The detector looks; these things happen after its first call to the host.
    Look(Wake, Vec<Happening>),
    /// A handler is asked.
    Propose(Value),
    /// About this configuration, or the one that was proposed last.
    Compose(Option<Value>, Vec<Offered>),
    Finished(Ending),
    /// A middleware takes these settings.
    Configure(Map<String, Value>),
    /// It is asked about a call.
    Request(Call),
    /// And about what came back.
    Response(Call, Reply),
    /// To what lies beyond it.
    Beyond(Beyond),
    /// A fresh instance of the same component.
    Restart,
    /// Another component in its place, its memory kept.
    Swap(PathBuf),
    /// The host starts anew: nothing is remembered.
    Forget,
}

/// What a backend offers.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) backend: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) description: Option<String>,
}

/// What is expected of an answer: of those keys that are given, exactly these values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expect {
    pub(super) answer: Map<String, Value>,
    /// Written as one word: `expect: changed`.
    pub(super) short: bool,
    /// Where the key `expect` stands, in bytes.
    pub(super) key: Range<usize>,
}

impl Action {
    /// Who does it; everybody, if none.
    pub(super) fn asks(&self) -> Option<PluginKind> {
        match self {
            Self::Happens(_) | Self::Look(..) | Self::Forget => Some(PluginKind::Detector),
            Self::Propose(_) | Self::Compose(..) | Self::Finished(_) => Some(PluginKind::Handler),
            Self::Configure(_) | Self::Request(_) | Self::Response(..) => {
                Some(PluginKind::Middleware)
            }
            Self::Beyond(_) | Self::Restart | Self::Swap(_) => None,
        }
    }

    /// What an answer to it may hold, the word first that stands for it when it is written alone;
    /// nothing, where there is no answer.
    pub(super) fn answers(&self) -> &'static [&'static str] {
        match self {
            Self::Look(..) => &[
                "verdict", "note", "memory", "fault", "message", "log", "sent",
            ],
            Self::Propose(_) => &[
                "answer",
                "wanted",
                "differences",
                "problems",
                "fault",
                "message",
                "log",
                "sent",
            ],
            Self::Compose(..) => &[
                "answer", "catalog", "problems", "fault", "message", "log", "sent",
            ],
            Self::Finished(_) => &["answer", "fault", "message", "log", "sent"],
            Self::Configure(_) => &["answer", "problems", "fault", "message", "log", "sent"],
            Self::Request(_) | Self::Response(..) => &[
                "answer", "params", "result", "refuse", "fault", "message", "log", "sent",
            ],
            Self::Happens(_) | Self::Beyond(_) | Self::Restart | Self::Swap(_) | Self::Forget => {
                &[]
            }
        }
    }
}
