//! Where a guest runs. What it reads or waits for makes the host enter tokio, which a thread that
//! drives tokio must not do; so no guest that may do such things runs on such a thread as it is.

use std::thread;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Does what takes its time: on this very thread, which other tasks leave meanwhile if they can. What
/// `enters` tokio gets a thread of its own where they cannot.
///
/// # Errors
/// Those of `work`, or that there is no thread to be had.
pub(super) fn apart<T: Send>(
    enters: bool,
    work: impl FnOnce() -> wasmtime::Result<T> + Send,
) -> wasmtime::Result<T> {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Err(_) => work(),
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        // To make a thread takes longer than most guests.
        Ok(_) if !enters => work(),
        // Whether it is this thread that drives it, tokio does not say.
        Ok(_) => thread::scope(|scope| {
            let guest = thread::Builder::new().name("plugin".to_owned());
            let ended = guest.spawn_scoped(scope, work)?.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }),
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::runtime::in_tokio;

    use super::*;

    fn entered() -> u32 {
        apart(true, || Ok(in_tokio(async { 7 }))).unwrap()
    }

    #[test]
    fn a_guest_may_enter_tokio_whatever_thread_asks_it() {
        assert_eq!(entered(), 7, "of no runtime");
        let one = tokio::runtime::Builder::new_current_thread().build();
        let many = tokio::runtime::Builder::new_multi_thread().build();
        for runtime in [one.unwrap(), many.unwrap()] {
            assert_eq!(runtime.block_on(async { entered() }), 7);
            let task = runtime.spawn(async { entered() });
            assert_eq!(runtime.block_on(task).unwrap(), 7);
            let aside = runtime.spawn_blocking(entered);
            assert_eq!(runtime.block_on(aside).unwrap(), 7);
        }
    }
}
