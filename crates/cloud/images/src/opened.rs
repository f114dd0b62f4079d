//! The bundle of a registered image, opened with the cloud's key, so that the image can be restored.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use gumnut_bundle::{BundleError, ImageFile, Unbundled};
use gumnut_cloud_accounts::CloudKeys;
use gumnut_cloud_catalogue::{Catalogue, Identity, Image, Key, Profile};
use gumnut_cloud_objects::{ObjectError, ObjectRef, ObjectStore};
use gumnut_crypto::PublicKey;
use gumnut_manifest::{OpenManifest, SignedManifest};
use gumnut_types::{Existing, Limits, Progress};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::parts::{PartUnavailable, Parts};
use crate::register::{invalid, key_unopened, parse, signature};
use crate::{ImageError, objects};

/// A bundle whose manifest is the one that was registered, and is signed by its owner or the cloud. Every part is there, but none has
/// been read.
pub struct OpenBundle {
    manifest: OpenManifest,
    parts: Parts,
}

impl OpenBundle {
    /// The size of the image in bytes, holes included.
    pub fn image_size(&self) -> u64 {
        self.manifest.manifest().image_size
    }

    /// Restores the image into a file that gets the name `path` when every digest, count and size has matched and everything is on the
    /// disk. Until then it has a temporary name in the directory `temporary` of the same file system. It blocks.
    ///
    /// # Errors
    /// The first check that failed; the file cannot be written; `progress` says that the work is cancelled. No file is left then.
    pub fn restore(
        mut self,
        path: &Path,
        temporary: &Path,
        progress: &dyn Progress,
    ) -> Result<Unbundled, BundleError> {
        let file = ImageFile::create_in(path, Existing::Replace, temporary)?;
        let limits = Limits::default();
        gumnut_bundle::unbundle(&self.manifest, &mut self.parts, file, &limits, progress)
    }
}

impl fmt::Debug for OpenBundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.manifest.manifest().name;
        formatter.debug_tuple("OpenBundle").field(name).finish()
    }
}

/// Opens bundles.
pub(crate) struct Opener<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) objects: &'a ObjectStore,
    pub(crate) cloud: Arc<CloudKeys>,
    pub(crate) profile: Profile,
    /// Who has one may read a manifest.
    pub(crate) turns: &'a Semaphore,
}

impl Opener<'_> {
    /// Opens the bundle of an image, if its manifest still has this SHA-256 in base64.
    pub(crate) async fn open(
        self,
        image: &Image,
        manifest_sha256: &str,
    ) -> Result<OpenBundle, ImageError> {
        let (bucket, key) = image.location.split_once('/').unwrap_or_default();
        // The clouds of 2009 and 2010 read bundles with rights of their own, later ones with those that the owner has given them.
        let reader = if self.profile.is_legacy() {
            Identity::Internal
        } else {
            Identity::ExecRead
        };
        let owner = gumnut_cloud_accounts::certificate_keys(self.catalogue, &image.owner);
        let owner = owner.await?;
        let manifest = self.manifest(image, manifest_sha256, &reader, owner);
        let manifest = manifest.await?;
        let opened = Parts::open(self.objects, &reader, manifest.manifest(), (bucket, key)).await;
        let parts = match opened {
            Ok(parts) => parts,
            Err(missing) => return Err(self.unavailable(bucket, missing).await),
        };
        let manifest = manifest.open(&self.cloud.key).map_err(|_| key_unopened())?;
        Ok(OpenBundle { manifest, parts })
    }

    /// The manifest of an image, which must have this digest and be signed by one of the owner's keys or the cloud's.
    async fn manifest(
        &self,
        image: &Image,
        manifest_sha256: &str,
        reader: &Identity,
        owner: Vec<PublicKey>,
    ) -> Result<SignedManifest, ImageError> {
        let (bucket, key) = image.location.split_once('/').unwrap_or_default();
        let turn = self.turns.acquire().await;
        let _turn = turn.map_err(ImageError::internal)?;
        let limit = Limits::default().manifest_bytes;
        let bytes = match objects::read(self.objects, reader, bucket, key, limit).await {
            Ok(bytes) => bytes,
            Err(refusal) => {
                let unavailable = ImageError::of_unavailable(&refusal);
                let code = self.cause(bucket, key, refusal).await.code();
                let message = format!("Failed to read manifest file: {bucket}/{key} ({code})");
                return Err(unavailable.unwrap_or_else(|| invalid(message)));
            }
        };
        let (expected, cloud) = (manifest_sha256.to_owned(), Arc::clone(&self.cloud));
        let verify = move || {
            if data_encoding::BASE64.encode(&Sha256::digest(&bytes)) != expected {
                return Err(invalid("Image manifest was changed after registration"));
            }
            signature(parse(&bytes)?, &owner, &cloud)
        };
        tokio::task::spawn_blocking(verify).await?
    }

    /// The refusal of a bundle of whose parts this one cannot be read.
    async fn unavailable(&self, bucket: &str, missing: PartUnavailable) -> ImageError {
        let PartUnavailable { part, key, refusal } = missing;
        if let Some(unavailable) = ImageError::of_unavailable(&refusal) {
            return unavailable;
        }
        let code = self.cause(bucket, &key, refusal).await.code();
        invalid(format!("Part {part} is not available ({code})"))
    }

    /// Why an object cannot be read. `aws-exec-read` is denied what is not there, too.
    async fn cause(&self, bucket: &str, key: &str, refusal: ObjectError) -> ObjectError {
        let Ok(name) = Key::new(key) else {
            return refusal;
        };
        let object = ObjectRef::newest(bucket, name);
        let found = self.objects.head(&Identity::Internal, &object).await;
        found.err().unwrap_or(refusal)
    }
}
