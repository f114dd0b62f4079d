//! The object store, and how its units of change are committed.

use std::sync::Arc;

use gumnut_cloud_blobs::{BlobStore, PendingBlob};
use gumnut_cloud_catalogue::{Catalogue, Changed, KnownAccounts};

use crate::acl_request::AclRequest;
use crate::error::ObjectError;
use crate::garbage::Garbage;
use crate::limits::ObjectLimits;
use crate::uninterrupted::Uninterrupted;

/// An object store: buckets, objects and their bytes, and who may do what with them. Clones share it.
///
/// Its operations are those of S3. The caller of each is somebody whose rights decide; whether a request was signed by that
/// caller is not looked at here.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    pub(crate) catalogue: Catalogue,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) limits: ObjectLimits,
    pub(crate) garbage: Arc<Garbage>,
}

impl ObjectStore {
    /// Opens the store on a catalogue and the blobs that it names, and settles what a stop has left: uploads that were cut
    /// off are removed, and so is what was given up. Blobs that are merely unknown are kept.
    ///
    /// Times are those of the catalogue's clock.
    ///
    /// # Errors
    /// [`ObjectError::Catalogue`] or [`ObjectError::Blob`] when one of the two cannot be used.
    pub async fn open(
        catalogue: Catalogue,
        blobs: Arc<dyn BlobStore>,
        limits: ObjectLimits,
    ) -> Result<Self, ObjectError> {
        let garbage = Garbage::new(catalogue.clone(), Arc::clone(&blobs));
        garbage.recover().await?;
        Ok(Self {
            catalogue,
            blobs,
            limits,
            garbage: Arc::new(garbage),
        })
    }

    /// The bounds on what is stored.
    pub fn limits(&self) -> &ObjectLimits {
        &self.limits
    }

    /// The accounts that an ACL names. A unit of change looks up nothing, so this comes before it.
    pub(crate) async fn known_accounts(
        &self,
        acl: &AclRequest,
    ) -> Result<KnownAccounts, ObjectError> {
        let names = acl.account_names();
        if names.is_empty() {
            return Ok(KnownAccounts::default());
        }
        Ok(self.catalogue.accounts_named(names).await?)
    }

    /// Refuses a blob that a collector may soon take for one that nobody wants: the commit must be over before.
    fn check_in_time(&self, blob: &PendingBlob) -> Result<(), ObjectError> {
        let age = self.blobs.now().saturating_duration_since(blob.begun());
        match self.blobs.grace().orphan {
            Some(grace) if age > grace / 2 => Err(ObjectError::Timeout),
            _ => Ok(()),
        }
    }

    /// Commits a unit of change, then deletes the blobs that it has given up.
    ///
    /// A caller who goes away does not interrupt it.
    pub(crate) async fn commit_and_discard<T: Send + 'static>(
        &self,
        unit: impl Future<Output = Result<Changed<T>, ObjectError>> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let garbage = Arc::clone(&self.garbage);
        let task = async move {
            let changed = unit.await?;
            garbage.delete(changed.garbage).await;
            Ok(changed.result)
        };
        Uninterrupted::new(task).await
    }

    /// Commits a unit of change that gives a blob its row, if there is one, then deletes the blobs that it has given up. A blob
    /// whose row was refused is removed.
    ///
    /// A caller who goes away does not interrupt it, so that a row never names a blob that was removed.
    pub(crate) async fn commit_with_blob<T: Send + 'static>(
        &self,
        blob: Option<PendingBlob>,
        unit: impl Future<Output = Result<Changed<T>, ObjectError>> + Send + 'static,
    ) -> Result<T, ObjectError> {
        if let Some(blob) = &blob {
            self.check_in_time(blob)?;
        }
        let garbage = Arc::clone(&self.garbage);
        let task = async move {
            let committing = Committing(blob);
            let changed = match unit.await {
                Ok(changed) => changed,
                Err(error) if error.is_outcome_unknown() => return Err(error),
                Err(error) => {
                    committing.discard();
                    return Err(error);
                }
            };
            committing.keep();
            garbage.delete(changed.garbage).await;
            Ok(changed.result)
        };
        Uninterrupted::new(task).await
    }
}

/// A blob whose row is being committed. When this is dropped, because it is not known whether the row is there, or with the
/// runtime in the middle of the commit, the blob is left as it is for the next start to see.
struct Committing(Option<PendingBlob>);

impl Committing {
    fn keep(mut self) {
        if let Some(blob) = self.0.take() {
            blob.keep();
        }
    }

    fn discard(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        if let Some(blob) = self.0.take() {
            blob.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gumnut_cloud_blobs::{Body, DiskBlobs};
    use gumnut_cloud_catalogue::{CatalogueError, Clock};
    use gumnut_cloud_sqlite::SqliteCatalogue;
    use tokio::sync::oneshot;

    use super::*;

    async fn open(folder: &Path) -> ObjectStore {
        let catalogue = Catalogue::new(SqliteCatalogue::in_memory(Clock::system()).unwrap());
        let blobs = Arc::new(DiskBlobs::open(folder).unwrap());
        let opened = ObjectStore::open(catalogue, blobs, ObjectLimits::default());
        opened.await.unwrap()
    }

    async fn put(store: &ObjectStore) -> PendingBlob {
        let put = store.blobs.put(Body::bytes("abc"), Box::new(())).await;
        put.unwrap().0
    }

    /// How many blobs are in `objects` and in `tmp`.
    fn files(folder: &Path) -> (usize, usize) {
        let count = |name: &str| folder.join(name).read_dir().unwrap().count();
        (count("objects"), count("tmp"))
    }

    fn committed() -> Changed<()> {
        Changed {
            result: (),
            garbage: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_blob_is_kept_removed_or_left_as_its_commit_ends() {
        let unknown = CatalogueError::Database(std::io::Error::other("cut off").into());
        for (outcome, expected) in [
            (Ok(committed()), (1, 0)),
            (Err(ObjectError::PreconditionFailed), (0, 0)),
            (Err(ObjectError::from(unknown)), (0, 1)),
            (Err(ObjectError::from(CatalogueError::Closed)), (0, 1)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path()).await;
            let told = format!("{outcome:?}");
            let blob = put(&store).await;
            let ended = store
                .commit_with_blob(Some(blob), async move { outcome })
                .await;
            assert_eq!(ended.is_ok(), expected == (1, 0), "{told}");
            assert_eq!(files(folder.path()), expected, "{told}");
        }
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_does_not_interrupt_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        let (begun, has_begun) = oneshot::channel();
        let (commit, commits) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel();
        let blob = put(&store).await;
        let caller = tokio::spawn(async move {
            let unit = async move {
                begun.send(()).unwrap();
                commits.await.unwrap();
                end.send(()).unwrap();
                Ok(committed())
            };
            store.commit_with_blob(Some(blob), unit).await
        });
        has_begun.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        commit.send(()).unwrap();
        ended.await.unwrap();
        // The one thread of this runtime is back here when the task has kept the blob.
        tokio::task::yield_now().await;
        assert_eq!(files(folder.path()), (1, 0));
    }

    #[test]
    fn a_runtime_that_ends_in_the_middle_of_a_commit_leaves_the_blob() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.build().unwrap()
        };
        let first = runtime();
        first.block_on(async {
            let store = open(folder.path()).await;
            let blob = put(&store).await;
            let (begun, has_begun) = oneshot::channel();
            tokio::spawn(async move {
                let unit = async move {
                    begun.send(()).unwrap();
                    std::future::pending::<Result<Changed<()>, ObjectError>>().await
                };
                store.commit_with_blob(Some(blob), unit).await
            });
            has_begun.await.unwrap();
        });
        drop(first);
        assert_eq!(files(folder.path()), (0, 1));
        // No row names it, so the next start removes it.
        runtime().block_on(open(folder.path()));
        assert_eq!(files(folder.path()), (0, 0));
    }
}
