//! Notices that the target changed and has come to rest. Asks a [`Detector`] (the port behind
//! which the WASM plugins stand) whenever the poll timer or the operating system gives a
//! reason, and sends one message for each settled change. Never parses the file, and never
//! decides what a change means.

mod debounce;
mod detector;
mod inbox;
mod look;
mod native;
mod watcher;

pub use debounce::Debounce;
pub use detector::{Detector, Detectors, FileEvent, Observation, Verdict, Wake, Wakes};
pub use inbox::Inbox;
pub use look::{Arm, Armed};
pub use native::NativeEvents;
pub use watcher::{ConfigWatcher, Orders, Settled};
