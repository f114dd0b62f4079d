//! The runtime of commands that ask the catalogue without serving.

use anyhow::Context as _;

/// Runs work that may wait for a database: within a runtime, on this thread.
pub(crate) fn within(
    work: impl FnOnce() -> Result<(), anyhow::Error>,
) -> Result<(), anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let _entered = runtime.enter();
    work()
}
