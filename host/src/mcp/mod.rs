//! The Model Context Protocol on the wire: JSON-RPC messages, their members, `_meta` and framing.
//! What a peer says is kept as the bytes it said it in; read is only what must be understood.
//! Never opens a connection, and never decides what becomes of a message.

mod error;
mod events;
mod headers;
mod lines;
mod members;
mod message;
mod meta;
mod resource;
mod texts;
mod version;

pub use error::RpcError;
pub use events::{Event, Events};
pub use headers::{decoded, encoded, header, named_by};
pub use lines::{BadLine, Glimpse, LineByLine, Lines, lines};
pub use members::{Members, Raw, raw_of};
pub use message::{Id, Message, Notification, Request, Response, Unreadable};
pub use meta::key;
pub use resource::part;
pub use texts::replace_texts;
pub use version::Version;
