//! Sorts what wasmtime reports by what the guest did.

use wasmtime::Error;

use super::output::cut;
use super::state::{MemoryExceeded, TimeExceeded, Waiting};
use crate::events::{Fault, FaultKind};

/// The fault behind an error of a call.
pub(super) fn of(plugin: &str, call: &'static str, error: &Error) -> Fault {
    let kind = if error.is::<TimeExceeded>() || error.is::<Waiting>() {
        FaultKind::Deadline
    } else if error.is::<MemoryExceeded>() {
        FaultKind::Memory
    } else {
        FaultKind::Trap
    };
    // The whole story, with the guest's own functions, is for its author.
    tracing::debug!(target: "config_sync::plugin", plugin, call, "{error:?}");
    Fault {
        plugin: plugin.to_owned(),
        call,
        kind,
        message: cut(error.root_cause().to_string()),
    }
}
