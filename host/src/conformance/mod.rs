//! The save-pattern suite: how files are saved in the wild, one small, named, documented case for
//! each way, played on a real file system while a watcher watches. A [`Pattern`] says how the
//! file stands before, what the tool does, and how many settled changes are right; a [`Scene`] is
//! the folder in which it is played; a [`Suite`] plays them all to the host's own watcher and ends
//! in a table. Never decides what a watcher may miss beyond what a pattern says of itself, and
//! never touches a file outside its scene.

mod pattern;
pub mod patterns;
mod play;
mod report;
mod scene;
mod signals;
mod text;
mod verdict;

pub use pattern::{Done, Expect, Halt, Pattern};
pub use report::{Report, Row, Suite};
pub use scene::{Scene, Timing};
pub use verdict::{Loaded, Verdict};
