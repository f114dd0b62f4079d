//! What uploads, lists and readers of a bucket share.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;
use gumnut_cloud_blobs::{BlobError, BlobName, BlobStream, Fate, PendingBlob};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attributes, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _};
use tokio::runtime::Handle;

use crate::BucketUrl;
use crate::client::Client;
use crate::error::of_request;
use crate::reader::Pieces;

/// A bucket and how it is reached.
pub(crate) struct Bucket {
    pub(crate) url: BucketUrl,
    pub(crate) store: AmazonS3,
    pub(crate) client: Client,
    /// The metadata of each blob.
    pub(crate) attributes: Attributes,
    /// The runtime that deletes in the background; `None` when the store was opened outside of one.
    pub(crate) runtime: Option<Handle>,
    /// Blobs that are being deleted because no row names them.
    pub(crate) going: Mutex<HashSet<BlobName>>,
}

impl Bucket {
    /// What the keys of all blobs begin with; `None` for nothing.
    pub(crate) fn prefix(&self) -> Option<Path> {
        let prefix = &self.url.prefix;
        (!prefix.is_empty()).then(|| Path::from(prefix.as_str()))
    }

    /// The key of what has this name behind the prefix.
    pub(crate) fn below(&self, name: &str) -> Path {
        match self.url.prefix.as_str() {
            "" => Path::from(name),
            prefix => Path::from(format!("{prefix}/{name}")),
        }
    }

    pub(crate) fn key(&self, name: BlobName) -> Path {
        self.below(&name.to_string())
    }

    /// An error of a request about a blob.
    pub(crate) fn failed(&self, name: BlobName, error: object_store::Error) -> BlobError {
        of_request(self.client.place(), Some(name), error)
    }

    /// Blobs that are being deleted because no row names them.
    pub(crate) fn given_up(&self) -> HashSet<BlobName> {
        self.going().clone()
    }

    fn going(&self) -> MutexGuard<'_, HashSet<BlobName>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_not_going(&self, name: BlobName) -> Result<(), BlobError> {
        if self.going().contains(&name) {
            return Err(BlobError::NotFound(name));
        }
        Ok(())
    }

    /// A blob that is stored. From now on its holder decides.
    pub(crate) fn pending(
        self: Arc<Self>,
        name: BlobName,
        size: u64,
        begun: Instant,
    ) -> PendingBlob {
        PendingBlob::new(name, size, begun, move |fate| {
            let runtime = Handle::try_current().ok().or_else(|| self.runtime.clone());
            // Without a runtime a collector finds it.
            if let (Fate::Discard, Some(runtime)) = (fate, runtime) {
                self.going().insert(name);
                runtime.spawn(async move { self.discard(name).await });
            }
        })
    }

    /// Deletes a blob that no row names. A collector finds it when that fails.
    pub(crate) async fn discard(&self, name: BlobName) {
        if let Err(error) = self.delete(&[name]).await {
            tracing::warn!(%error, %name, "a blob that nobody wants could not be deleted");
        }
        self.going().remove(&name);
    }

    pub(crate) async fn delete(&self, names: &[BlobName]) -> Result<(), BlobError> {
        let names: HashSet<_> = names.iter().copied().collect();
        let keys: Vec<_> = names.into_iter().map(|name| Ok(self.key(name))).collect();
        let mut outcomes = self.store.delete_stream(stream::iter(keys).boxed());
        let mut outcome = Ok(());
        while let Some(deleted) = outcomes.next().await {
            if let Err(error) = deleted
                && !is_absent(&error)
            {
                let error = of_request(self.client.place(), None, error);
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// The size of a blob in bytes.
    pub(crate) async fn size(&self, name: BlobName) -> Result<u64, BlobError> {
        self.check_not_going(name)?;
        let found = self.store.head(&self.key(name)).await;
        Ok(found.map_err(|error| self.failed(name, error))?.size)
    }

    pub(crate) async fn get(
        self: Arc<Self>,
        name: BlobName,
        range: Range<u64>,
    ) -> Result<BlobStream, BlobError> {
        self.check_not_going(name)?;
        if range.is_empty() {
            // The protocol has no range without bytes.
            self.size(name).await?;
            return Ok(Box::pin(stream::empty()));
        }
        let left = range.end - range.start;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let got = self.store.get_opts(&self.key(name), options).await;
        let pieces = got.map_err(|error| self.failed(name, error))?.into_stream();
        // What goes away after the first byte is no longer a question of the row.
        let failed = move |error| of_request(self.client.place(), None, error);
        Ok(Box::pin(Pieces::new(pieces, left, failed)))
    }
}

/// Whether a deletion has failed because there was nothing to delete, which some stores report.
fn is_absent(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) || error.to_string().contains("NoSuchKey")
}
