//! What the host remembers on disk, crash-safe: one folder for each watched file, with whole
//! copies of configurations and a journal of lines. A file here is there whole or not at all,
//! whenever the host is killed and whatever the disk does.
//!
//! Never interprets a byte of what it holds, never decides what is worth keeping, and never
//! reads the watched file. [`overwrite`] alone writes outside of the folder, when it is asked to.

mod copies;
mod error;
mod folder;
mod lines;
mod overwrite;
mod whole;

pub use copies::{Copies, Kept};
pub use error::StateError;
pub use folder::{Folder, Hold, hold, make};
pub use lines::{Bounds, Lines, Repairs};
pub use overwrite::{Overwritten, overwrite};
pub use whole::write_whole;
