//! What becomes of a guest that waits. A plugin has nothing to wait for: it answers, and is asked
//! again. Only who may use HTTP waits for answers, as long as its time lasts.

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll::Host as _;

use super::state::{State, TimeExceeded};

/// The guest wanted to wait for something.
#[derive(Debug, thiserror::Error)]
#[error("it sleeps or waits; a plugin answers at once, and is asked again")]
pub(super) struct Waiting;

/// WASI's poll, for no longer than the call may last.
pub(super) fn poll(
    state: &mut State,
    pollables: Vec<Resource<DynPollable>>,
) -> wasmtime::Result<Vec<u32>> {
    if !state.may_wait() {
        return Err(Waiting.into());
    }
    let (left, limit) = (state.left(), state.limits().time);
    let table = state.table();
    let polled = wasmtime_wasi::runtime::in_tokio(async {
        // The timer needs the runtime that this enters.
        tokio::time::timeout(left.max(Duration::from_millis(1)), table.poll(pollables)).await
    });
    match polled {
        Ok(ready) => ready,
        Err(_) => Err(TimeExceeded(limit).into()),
    }
}
