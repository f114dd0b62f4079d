//! Where the objects of a run go.

use gumnut_types::{BucketName, ManifestLocation, ObjectKey};
use gumnut_walrus_client::{
    CannedAcl, Content, ListedObject, ObjectHead, PutOptions, WalrusClient, is_md5,
};

use crate::WorkflowError;

/// The metadata that tells what a manifest was made of.
const SOURCE: &str = "gumnut-source";

/// A bucket, what comes before every key, and how objects are put.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) store: WalrusClient,
    pub(crate) bucket: BucketName,
    pub(crate) prefix: Option<String>,
    pub(crate) acl: Option<CannedAcl>,
}

impl Destination {
    /// Where an object of this name lies.
    pub(crate) fn location(&self, name: &str) -> Result<ManifestLocation, WorkflowError> {
        let key = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        };
        let parsed: Result<ObjectKey, _> = key.parse();
        Ok(ManifestLocation {
            bucket: self.bucket.clone(),
            key: parsed.map_err(|source| WorkflowError::Key { key, source })?,
        })
    }

    /// Puts an object beside others of the run.
    pub(crate) async fn put(&self, name: &str, content: &Content) -> Result<(), WorkflowError> {
        self.put_with(name, content, &[]).await
    }

    /// Puts a manifest, which remembers what it was made of.
    pub(crate) async fn put_manifest(
        &self,
        name: &str,
        content: &Content,
        source: &str,
    ) -> Result<(), WorkflowError> {
        self.put_with(name, content, &[(SOURCE, source)]).await
    }

    async fn put_with(
        &self,
        name: &str,
        content: &Content,
        metadata: &[(&str, &str)],
    ) -> Result<(), WorkflowError> {
        let key = self.location(name)?.key;
        let options = PutOptions {
            acl: self.acl,
            metadata,
        };
        let put = self.store.put_object(&self.bucket, &key, content, options);
        match put.await {
            Ok(_) => Ok(()),
            Err(error) if self.acl.is_some() && CannedAcl::is_refused_by(&error) => {
                Err(WorkflowError::AclRefused(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is known of the manifest at a location, and what it was made of if that is known.
    pub(crate) async fn manifest(
        &self,
        location: &ManifestLocation,
    ) -> Result<Option<(ObjectHead, Option<String>)>, WorkflowError> {
        let head = self.store.head_object(&location.bucket, &location.key);
        Ok(head.await?.map(|head| {
            let source = head.metadata.get(SOURCE).cloned();
            (head, source)
        }))
    }

    /// The objects of the bundle whose manifest has this name.
    pub(crate) async fn objects(&self, name: &str) -> Result<Vec<ListedObject>, WorkflowError> {
        let key = self.location(name)?.key;
        let prefix = key.as_str().trim_end_matches("manifest.xml");
        Ok(self.store.list_objects(&self.bucket, prefix).await?)
    }
}

/// Whether an object is what was sent. A tag that is no MD5 says nothing.
pub(crate) fn is_same(object: &ListedObject, size: u64, md5: &str) -> bool {
    object.size == size && (!is_md5(&object.etag) || object.etag.eq_ignore_ascii_case(md5))
}
