//! The settings of the watched file: default < config.yaml < settings store < environment < flag,
//! each value with who says so; the store, a document for each watched file in the user's config
//! folder; and single values written into the file itself.
//!
//! Never watches, never reloads, and never decides what a setting does: whoever is told the
//! values does that. What a value may be is for [`crate::config`] to say.

mod in_file;
mod key;
mod layers;
mod live;
mod save;
mod store;
mod write_in;

pub use in_file::{NotEdited, edit};
pub use key::{KEYS, Key, Kind, check, from_text};
pub use layers::{Effective, Layers, Origin, Setting, merge};
pub use live::{ChangeError, Changes, LiveSettings, checked};
pub use save::{NotSaved, Saved, save_in_file};
pub use store::{Document, Opened, SettingsStore, StoreError, Stored};
pub use write_in::NotWritten;
use write_in::write_in;
