//! Whose blobs are below a prefix: two clouds in one place would delete each other's blobs, which no row of theirs names.

use std::io;

use gumnut_cloud_blobs::BlobError;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use crate::bucket::Bucket;
use crate::error::of_request;

/// The object behind the prefix that names the cloud. It is no name of a blob.
const NAME: &str = "gumnut-owner";
/// The longest id of a cloud that is read, in bytes.
const LONGEST: u64 = 128;

/// Where it is said whose blobs these are.
pub(crate) fn key(bucket: &Bucket) -> Path {
    bucket.below(NAME)
}

/// The id of the cloud that the prefix belongs to; `None` when no cloud has claimed it.
pub(crate) async fn find(bucket: &Bucket) -> Result<Option<String>, BlobError> {
    let failed = |error| of_request(bucket.client.place(), None, error);
    let found = match bucket.store.get(&key(bucket)).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        found => found.map_err(failed)?,
    };
    if found.meta.size > LONGEST {
        return Ok(Some(format!("{} bytes", found.meta.size)));
    }
    let id = found.bytes().await.map_err(failed)?;
    Ok(Some(String::from_utf8_lossy(&id).trim().to_owned()))
}

/// Claims the prefix for a cloud unless it belongs to one, and gives the id of the one that it belongs to.
pub(crate) async fn claim(bucket: &Bucket, cluster: &str) -> Result<String, BlobError> {
    if let Some(owner) = find(bucket).await? {
        return Ok(owner);
    }
    let put = async |mode: PutMode| {
        let options = PutOptions {
            mode,
            ..PutOptions::default()
        };
        let id = PutPayload::from(cluster.to_owned().into_bytes());
        bucket.store.put_opts(&key(bucket), id, options).await
    };
    // It fails when another cloud was first, and in stores that have no conditions.
    let created = put(PutMode::Create).await;
    if let Some(owner) = find(bucket).await? {
        return Ok(owner);
    }
    if created.is_err() {
        let put = put(PutMode::Overwrite).await;
        put.map_err(|error| of_request(bucket.client.place(), None, error))?;
    }
    let lost = || io::Error::other("the bucket does not have an object that was just put");
    find(bucket).await?.ok_or_else(|| BlobError::Io(lost()))
}
