//! The host's log. A line is told under the plugin's name; in native tests it goes to stderr.
//!
//! ```
//! config_sync_sdk::log::warn(format_args!("{} tools are hidden", 3));
//! ```

use std::fmt::Display;

use crate::bindings::detector::config_sync::plugin::log::Level;

/// Every step, for the plugin's own author.
pub fn trace(message: impl Display) {
    tell(Level::Trace, &message);
}

/// What helps to explain a decision.
pub fn debug(message: impl Display) {
    tell(Level::Debug, &message);
}

/// What an operator wants to know.
pub fn info(message: impl Display) {
    tell(Level::Info, &message);
}

/// Something an operator should look at.
pub fn warn(message: impl Display) {
    tell(Level::Warn, &message);
}

/// Something that did not work.
pub fn error(message: impl Display) {
    tell(Level::Error, &message);
}

fn tell(level: Level, message: &dyn Display) {
    #[cfg(target_family = "wasm")]
    crate::bindings::detector::config_sync::plugin::log::log(level, &message.to_string());
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}
