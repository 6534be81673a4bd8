//! What is told of a plugin that comes, changes or goes.

use std::path::PathBuf;

use crate::manage::PluginKind;

/// Something has changed about a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub name: String,
    /// In which way.
    pub what: Changed,
    /// The sections of the configuration that it reads, or has read, if it is a handler.
    pub sections: Vec<String>,
}

/// What has changed about a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is there, or another one in its place.
    Loaded {
        /// What it is.
        kind: PluginKind,
        /// Where it lies.
        path: PathBuf,
        /// Something stood there under its name.
        replaces: bool,
    },
    /// The file that lies there cannot be used.
    Refused {
        /// Where it lies.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
        /// The one before it goes on.
        goes_on: bool,
    },
    /// Its file is gone.
    Removed {
        /// It goes on, since it is in use.
        goes_on: bool,
    },
}

impl Change {
    /// What can be used is another than before.
    pub fn has_effect(&self) -> bool {
        matches!(
            self.what,
            Changed::Loaded { .. } | Changed::Removed { goes_on: false }
        )
    }
}
