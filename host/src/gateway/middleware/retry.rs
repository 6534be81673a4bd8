//! Retry: a call that had no answer is made again, where that can do no harm: prompts, resources,
//! and tools that call themselves read-only or idempotent. An error that the backend itself gives
//! is an answer. A backend that has ended is called again once it is started anew, if that is soon:
//! it is waited for as long as a retry waits at the longest.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::{Middleware, Next};
use crate::config::RetrySettings;
use crate::gateway::{Call, CallError, ErrorOrigin, Reply};

pub(super) struct Retry {
    waits: ExponentialBuilder,
    longest: Duration,
}

impl Retry {
    pub(super) fn new(settings: RetrySettings) -> Self {
        // At most 10: the file cannot say more.
        let times = usize::try_from(settings.attempts - 1).unwrap_or(usize::MAX);
        Self {
            longest: settings.max_backoff,
            waits: ExponentialBuilder::new()
                .with_min_delay(settings.backoff)
                .with_max_delay(settings.max_backoff)
                .with_factor(2.0)
                .with_max_times(times),
        }
    }
}

impl Middleware for Retry {
    fn handle<'a>(&'a self, call: Call, next: Next<'a>) -> BoxFuture<'a, Reply> {
        if !call.repeatable {
            return next.run(call);
        }
        Box::pin(async move {
            let mut reply = next.run(call.clone()).await;
            for wait in self.waits.build() {
                if !matches!(&reply, Err(error) if error.origin == ErrorOrigin::NoAnswer) {
                    break;
                }
                let patience = Instant::now() + self.longest;
                loop {
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = call.cancelled.cancelled() => return Err(CallError::cancelled()),
                    }
                    let answering = next.snapshot.answering(&call.backend);
                    let is_missed = answering.is_some_and(|it| it.is_missed());
                    if !is_missed || Instant::now() + wait > patience {
                        break;
                    }
                }
                tracing::debug!(call = call.id, backend = call.backend, "called again");
                reply = next.run(call.clone()).await;
            }
            reply
        })
    }
}
