//! Notices that files changed and have come to rest. Asks a [`Detector`] (the port behind which
//! the WASM plugins stand) whenever the poll timer or the operating system gives a reason, and
//! sends one message for each settled change. Never parses a file, and never decides what a
//! change means.

mod arm;
mod debounce;
mod detection;
mod detector;
mod due;
mod files;
mod first_look;
mod hearing;
mod inbox;
mod look;
mod native;
mod retry;
mod scope;
mod under_way;
mod watched;
mod watcher;
mod wires;

pub use arm::{Arm, Armed, Unseen};
pub use debounce::{Debounce, Settling, WRITER_PATIENCE};
pub use detection::AUTO;
pub use detector::{Detector, Detectors, FileEvent, Observation, Verdict, Wake, Wakes};
pub use hearing::{HeardBy, Hearing};
pub use inbox::Inbox;
pub use look::Open;
pub use native::NativeEvents;
pub use retry::{Next, Retry};
pub use scope::Scope;
pub use watcher::ConfigWatcher;
pub use wires::{Baseline, FoundBy, Orders, Settled, Wires};
