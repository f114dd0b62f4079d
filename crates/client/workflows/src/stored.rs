//! A bundle in an object store: its manifest, and its parts beside it.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::{Part, UntrustedManifest};
use gumnut_types::{Limits, ManifestLocation, ObjectKey, PartName};
use gumnut_walrus_client::{ObjectHead, WalrusClient};

use crate::WorkflowError;

/// Where a bundle is stored.
#[derive(Clone, Debug)]
pub struct StoredBundle {
    /// The store.
    pub store: WalrusClient,
    /// Where its manifest is; the parts are next to it.
    pub location: ManifestLocation,
}

impl StoredBundle {
    /// Reads the manifest. Nothing vouches for it but the store.
    ///
    /// # Errors
    /// When the store refuses, and when it is no manifest.
    pub async fn manifest(&self, limits: &Limits) -> Result<UntrustedManifest, WorkflowError> {
        let ManifestLocation { bucket, key } = &self.location;
        let limit = limits.manifest_bytes;
        let bytes = self.store.get_object_bytes(bucket, key, limit).await?;
        UntrustedManifest::parse(&bytes, limits).map_err(|source| WorkflowError::StoredManifest {
            location: self.location.clone(),
            source: Box::new(source),
        })
    }

    /// The key of a part.
    ///
    /// # Errors
    /// When it would be too long.
    pub fn part_key(&self, name: &PartName) -> Result<ObjectKey, WorkflowError> {
        let key = self.location.key.sibling(name.as_str());
        key.map_err(|source| WorkflowError::PartKey {
            name: name.clone(),
            source,
        })
    }

    /// Deletes these parts, and the manifest when all of them are gone, so that the same can be asked again after an
    /// interruption. A part that is not there is none that has to go.
    ///
    /// # Errors
    /// When the store refuses or does not answer.
    pub async fn delete(&self, parts: &[Part]) -> Result<(), WorkflowError> {
        let ManifestLocation { bucket, key } = &self.location;
        for part in parts {
            let key = self.part_key(&part.name)?;
            self.store.delete_object(bucket, &key).await?;
        }
        Ok(self.store.delete_object(bucket, key).await?)
    }

    /// Size and tag of a part, which must be there.
    pub(crate) async fn part_head(
        &self,
        name: &PartName,
        limits: &Limits,
    ) -> Result<ObjectHead, WorkflowError> {
        let key = self.part_key(name)?;
        let bucket = &self.location.bucket;
        let head = self.store.head_object(bucket, &key).await?.ok_or_else(|| {
            WorkflowError::PartMissing {
                bucket: bucket.clone(),
                key: key.clone(),
            }
        })?;
        let (size, limit) = (head.size, limits.part_bytes);
        if size > limit {
            return Err(WorkflowError::PartTooLarge { key, size, limit });
        }
        Ok(head)
    }

    /// Sizes and tags of all parts in their order, `jobs` of them asked for at a time; their sizes add up to `bundled_size`.
    pub(crate) async fn survey(
        &self,
        parts: &[Part],
        bundled_size: u64,
        jobs: usize,
        limits: &Limits,
    ) -> Result<Vec<ObjectHead>, WorkflowError> {
        let heads: Vec<_> = stream::iter(parts)
            .map(|part| self.part_head(&part.name, limits))
            .buffered(jobs.max(1))
            .try_collect()
            .await?;
        let actual = heads
            .iter()
            .map(|head| head.size)
            .fold(0, u64::saturating_add);
        if actual != bundled_size {
            return Err(WorkflowError::PartSizes {
                expected: bundled_size,
                actual,
            });
        }
        Ok(heads)
    }
}
