//! Where a guest runs. Whatever it prints, reads or waits for makes the host enter tokio, which
//! a thread that drives tokio must not do; so a guest never runs on such a thread as it is.

use std::thread;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Does what may enter tokio: on this thread where that may be, which other tasks leave meanwhile;
/// else on one of its own.
///
/// # Errors
/// Those of `work`, or that there is no thread to be had.
pub(super) fn apart<T: Send>(
    work: impl FnOnce() -> wasmtime::Result<T> + Send,
) -> wasmtime::Result<T> {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Err(_) => work(),
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
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
        apart(|| Ok(in_tokio(async { 7 }))).unwrap()
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
