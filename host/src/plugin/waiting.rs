//! What becomes of a guest that waits: in the host, where no epoch reaches it. A plugin has nothing
//! to wait for: it answers, and is asked again. Only who may use HTTP waits for answers, and what a
//! stream takes or gives is waited for, each as long as the call's time lasts.

use std::pin::pin;
use std::time::Duration;

use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::bindings::io::poll::{Host as _, HostPollable as _};
use wasmtime_wasi::p2::bindings::io::streams::{
    Host as _, HostInputStream, HostOutputStream, StreamError,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamResult};
use wasmtime_wasi::runtime::{in_tokio, poll_noop, with_ambient_tokio_runtime};

use super::state::{State, TimeExceeded};

/// As wasmtime-wasi names them; the linker serves every 0.2 by it.
const POLL: &str = "wasi:io/poll@0.2.12";
const STREAMS: &str = "wasi:io/streams@0.2.12";

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;
/// What a function returns that may fail as streams do.
type Streamed<T> = wasmtime::Result<(Result<T, StreamError>,)>;

/// The guest wanted to wait for something.
#[derive(Debug, thiserror::Error)]
#[error("it sleeps or waits; a plugin answers at once, and is asked again")]
pub(super) struct Waiting;

/// Ends whatever may wait with the time of the call.
pub(super) fn bound(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut poll = linker.instance(POLL)?;
    poll.func_wrap(
        "poll",
        |mut store, (pollables,): (Vec<Resource<DynPollable>>,)| -> wasmtime::Result<(Vec<u32>,)> {
            Ok((ready(store.data_mut(), pollables)?,))
        },
    )?;
    poll.func_wrap(
        "[method]pollable.block",
        |mut store, (pollable,): (Resource<DynPollable>,)| -> wasmtime::Result<()> {
            ready(store.data_mut(), vec![pollable])?;
            Ok(())
        },
    )?;
    poll.func_wrap(
        "[method]pollable.ready",
        |mut store, (pollable,): (Resource<DynPollable>,)| -> wasmtime::Result<(bool,)> {
            let ready = within(store.data_mut(), async move |table| {
                table.ready(pollable).await
            });
            Ok((ready??,))
        },
    )?;
    let mut streams = linker.instance(STREAMS)?;
    let dropped = ResourceType::host::<DynOutputStream>();
    streams.resource("output-stream", dropped, |mut store, stream| {
        within(store.data_mut(), async move |table| {
            HostOutputStream::drop(table, Resource::new_own(stream)).await
        })?
    })?;
    let dropped = ResourceType::host::<DynInputStream>();
    streams.resource("input-stream", dropped, |mut store, stream| {
        within(store.data_mut(), async move |table| {
            HostInputStream::drop(table, Resource::new_own(stream)).await
        })?
    })?;
    streams.func_wrap(
        "[method]output-stream.blocking-write-and-flush",
        |mut store, (to, bytes): (Output, Vec<u8>)| -> Streamed<()> {
            streamed(store.data_mut(), async move |table| {
                table.blocking_write_and_flush(to, bytes).await
            })
        },
    )?;
    streams.func_wrap(
        "[method]output-stream.blocking-write-zeroes-and-flush",
        |mut store, (to, length): (Output, u64)| -> Streamed<()> {
            streamed(store.data_mut(), async move |table| {
                table.blocking_write_zeroes_and_flush(to, length).await
            })
        },
    )?;
    streams.func_wrap(
        "[method]output-stream.blocking-flush",
        |mut store, (to,): (Output,)| -> Streamed<()> {
            streamed(store.data_mut(), async move |table| {
                table.blocking_flush(to).await
            })
        },
    )?;
    streams.func_wrap(
        "[method]output-stream.blocking-splice",
        |mut store, (to, from, length): (Output, Input, u64)| -> Streamed<u64> {
            streamed(store.data_mut(), async move |table| {
                table.blocking_splice(to, from, length).await
            })
        },
    )?;
    streams.func_wrap(
        "[method]input-stream.blocking-read",
        |mut store, (from, length): (Input, u64)| -> Streamed<Vec<u8>> {
            streamed(store.data_mut(), async move |table| {
                table.blocking_read(from, length).await
            })
        },
    )?;
    streams.func_wrap(
        "[method]input-stream.blocking-skip",
        |mut store, (from, length): (Input, u64)| -> Streamed<u64> {
            streamed(store.data_mut(), async move |table| {
                table.blocking_skip(from, length).await
            })
        },
    )
}

fn ready(state: &mut State, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
    if !state.may_wait() {
        return Err(Waiting.into());
    }
    within(state, async |table| table.poll(pollables).await)?
}

fn streamed<T>(
    state: &mut State,
    wait: impl AsyncFnOnce(&mut ResourceTable) -> StreamResult<T>,
) -> Streamed<T> {
    Ok((match within(state, wait)? {
        Ok(done) => Ok(done),
        Err(error) => Err(state.table().convert_stream_error(error)?),
    },))
}

/// Waits for no longer than the call may last.
fn within<T>(
    state: &mut State,
    wait: impl AsyncFnOnce(&mut ResourceTable) -> T,
) -> Result<T, TimeExceeded> {
    let (left, limit) = (state.left(), state.limits().time);
    let mut waiting = pin!(wait(state.table()));
    // What need not be waited for needs no runtime, which this thread may drive.
    if let Some(done) = with_ambient_tokio_runtime(|| poll_noop(waiting.as_mut())) {
        return Ok(done);
    }
    in_tokio(async {
        // The timer needs the runtime that this enters.
        tokio::time::timeout(left.max(Duration::from_millis(1)), waiting).await
    })
    .map_err(|_elapsed| TimeExceeded(limit))
}
