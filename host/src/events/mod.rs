//! What happened, told once: [`SyncEvent`] and the bus that carries it to the log and to
//! whoever listens. Imports nothing of ours, and never waits for a slow reader.

mod bus;
mod fault;
mod sync_event;

pub use bus::{EventBus, KEPT, Since};
pub use fault::{Fault, FaultKind};
pub use sync_event::{EventKind, SyncEvent, timestamp};
