//! The rest of a piece of work that somebody waits for. When nobody waits any more it is not lost
//! in the middle, but goes on as a task of its own.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::task::TaskTracker;

/// Work that is not finished when it is dropped goes on among `tasks`.
pub(super) struct Detached<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    tasks: TaskTracker,
}

impl<T: Send + 'static> Detached<T> {
    pub(super) fn of(work: impl Future<Output = T> + Send + 'static, tasks: &TaskTracker) -> Self {
        Self {
            work: Some(work.boxed()),
            tasks: tasks.clone(),
        }
    }

    /// It is done, with this.
    pub(super) fn set(&mut self, done: T) {
        self.work = Some(futures::future::ready(done).boxed());
    }
}

impl<T: Send + 'static> Future for Detached<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = self.work.as_mut() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the work with it.
        if let Some(work) = self.work.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            self.tasks.spawn_on(
                async move {
                    work.await;
                },
                &runtime,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_goes_on() {
        let tasks = TaskTracker::new();
        let (go, going) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = async move {
            going.await.unwrap();
            done.send(7).unwrap();
        };
        let mut rest = Detached::of(work, &tasks);
        assert_eq!((&mut rest).now_or_never(), None);
        drop(rest);
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok(7));
        tasks.close();
        tasks.wait().await;
    }
}
