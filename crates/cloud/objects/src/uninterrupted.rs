//! Work that a caller who goes away does not interrupt.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that is done to its end: when this is dropped before, a task of its own does the rest. In a runtime that ends, the rest is
/// dropped.
///
/// A task for all of it would cost each caller two changes between threads.
pub(crate) struct Uninterrupted<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Uninterrupted<F> {
    pub(crate) fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Uninterrupted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.0 else {
            // Nobody asks again who has the result.
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Uninterrupted<F> {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_is_done_by_who_waits_or_else_by_a_task() {
        assert_eq!(Uninterrupted::new(async { 7 }).await, 7);
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut work = Uninterrupted::new(async move {
            may_go_on.await.unwrap();
            done.send(()).unwrap();
        });
        assert!((&mut work).now_or_never().is_none(), "it has begun");
        drop(work);
        go_on.send(()).unwrap();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_was_not_begun_is_done_too() {
        let (done, is_done) = oneshot::channel();
        drop(Uninterrupted::new(async move { done.send(()).unwrap() }));
        is_done.await.unwrap();
    }

    #[test]
    fn without_a_runtime_the_rest_is_dropped() {
        let (done, is_done) = oneshot::channel::<()>();
        drop(Uninterrupted::new(async move { drop(done) }));
        assert!(is_done.now_or_never().unwrap().is_err());
    }
}
