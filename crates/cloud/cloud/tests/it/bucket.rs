//! The blobs of a cloud in a bucket of another one.

use std::sync::Arc;

use gumnut_cloud_blobs::BlobStore;
use gumnut_cloud_bucket::{BucketBlobs, BucketConfig, BucketKeys};

use crate::common::{TestCloud, User};

/// The blobs in the bucket `blobs` of a cloud, with further parameters of the URL.
fn open(cloud: &TestCloud, user: &User, parameters: &str) -> Arc<dyn BlobStore> {
    let endpoint = cloud.endpoint();
    let url = format!("s3://blobs/pre/fix?endpoint={endpoint}{parameters}");
    let credentials = &user.credentials;
    let store = BucketBlobs::open(BucketConfig {
        url: url.parse().unwrap(),
        keys: BucketKeys::new(
            credentials.access_key().as_str(),
            credentials.secret().clone(),
        ),
        cluster: Some("c1".to_owned()),
    });
    Arc::new(store.unwrap())
}

/// A cloud with the bucket `blobs`, and the blobs in it.
async fn fixture() -> (TestCloud, Arc<dyn BlobStore>) {
    let cloud = TestCloud::start().await.with_bucket("blobs").await;
    let store = open(&cloud, &cloud.alice, "");
    (cloud, store)
}

gumnut_cloud_blobs::contract_tests!(fixture().await);
