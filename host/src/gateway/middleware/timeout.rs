//! Timeout: a call that takes too long is taken back from the backend and answered with an error.
//! The time in which its client is asked something does not count.

use std::time::Duration;

use futures::future::BoxFuture;

use super::{Middleware, Next};
use crate::gateway::{Call, CallError, Reply};

pub(super) struct Timeout {
    after: Duration,
}

impl Timeout {
    pub(super) fn new(after: Duration) -> Self {
        Self { after }
    }
}

impl Middleware for Timeout {
    fn handle<'a>(&'a self, mut call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            // Only what is inside ends: whoever is outside may call again.
            let cancelled = call.cancelled.child_token();
            call.cancelled = cancelled.clone();
            let shown_as = call.shown_as.clone();
            let asking = call.asking.clone();
            let mut reply = next.run(call);
            tokio::select! {
                biased;
                reply = &mut reply => reply,
                () = asking.run_out(self.after) => {
                    // The backend is told before the call is dropped.
                    cancelled.cancel();
                    let _ = reply.await;
                    let seconds = self.after.as_secs_f64();
                    Err(CallError::no_answer(format!(
                        "`{shown_as}` took longer than {seconds} s"
                    )))
                }
            }
        })
    }
}
