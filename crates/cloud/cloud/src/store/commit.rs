//! Where files and rows change together.

use rusqlite::Transaction;

use super::{Blob, BlobWriter, Store, StoreError};

impl Store {
    /// Runs `work` in a transaction that gives up the files it names; they are removed after it.
    pub(super) async fn dropping<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<(T, Vec<String>), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let task = move || {
            let (done, files) = store.catalogue.write_blocking(work)?;
            store.blobs.discard(files.iter().map(String::as_str));
            Ok(done)
        };
        tokio::task::spawn_blocking(task).await?
    }

    /// Brings a received file to the disk, then runs `work` in a transaction that gives it a row and gives
    /// up the files it names.
    ///
    /// All of it is one task that a caller who goes away does not interrupt, so that a row never names a
    /// file that was cleaned up.
    pub(super) async fn adopting<T: Send + 'static>(
        &self,
        writer: BlobWriter,
        work: impl FnOnce(&Transaction<'_>, &Blob) -> Result<(T, Vec<String>), StoreError>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let task = move || {
            let blob = writer.finish().map_err(StoreError::writing)?;
            match store.catalogue.write_blocking(|tx| work(tx, &blob)) {
                Ok((done, files)) => {
                    blob.keep();
                    store.blobs.discard(files.iter().map(String::as_str));
                    Ok(done)
                }
                // Whether a failed commit has reached the disk is not known; the next start will see.
                Err(error @ StoreError::Catalogue(_)) => {
                    blob.keep();
                    Err(error)
                }
                Err(error) => Err(error),
            }
        };
        tokio::task::spawn_blocking(task).await?
    }
}
