//! What the host remembers of its reloads across restarts: the journal of attempts, and copies of
//! what was applied. Stands behind the port [`crate::reload::Memory`] and gives the command line
//! its history and its way back.
//!
//! Never decides what serves, and never fails a reload: what cannot be kept now is kept later,
//! and said. Writes no value of a configuration anywhere but into the copies.

mod archive;
mod disk;
mod entry;
mod good;
mod history;
mod restore;
mod writer;

pub use disk::DiskMemory;
pub use entry::{Begun, Entry, JournalLine};
pub use good::last_good;
pub use history::{History, history};
pub use restore::{RestoreError, Restored, restore};
