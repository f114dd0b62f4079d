//! Work that waits for a processor or a disk.

use gumnut_workflows::WorkflowError;

/// Runs what needs a processor or a disk on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkflowError> + Send + 'static,
) -> Result<T, WorkflowError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| WorkflowError::Died)?
}
