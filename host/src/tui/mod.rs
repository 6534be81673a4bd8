//! The terminal UI: what one host tells, as screens. `link` talks to the host, by the
//! client of [`crate::manage`]. `state` is folded from what was heard
//! and typed, and is pure; `draw` shows it; `motor` joins them.
//!
//! Never talks to anything but that client, never waits for the host before it draws, and never
//! holds more than a bounded part of what the host tells.

mod draw;
mod link;
mod message;
mod motor;
mod state;
mod terminal;

pub use motor::{Options, PlaceOf, run};

#[cfg(test)]
mod tests;
