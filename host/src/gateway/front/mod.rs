//! The MCP server that clients talk to, over Streamable HTTP and over stdio, in both eras of the
//! protocol. It keeps sessions and streams, and knows who asks; what is answered comes from the
//! snapshot that serves. Never opens an address, and never lets anyone in: that is for the
//! listener and the door.

mod answers;
mod asker;
mod desk;
mod detached;
mod headers;
mod hello;
mod http;
mod listen;
mod outbox;
mod presence;
mod questions;
mod running;
mod said;
mod session;
mod sessions;
mod stateless;
mod stdio;

pub(super) use desk::Desk;
pub(super) use http::{Arrived, Connection};
pub(super) use stdio::serve as serve_stdio;

#[cfg(test)]
mod tests;
