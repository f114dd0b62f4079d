//! Deleting a stored bundle so that an interruption does no harm.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::UntrustedManifest;
use gumnut_types::{Limits, ManifestLocation, ObjectKey};
use gumnut_walrus_client::{Content, PutOptions};

use crate::{StoredBundle, WorkflowError};

/// What the manifest's key ends with while its parts are being deleted.
const MARK: &str = ".retired";
/// Objects that are deleted at the same time.
const JOBS: usize = 4;

/// A bundle that is to be deleted.
#[derive(Debug)]
pub(crate) struct BundleToDelete {
    bundle: StoredBundle,
    manifest: UntrustedManifest,
    parts: Vec<ObjectKey>,
    /// The copy of the manifest, from which an interrupted deletion continues.
    mark: ManifestLocation,
}

impl BundleToDelete {
    /// Looks for a bundle, or for what an interrupted deletion has left of one.
    pub(crate) async fn find(
        bundle: StoredBundle,
        limits: &Limits,
    ) -> Result<Option<Self>, WorkflowError> {
        let location = &bundle.location;
        let file_name = format!("{}{MARK}", location.key.file_name());
        let mark = ManifestLocation {
            bucket: location.bucket.clone(),
            key: location
                .key
                .sibling(&file_name)
                .map_err(|source| WorkflowError::Key {
                    key: file_name,
                    source,
                })?,
        };
        let marked = StoredBundle {
            store: bundle.store.clone(),
            location: mark.clone(),
        };
        let mut found = present(bundle.manifest(limits).await)?;
        if found.is_none() {
            found = present(marked.manifest(limits).await)?;
        }
        found
            .map(|manifest| Self::new(bundle, manifest, mark))
            .transpose()
    }

    fn new(
        bundle: StoredBundle,
        manifest: UntrustedManifest,
        mark: ManifestLocation,
    ) -> Result<Self, WorkflowError> {
        Ok(Self {
            parts: manifest
                .manifest()
                .parts
                .iter()
                .map(|part| bundle.part_key(&part.name))
                .collect::<Result<_, _>>()?,
            bundle,
            manifest,
            mark,
        })
    }

    pub(crate) fn location(&self) -> &ManifestLocation {
        &self.bundle.location
    }

    /// How many objects it has, the manifest included.
    pub(crate) fn objects(&self) -> usize {
        self.parts.len() + 1
    }

    /// The keys of its parts.
    pub(crate) fn parts(&self) -> &[ObjectKey] {
        &self.parts
    }

    /// Whether one of its parts is here.
    pub(crate) fn has_part(&self, location: &ManifestLocation) -> bool {
        location.bucket == self.bundle.location.bucket && self.parts.contains(&location.key)
    }

    /// Deletes it. The manifest goes first: what can be seen as a bundle is one. A copy of it remains as long as there are
    /// parts, so that the same can be asked again after an interruption.
    pub(crate) async fn delete(&self) -> Result<(), WorkflowError> {
        let StoredBundle { store, location } = &self.bundle;
        let bucket = &location.bucket;
        let copy = Content::bytes(self.manifest.bytes().to_vec());
        let options = PutOptions::default();
        store
            .put_object(bucket, &self.mark.key, &copy, options)
            .await?;
        store.delete_object(bucket, &location.key).await?;
        stream::iter(&self.parts)
            .map(|key| store.delete_object(bucket, key))
            .buffer_unordered(JOBS)
            .try_collect::<()>()
            .await?;
        Ok(store.delete_object(bucket, &self.mark.key).await?)
    }
}

/// The manifest; `None` when the store has no such object.
fn present(
    manifest: Result<UntrustedManifest, WorkflowError>,
) -> Result<Option<UntrustedManifest>, WorkflowError> {
    match manifest {
        Err(WorkflowError::Transport(error))
            if error.refusal().is_some_and(|refusal| refusal.status == 404) =>
        {
            Ok(None)
        }
        manifest => manifest.map(Some),
    }
}
