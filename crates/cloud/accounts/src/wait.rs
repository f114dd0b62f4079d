//! Waiting for the catalogue where blocking is allowed.

/// Waits for the work on this thread, with or without a runtime.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}
