//! Recovery: a fault in the chain becomes a well-formed MCP error with a number by which the
//! log can be searched, and with nothing of the host's insides in it.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::gateway::{CallError, Reply};

pub(super) async fn recover(call: u64, chain: impl Future<Output = Reply>) -> Reply {
    // What the chain holds is dropped with it, so nobody sees it half changed.
    let caught = AssertUnwindSafe(chain).catch_unwind().await;
    caught.unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(call, reason, "a fault in the middleware chain");
        Err(CallError::internal(format!(
            "the gateway failed to handle this call (call {call})"
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_without_insides() {
        let error = recover(7, async { panic!("secret path /etc/shadow") })
            .await
            .unwrap_err();
        assert_eq!(error.code, -32603);
        assert_eq!(
            error.message,
            "the gateway failed to handle this call (call 7)"
        );
        assert!(error.data.is_none());
    }
}
