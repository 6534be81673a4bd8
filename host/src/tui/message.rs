//! The words that go between the parts of the UI: what is heard of the host, what it is ordered,
//! and what the state wants done in the world.

use serde_json::{Map, Value};

use crate::events::SyncEvent;
use crate::manage::{Attempt, Place, Plugin, SaveTo, Settings, Status, Told, Tool};

/// What is heard of the host.
#[derive(Debug)]
pub(super) enum Heard {
    /// What follows is of the host of another file, this one.
    Turned(String),
    /// There is one; all that follows is of it.
    Attached,
    /// There is none, or none any more, for this reason.
    Lost(String),
    /// How it is.
    Status(Box<Status>),
    /// The events that it keeps, oldest first, and how many it had before them.
    Kept(Vec<SyncEvent>, u64),
    /// What happens.
    Told(Told),
    /// What clients see.
    Tools(Vec<Tool>),
    /// The last attempts at a reload, oldest first.
    History(Vec<Attempt>),
    /// Every setting.
    Settings(Box<Settings>),
    /// Every plugin.
    Plugins(Vec<Plugin>),
    /// What became of an order: what was done, or why not.
    Answered(Order, Result<String, String>),
}

/// What the host is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    /// Load the file now.
    Reload,
    /// Follow no edit.
    Pause,
    /// Follow edits again.
    Resume,
    /// Start this backend at once.
    Reconnect(String),
    /// Change these settings; `null` takes back what is stored.
    Save {
        /// By their keys.
        changes: Map<String, Value>,
        /// Where they go.
        to: SaveTo,
    },
    /// Write this generation over the file.
    Restore(u64),
}

/// What the link is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// To tell the host this.
    Order(Order),
    /// To leave it, and to turn to the host of this file, which is found there.
    Turn(String, Place),
}

/// What the state wants done in the world.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Tell the host.
    Order(Order),
    /// Show the host of this file.
    Turn(String),
    /// Into the clipboard of the terminal.
    Copy(String),
    /// Into a new file.
    Export {
        /// Which must not be there yet.
        path: String,
        /// What goes into it.
        text: String,
    },
    /// The process sleeps until it is continued.
    Suspend,
    /// The UI ends.
    End,
}
