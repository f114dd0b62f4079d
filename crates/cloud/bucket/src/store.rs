//! A bucket as a store of blobs.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream};
use gumnut_cloud_blobs::{
    BlobError, BlobName, BlobPin, BlobReader, BlobStore, BlobStream, Body, Folder, Found, Grace,
    PendingBlob, PutError, Tap,
};
use object_store::aws::AmazonS3Builder;
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::{Attribute, Attributes, BackoffConfig, RetryConfig};
use tokio::runtime::Handle;

use crate::bucket::Bucket;
use crate::client::Client;
use crate::error::of_request;
use crate::reader::Blocking;
use crate::{BucketError, BucketKeys, BucketUrl, listing, owner, upload};

/// How often a request is sent again, and for how long.
const RETRIES: usize = 4;
const RETRY_TIME: Duration = Duration::from_secs(20);
/// Blobs that are asked for at a time.
const ASKED_AT_ONCE: usize = 16;

/// Which bucket is to be used, and how.
#[derive(Clone, Debug)]
pub struct BucketConfig {
    /// Where it is.
    pub url: BucketUrl,
    /// The keys to it.
    pub keys: BucketKeys,
    /// The id of the cloud whose blobs these are, for the metadata `x-amz-meta-gumnut` of each; `None` for no metadata. It
    /// consists of printable characters of ASCII.
    pub cluster: Option<String>,
}

/// Blobs in a bucket of any S3 store. Clones share it, and so may other processes.
///
/// The key of a blob is its name behind the prefix, `PREFIX/HOUR/RANDOM`, and is never written twice. A body of up to 4 MiB is sent
/// by one request that is repeated when it fails for now; a longer one whose length is known is passed on as it comes; one
/// whose length is not known is sent in parts of 8 MiB, with each of them in memory. A body is there in whole or not at all.
///
/// Blobs have no pins: code that deletes must wait for [`Grace::reader`].
#[derive(Clone)]
pub struct BucketBlobs(Arc<Bucket>);

impl BucketBlobs {
    /// A store of the blobs of a bucket. Nothing is asked of the bucket: [`BlobStore::ready`] does.
    ///
    /// # Errors
    /// [`BucketError::Authority`] or [`BucketError::Setup`].
    pub fn open(config: BucketConfig) -> Result<Self, BucketError> {
        let BucketConfig { url, keys, cluster } = config;
        let client = Client::new(&url)?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&url.bucket)
            .with_region(&url.region)
            .with_access_key_id(&keys.id)
            .with_secret_access_key(keys.secret.expose())
            .with_virtual_hosted_style_request(!url.path_style)
            .with_allow_http(true)
            // What arrives is compared with the ETag, where that shows something.
            .with_unsigned_payload(url.verify_etag)
            .with_http_connector(client.clone())
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_secs(2),
                    base: 2.0,
                },
                max_retries: RETRIES,
                retry_timeout: RETRY_TIME,
            });
        if let Some(endpoint) = &url.endpoint {
            builder = builder.with_endpoint(endpoint_of_bucket(endpoint, &url));
        }
        let store = builder.build();
        let store = store.map_err(|error| BucketError::Setup(error.into()))?;
        let mut attributes = Attributes::new();
        if let Some(cluster) = cluster {
            attributes.insert(Attribute::Metadata("gumnut".into()), cluster.into());
        }
        Ok(Self(Arc::new(Bucket {
            url,
            store,
            client,
            attributes,
            runtime: Handle::try_current().ok(),
            going: Mutex::default(),
        })))
    }
}

impl BucketBlobs {
    /// The key of the object that names the cloud whose blobs are below the prefix.
    pub fn owner_key(&self) -> String {
        owner::key(&self.0).to_string()
    }

    /// The id of the cloud whose blobs are below the prefix; `None` when no cloud has claimed it.
    ///
    /// # Errors
    /// When the bucket cannot be used.
    pub async fn owner(&self) -> Result<Option<String>, BlobError> {
        owner::find(&self.0).await
    }

    /// Claims the prefix for the cloud with this id unless it belongs to one, and gives the id of the cloud that it belongs to.
    ///
    /// # Errors
    /// When the bucket cannot be used.
    pub async fn claim(&self, cluster: &str) -> Result<String, BlobError> {
        owner::claim(&self.0, cluster).await
    }
}

/// The endpoint with the bucket in front of its host name, if that is how the store wants it.
fn endpoint_of_bucket(endpoint: &str, url: &BucketUrl) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if !url.path_style => format!("{scheme}://{}.{host}", url.bucket),
        _ => endpoint.to_owned(),
    }
}

impl fmt::Debug for BucketBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketBlobs({})", self.0.url)
    }
}

#[async_trait]
impl BlobStore for BucketBlobs {
    async fn put(
        &self,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        upload::put(Arc::clone(&self.0), body, tap).await
    }

    fn folder_for(&self, folder: Folder) -> Folder {
        // Blobs of a store without hours are of one that is over.
        Folder::Hour(folder.hour().unwrap_or(0))
    }

    async fn put_as(
        &self,
        name: BlobName,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<PendingBlob, PutError> {
        let put = upload::put_as(Arc::clone(&self.0), name, body, tap);
        put.await.map(|(blob, _)| blob)
    }

    async fn get(&self, name: BlobName, range: Range<u64>) -> Result<BlobStream, BlobError> {
        Arc::clone(&self.0).get(name, range).await
    }

    fn get_blocking(&self, name: BlobName, range: Range<u64>) -> Result<BlobReader, BlobError> {
        let runtime = Handle::try_current()
            .ok()
            .or_else(|| self.0.runtime.clone());
        let runtime = runtime.ok_or_else(|| io::Error::other("there is no runtime of tokio"))?;
        let pieces = runtime.block_on(Arc::clone(&self.0).get(name, range))?;
        Ok(Box::new(Blocking {
            pieces,
            current: bytes::Bytes::new(),
            runtime,
        }))
    }

    async fn copy(&self, name: BlobName) -> Result<Option<PendingBlob>, BlobError> {
        upload::copy(Arc::clone(&self.0), name).await
    }

    async fn ready(&self) -> Result<(), BlobError> {
        let prefix = self.0.prefix().map(|prefix| format!("{prefix}/"));
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let listed = self.0.store.list_paginated(prefix.as_deref(), options);
        let listed = listed.await.map(drop);
        listed.map_err(|error| of_request(self.0.client.place(), None, error))
    }

    async fn delete(&self, names: &[BlobName]) -> Result<Vec<BlobName>, BlobError> {
        self.0.delete(names).await?;
        Ok(Vec::new())
    }

    async fn folders(&self) -> Result<Vec<Folder>, BlobError> {
        listing::folders(&self.0).await
    }

    fn list(&self, folder: Folder) -> BoxStream<'static, Result<Found, BlobError>> {
        listing::list(&self.0, folder)
    }

    fn pin(&self, _names: &[BlobName]) -> BlobPin {
        BlobPin::none()
    }

    async fn check(&self, names: &[BlobName]) -> Result<(), BlobError> {
        stream::iter(names.iter().copied().map(Ok::<_, BlobError>))
            .try_for_each_concurrent(ASKED_AT_ONCE, async |name| {
                self.0.size(name).await.map(drop)
            })
            .await
    }

    async fn unfinished(&self) -> Result<Vec<BlobName>, BlobError> {
        Ok(Vec::new())
    }

    async fn adopt(&self, _names: &[BlobName]) -> Result<(), BlobError> {
        Ok(())
    }

    fn grace(&self) -> Grace {
        Grace {
            orphan: Some(self.0.url.orphan_grace),
            reader: self.0.url.reader_grace,
        }
    }
}

#[cfg(test)]
mod tests {
    use gumnut_types::SecretString;

    use super::*;

    fn open(url: &str) -> BucketBlobs {
        BucketBlobs::open(BucketConfig {
            url: url.parse().unwrap(),
            keys: BucketKeys::new("AKIDEXAMPLE", SecretString::new("wJalrXUtnFEMI")),
            cluster: Some("c1".to_owned()),
        })
        .unwrap()
    }

    #[tokio::test]
    async fn keys_are_names_behind_the_prefix() {
        let name: BlobName = "498889/9f86d081884c7d659a2feaa0c55ad015".parse().unwrap();
        for (url, expected) in [
            ("s3://b", "498889/9f86d081884c7d659a2feaa0c55ad015"),
            (
                "s3://b/one/two",
                "one/two/498889/9f86d081884c7d659a2feaa0c55ad015",
            ),
        ] {
            assert_eq!(open(url).0.key(name).as_ref(), expected);
        }
    }

    #[tokio::test]
    async fn the_bucket_is_in_the_path_or_in_front_of_the_host() {
        for (url, expected) in [
            ("s3://b?endpoint=http://rgw:7480", "http://rgw:7480"),
            (
                "s3://b?endpoint=http://rgw:7480&path-style=false",
                "http://b.rgw:7480",
            ),
        ] {
            let url: BucketUrl = url.parse().unwrap();
            let endpoint = url.endpoint.clone().unwrap();
            assert_eq!(endpoint_of_bucket(&endpoint, &url), expected);
        }
    }

    #[tokio::test]
    async fn secrets_are_not_shown() {
        let store = open("s3://b?endpoint=http://rgw:7480");
        assert_eq!(
            format!("{store:?}"),
            "BucketBlobs(s3://b?endpoint=http://rgw:7480)"
        );
        assert!(!format!("{:?}", store.0.store).contains("wJalrXUtnFEMI"));
    }
}
