//! Where the bytes of a cloud are, and what is deleted of them from time to time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gumnut_cloud_blobs::{BlobStore, DiskBlobs};
use gumnut_cloud_catalogue::Catalogue;
use gumnut_cloud_objects::ObjectStore;
use tokio::task::JoinHandle;

use crate::CloudError;
use crate::config::BlobsSource;
use crate::measures::Collections;

/// How often the collector looks for what can be deleted, where that can be hours old.
const INTERVAL: Duration = Duration::from_mins(1);
/// How often it does so where only abandoned uploads are looked for.
const INTERVAL_ON_DISK: Duration = Duration::from_mins(10);
/// The shortest time between two rounds.
const SHORTEST: Duration = Duration::from_millis(200);

/// The name under which the catalogue keeps the id of the cloud. It is shown to anyone who can read the bucket, so it is not encrypted.
pub(crate) const CLUSTER: &str = "cluster-id";

/// The files of a data directory, if that is where the bytes are.
pub(crate) fn on_disk(source: &BlobsSource, path: &Path) -> Result<Option<DiskBlobs>, CloudError> {
    if !matches!(source, BlobsSource::Disk) {
        return Ok(None);
    }
    let opened = DiskBlobs::open(path).map_err(|source| CloudError::Files {
        doing: "open the directories of the object store",
        source,
    })?;
    Ok(Some(opened))
}

/// The store of the bytes; `disk` is what [`on_disk`] has opened.
pub(crate) async fn open(
    source: &BlobsSource,
    disk: Option<DiskBlobs>,
    catalogue: &Catalogue,
) -> Result<Arc<dyn BlobStore>, CloudError> {
    match (source, disk) {
        (BlobsSource::Disk, Some(disk)) => Ok(Arc::new(disk)),
        #[cfg(feature = "bucket")]
        (BlobsSource::Bucket(config), _) => bucket::open(config, catalogue).await,
        (BlobsSource::Disk, None) => {
            let _ = catalogue;
            Err(CloudError::Blobs {
                fault: gumnut_types::Fault::Unexpected,
                source: "the data directory was not opened".into(),
            })
        }
    }
}

/// The store of the bytes of a cloud with this catalogue, for somebody who puts nothing into it.
pub(crate) async fn look_at(
    source: &BlobsSource,
    data_dir: &Path,
    catalogue: &Catalogue,
) -> Result<Arc<dyn BlobStore>, CloudError> {
    open_for(source, data_dir, catalogue.secret(CLUSTER).await?).await
}

/// The store of the bytes of the cloud with this id, as its catalogue keeps it; `None` for a cloud that has never had a bucket.
pub(crate) async fn open_for(
    source: &BlobsSource,
    data_dir: &Path,
    cluster: Option<Vec<u8>>,
) -> Result<Arc<dyn BlobStore>, CloudError> {
    let cluster = cluster.map(|id| String::from_utf8_lossy(&id).into_owned());
    match source {
        #[cfg(feature = "bucket")]
        BlobsSource::Bucket(config) => bucket::open_for(config, cluster).await,
        BlobsSource::Disk => {
            let _ = cluster;
            let opened = DiskBlobs::open(data_dir).map_err(|source| CloudError::Files {
                doing: "open the directories of the object store",
                source,
            })?;
            Ok(Arc::new(opened))
        }
    }
}

#[cfg(feature = "bucket")]
mod bucket {
    use data_encoding::HEXLOWER;
    use gumnut_cloud_bucket::{BucketBlobs, BucketConfig};

    use super::{Arc, BlobStore, CLUSTER, Catalogue, CloudError};

    pub(super) async fn open(
        config: &BucketConfig,
        catalogue: &Catalogue,
    ) -> Result<Arc<dyn BlobStore>, CloudError> {
        let cluster = match &config.cluster {
            Some(cluster) => cluster.clone(),
            None => id(catalogue).await?,
        };
        let config = BucketConfig {
            cluster: Some(cluster.clone()),
            ..config.clone()
        };
        let store = BucketBlobs::open(config).map_err(CloudError::blobs)?;
        // A cloud whose bytes cannot be reached is of no use; the user who starts it should hear of it.
        store.ready().await?;
        let owner = store.claim(&cluster).await?;
        insist_on(owner, cluster, &store)?;
        Ok(Arc::new(store))
    }

    /// The id of the cloud with this catalogue, which is made when it has none.
    async fn id(catalogue: &Catalogue) -> Result<String, CloudError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|source| CloudError::Files {
            doing: "get random bytes from the system",
            source: std::io::Error::other(source),
        })?;
        let candidate = HEXLOWER.encode(&id).into_bytes();
        let kept = catalogue.keep_secret(CLUSTER, candidate).await?;
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }

    pub(super) async fn open_for(
        config: &BucketConfig,
        cluster: Option<String>,
    ) -> Result<Arc<dyn BlobStore>, CloudError> {
        let mut config = config.clone();
        config.cluster.clone_from(&cluster);
        let opened = BucketBlobs::open(config).map_err(CloudError::blobs)?;
        opened.ready().await?;
        // Nobody has claimed those of a gumnut that did not know how to.
        if let Some(owner) = opened.owner().await? {
            let none = || "a cloud without an id".to_owned();
            insist_on(owner, cluster.unwrap_or_else(none), &opened)?;
        }
        Ok(Arc::new(opened))
    }

    fn insist_on(owner: String, cluster: String, blobs: &BucketBlobs) -> Result<(), CloudError> {
        if owner == cluster {
            return Ok(());
        }
        let key = blobs.owner_key();
        Err(CloudError::BlobsOfAnother {
            owner,
            cluster,
            key,
        })
    }
}

/// A task that deletes what nobody needs any more, until this is dropped.
#[derive(Debug)]
pub(crate) struct Collecting(JoinHandle<()>);

impl Collecting {
    pub(crate) fn start(
        objects: ObjectStore,
        blobs: &dyn BlobStore,
        owner: String,
        counts: Collections,
    ) -> Self {
        let grace = blobs.grace();
        let interval = match grace.orphan {
            Some(orphan) => (orphan.min(grace.reader) / 20).clamp(SHORTEST, INTERVAL),
            None => INTERVAL_ON_DISK,
        };
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                match objects.collect(&owner).await {
                    Ok(Some(collected)) => {
                        counts.add(&collected);
                        tracing::debug!(?collected, "a round of the collector");
                    }
                    Ok(None) => tracing::debug!("another process collects"),
                    // The next round continues.
                    Err(error) => error.log(),
                }
                match objects.garbage().await {
                    Ok(garbage) => counts.note_garbage(garbage),
                    Err(error) => error.log(),
                }
            }
        }))
    }

    /// Ends the task, and waits until it has given back what it holds.
    pub(crate) async fn end(mut self) {
        self.0.abort();
        // The error says that it was ended.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}
