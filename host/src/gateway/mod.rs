//! What serves: backends, middleware and catalog as one immutable, numbered [`Snapshot`], and
//! the MCP server in front of it. A call ends on the snapshot it began on; a new snapshot is
//! built beside the old one and swapped in by one atomic store. Never reads the file.
//!
//! A call's way: `listener` → `door` → `front` → `route` by the catalog → `middleware` chain → `backend`.

mod asking;
mod backend;
mod beside_calls;
mod call;
mod candidate;
mod capabilities;
mod catalog;
mod client;
mod clients;
mod comings;
mod connector;
mod door;
#[cfg(test)]
mod fake_client;
#[cfg(test)]
pub(crate) mod fakes;
mod front;
#[expect(clippy::module_inception, reason = "it is the gateway itself")]
mod gateway;
mod ground;
mod listener;
mod mend;
mod meter;
mod middleware;
mod mirrored;
mod pass;
mod remainder;
mod route;
mod snapshot;
mod swap;
mod tasks;
mod templates;

pub use backend::{BackendNotice, Condition, Health, Life, NoticeKind};
pub use call::{Call, CallError, ErrorOrigin, Method, Reply};
pub use candidate::{Candidate, SIDE_BY_SIDE, Terms, Wanted};
use catalog::Changes;
pub use catalog::{Capability, Entry, Offer};
pub use clients::Connected;
pub use connector::Connector;
pub use gateway::Gateway;
pub use listener::Opened;
pub use mend::{Mended, Restarted};
pub use meter::Measured;
pub use middleware::{
    Decision, MiddlewarePlugin, MiddlewarePlugins, NoPlugins, Refusal, Revision, Shown, Unusable,
    Ways,
};
pub use snapshot::{Absent, Snapshot};
pub use swap::{Before, Swapped};
