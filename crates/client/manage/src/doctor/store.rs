//! What may be done in the object store: a bucket, an object and an ACL, each made and removed again.

use std::time::{SystemTime, UNIX_EPOCH};

use gumnut_transport::TransportError;
use gumnut_types::{BucketName, ObjectKey};
use gumnut_walrus_client::{CannedAcl, Content, PutOptions, WalrusClient};

use super::finding::{Finding, chain};
use super::network::Cloud;

/// What the object holds.
const TEXT: &[u8] = b"gumnut doctor was here";
/// Its key.
const KEY: &str = "probe";

/// A bucket of our own.
struct Probe {
    store: WalrusClient,
    bucket: BucketName,
    key: ObjectKey,
}

pub(super) async fn check(cloud: &Cloud<'_>) -> Vec<Finding> {
    // What is wrong with the endpoint or the keys has been said.
    let Some(probe) = Probe::new(cloud) else {
        return Vec::new();
    };
    let location = cloud.settings.location_constraint();
    let made = probe.store.create_bucket(&probe.bucket, location).await;
    if let Err(error) = made {
        let message = format!("cannot create a bucket: {}", chain(&error));
        let remedy = "ask for permission to create buckets, or use an existing one with -b";
        return vec![Finding::failure("bucket", message, remedy)];
    }
    let mut findings = vec![Finding::ok("bucket", "buckets can be created")];
    findings.extend(probe.object().await);
    findings.extend(probe.remove().await);
    findings
}

impl Probe {
    fn new(cloud: &Cloud<'_>) -> Option<Self> {
        let transport = cloud.transport(cloud.session.cloud.signature).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let (millis, process) = (now.as_millis(), std::process::id());
        Some(Self {
            store: WalrusClient::new(cloud.settings.s3_url().ok()?, transport),
            bucket: format!("gumnut-doctor-{millis}-{process}").parse().ok()?,
            key: KEY.parse().ok()?,
        })
    }

    async fn object(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Err(error) = self.put(Some(CannedAcl::AwsExecRead)).await {
            let plain = self.put(None).await;
            let acl = format!("the ACL aws-exec-read is refused: {}", chain(&error));
            match plain {
                Ok(()) => findings.push(Finding::warning(
                    "acl",
                    acl,
                    "pass --acl none when you upload, and give the cloud access to the bucket in another way",
                )),
                Err(error) => {
                    let message = format!("cannot write an object: {}", chain(&error));
                    let remedy = "read the message of the store; it may be full";
                    return vec![Finding::failure("object", message, remedy)];
                }
            }
        } else {
            findings.push(Finding::ok(
                "acl",
                "the store accepts the ACL aws-exec-read",
            ));
        }
        let (bucket, key) = (&self.bucket, &self.key);
        findings.push(
            match self.store.get_object_bytes(bucket, key, 1 << 10).await {
                Ok(bytes) if bytes == TEXT => {
                    Finding::ok("object", "objects can be written and read without change")
                }
                Ok(_) => Finding::failure(
                    "object",
                    "an object has changed in the store",
                    "do not use this store, or the proxy in front of it",
                ),
                Err(error) => Finding::failure(
                    "object",
                    format!("cannot read an object: {}", chain(&error)),
                    "ask for permission to read your own objects",
                ),
            },
        );
        findings
    }

    async fn put(&self, acl: Option<CannedAcl>) -> Result<(), TransportError> {
        let content = Content::bytes(TEXT);
        let options = PutOptions {
            acl,
            ..PutOptions::default()
        };
        let put = self
            .store
            .put_object(&self.bucket, &self.key, &content, options);
        put.await.map(drop)
    }

    async fn remove(&self) -> Option<Finding> {
        let object = self.store.delete_object(&self.bucket, &self.key).await;
        let bucket = self.store.delete_bucket(&self.bucket).await;
        let error = object.and(bucket).err()?;
        let message = format!(
            "the bucket of this check could not be deleted: {}",
            chain(&error)
        );
        let remedy = format!("delete the bucket {}", self.bucket);
        Some(Finding::warning("bucket-removal", message, remedy))
    }
}
