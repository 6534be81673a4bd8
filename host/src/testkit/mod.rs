//! The isolation bench for plugins: plays a [`Scenario`] (a file's life as a timeline, or
//! configurations for a handler) to the real component, through the host's own linker and limits,
//! and compares what it answers with what is expected. The file is virtual, and so is the clock:
//! the same component answers the same, to the last instruction, on every machine. Is not needed
//! to serve, and never touches the file system beyond the component and the scenario.
//!
//! ```no_run
//! # fn test() -> Result<(), String> {
//! use std::path::Path;
//! use config_sync::testkit::{Bench, Report, Scenario};
//!
//! let bench = Bench::open(Path::new("target/wasm32-wasip2/release/mine.wasm"))?;
//! let run = bench.play(&Scenario::read(Path::new("scenarios/first.yaml"))?);
//! assert!(run.is_good(), "{}", Report::of(&bench, vec![run]).text());
//! # Ok(())
//! # }
//! ```

mod bench;
mod beyond;
mod bless;
mod calls;
mod difference;
mod file;
mod happening;
mod middleware;
mod reading;
mod report;
mod scenario;
mod session;
mod trace;
mod words;

pub use bench::{Bench, Played, Run};
pub use bless::bless;
pub use report::Report;
pub use scenario::Scenario;
pub use trace::Trace;
