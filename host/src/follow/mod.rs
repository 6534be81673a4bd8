//! The watching half alone, for any files and any program: follows files, says which of them
//! changed, runs a program at each change. Never reads what a file means, and serves nobody.

mod command;
mod follower;

pub use command::{Ended, OnChange};
pub use follower::{Follower, LOST};
