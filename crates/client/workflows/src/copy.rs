//! From one cloud to another: parts from store to store, the manifest made for the other cloud, the image registered there.
//!
//! No part touches a disk, and none is sent before its digest has matched. What is there already remains, so that the same copy
//! can be asked for again.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_bundle::NoProgress;
use gumnut_crypto::{PrivateKey, PublicKey};
use gumnut_ec2_client::RegisterImage;
use gumnut_manifest::{Manifest, OpenManifest, Part, Rewrap};
use gumnut_types::{AccountId, ImageClass, ImageId, ImageKind, Limits, ManifestLocation};
use gumnut_walrus_client::{BucketState, CannedAcl, Content, ObjectHead, is_md5};
use tokio::sync::Semaphore;

use crate::destination::Destination;
use crate::receive::Forget;
use crate::registered::{ImagesInUse, OwnImages, register_once};
use crate::{BucketPrefix, CloudClient, Observer, PartOutput, Step, StoredBundle, WorkflowError};

/// Bytes of parts that may are in memory, unless one part alone is larger.
const BUDGET: u32 = 64 << 20;
/// Parts that are copied at the same time, unless it is said otherwise.
const JOBS: usize = 4;
/// Largest part that is copied, in bytes, because it has to are in memory.
const MAX_PART: u64 = 1 << 30;

/// The cloud that images are copied to, and as whom.
pub struct CopyTo {
    cloud: CloudClient,
    author: PrivateKey,
    cloud_key: PublicKey,
    account: AccountId,
    user_key: Option<PublicKey>,
    target: Option<BucketPrefix>,
    acl: Option<CannedAcl>,
    bucket_location: Option<String>,
    jobs: usize,
    limits: Limits,
}

/// A bundle that is to be copied.
pub struct Original {
    /// Where it is.
    pub bundle: StoredBundle,
    /// Its manifest, trusted and opened.
    pub manifest: OpenManifest,
    /// What it is in the other cloud, with the ids of there.
    pub kind: ImageKind,
}

/// A bundle that is in the other cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct CopiedBundle {
    /// Where its manifest is.
    pub location: ManifestLocation,
    /// Parts that were sent.
    pub parts_sent: usize,
    /// Parts that were there.
    pub parts_skipped: usize,
    /// Whether the manifest was written.
    pub manifest_written: bool,
}

impl CopyTo {
    /// Copies to this cloud: `author` signs the manifests, `cloud_key` is that of the cloud's certificate, and the images belong
    /// to `account` there. Buckets and keys remain as they are, and only the cloud can open the bundles.
    pub fn new(
        cloud: CloudClient,
        author: PrivateKey,
        cloud_key: PublicKey,
        account: AccountId,
    ) -> Self {
        Self {
            cloud,
            author,
            cloud_key,
            account,
            user_key: None,
            target: None,
            acl: None,
            bucket_location: None,
            jobs: JOBS,
            limits: Limits::default(),
        }
    }

    /// Lets the owner of this key open the bundles, too.
    #[must_use]
    pub fn user_key(mut self, key: impl Into<Option<PublicKey>>) -> Self {
        self.user_key = key.into();
        self
    }

    /// Puts the bundles there; `None`: in the bucket and under the keys that they have here.
    #[must_use]
    pub fn target(mut self, target: impl Into<Option<BucketPrefix>>) -> Self {
        self.target = target.into();
        self
    }

    /// Sets who may read the objects; `None` leaves it to the store.
    #[must_use]
    pub fn acl(mut self, acl: impl Into<Option<CannedAcl>>) -> Self {
        self.acl = acl.into();
        self
    }

    /// Sets the `LocationConstraint` of a bucket that has to be made; `None`: where the store makes buckets.
    #[must_use]
    pub fn bucket_location(mut self, location: Option<&str>) -> Self {
        self.bucket_location = location.map(str::to_owned);
        self
    }

    /// Sets how many parts are copied at the same time; 4 otherwise.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Sets what is too large to be read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Insists that a kernel and a ramdisk, by their ids in the other cloud, can be used there; `None` is none to look at.
    ///
    /// # Errors
    /// [`WorkflowError::Unusable`] when the other cloud has no such kernel or ramdisk; and when it does not answer.
    pub async fn insist_on(
        &self,
        kernel: Option<&ImageId>,
        ramdisk: Option<&ImageId>,
    ) -> Result<(), WorkflowError> {
        for (id, class) in [(kernel, ImageClass::Kernel), (ramdisk, ImageClass::Ramdisk)] {
            if let Some(id) = id {
                self.cloud.insist_on(id, class, None).await?;
            }
        }
        Ok(())
    }

    /// Copies a bundle: its parts, and last its manifest.
    ///
    /// # Errors
    /// When a part is missing or damaged, when another bundle is where this one would be, and when a store refuses.
    pub async fn bundle(
        &self,
        original: &Original,
        observer: Arc<dyn Observer>,
    ) -> Result<CopiedBundle, WorkflowError> {
        observer.step(&Step::Copying {
            bytes: original.manifest.manifest().bundled_size,
        });
        let source = &original.bundle.location;
        let destination = self.destination(source)?;
        let name = source.key.file_name();
        let location = destination.location(name)?;
        let identity = self.identity(original);
        let written = match destination.manifest(&location).await {
            Ok(Some((_, Some(found)))) if found == identity => true,
            Ok(Some(_)) => return Err(WorkflowError::Taken(location)),
            Ok(None) => false,
            Err(error) => return Err(error),
        };
        if !written {
            self.insist_on_room(original, &destination, &location)
                .await?;
        }
        self.make_bucket(&destination).await?;
        let sent = self
            .parts(original, &destination, &location, &*observer)
            .await?;
        if !written {
            let manifest = self.manifest(original)?;
            let content = Content::bytes(manifest);
            destination.put_manifest(name, &content, &identity).await?;
        }
        let parts = original.manifest.manifest().parts.len();
        Ok(CopiedBundle {
            location,
            parts_sent: sent,
            parts_skipped: parts - sent,
            manifest_written: !written,
        })
    }

    /// Refuses to write over the parts of an image of the other cloud, whose manifest has another name.
    async fn insist_on_room(
        &self,
        original: &Original,
        destination: &Destination,
        location: &ManifestLocation,
    ) -> Result<(), WorkflowError> {
        if !self.cloud.has_ec2() {
            return Ok(());
        }
        let parts = &original.manifest.manifest().parts;
        let keys = parts
            .iter()
            .map(|part| destination.target.key(part.name.as_str()))
            .collect::<Result<Vec<_>, _>>()?;
        let needing = ImagesInUse::list(self.cloud.ec2()?)
            .await?
            .needing(&destination.store, location, &keys, &self.limits)
            .await?;
        if needing.is_empty() {
            return Ok(());
        }
        Err(WorkflowError::InUse {
            what: location.to_string(),
            by: needing.join(", "),
        })
    }

    /// Registers a copy, unless an image is registered from there already; says whether it was new.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn register(
        &self,
        copied: &CopiedBundle,
        request: &RegisterImage,
    ) -> Result<(ImageId, bool), WorkflowError> {
        let ec2 = self.cloud.ec2()?;
        if let Some(id) = OwnImages::list(ec2)
            .await?
            .registered_from(&copied.location)
        {
            return Ok((id, false));
        }
        let request = RegisterImage {
            location: copied.location.to_string(),
            ..request.clone()
        };
        let id = register_once(ec2, &request, &copied.location).await?;
        Ok((id, true))
    }

    fn destination(&self, source: &ManifestLocation) -> Result<Destination, WorkflowError> {
        let folder = source.key.as_str().rsplit_once('/');
        Ok(Destination {
            store: self.cloud.store()?.clone(),
            target: self.target.clone().unwrap_or_else(|| BucketPrefix {
                bucket: source.bucket.clone(),
                prefix: folder.map(|(folder, _)| folder.to_owned()),
            }),
            acl: self.acl,
        })
    }

    async fn make_bucket(&self, destination: &Destination) -> Result<(), WorkflowError> {
        let (store, bucket) = (&destination.store, destination.bucket());
        if store.bucket_state(bucket).await? == BucketState::Missing {
            let location = self.bucket_location.as_deref();
            store.create_bucket(bucket, location).await?;
        }
        Ok(())
    }

    /// What the copy is made of and for whom, which its manifest remembers.
    fn identity(&self, original: &Original) -> String {
        let Manifest { image_digest, .. } = original.manifest.manifest();
        let (kernel, ramdisk) = match &original.kind {
            ImageKind::Machine { kernel, ramdisk } => (kernel.as_ref(), ramdisk.as_ref()),
            _ => (None, None),
        };
        let parts = &original.manifest.manifest().parts;
        let first = parts.first().map(|part| part.digest.to_string());
        [
            "copy".to_owned(),
            image_digest.to_string(),
            first.unwrap_or_default(),
            self.cloud_key.fingerprint(),
            self.user_key
                .as_ref()
                .map_or("-".to_owned(), PublicKey::fingerprint),
            self.author.public_key().fingerprint(),
            self.account.to_string(),
            kernel.map_or("-", ImageId::as_str).to_owned(),
            ramdisk.map_or("-", ImageId::as_str).to_owned(),
        ]
        .join(" ")
    }

    fn manifest(&self, original: &Original) -> Result<Vec<u8>, WorkflowError> {
        let changes = Rewrap {
            cloud: Some(&self.cloud_key),
            user: self.user_key.as_ref(),
            account: Some(&self.account),
            kind: Some(&original.kind),
        };
        let manifest = original.manifest.rewrap(changes)?.sign(&self.author)?;
        Ok(manifest.bytes().to_vec())
    }

    /// Copies the parts that are not there; gives their number.
    async fn parts(
        &self,
        original: &Original,
        destination: &Destination,
        location: &ManifestLocation,
        observer: &dyn Observer,
    ) -> Result<usize, WorkflowError> {
        let manifest = original.manifest.manifest();
        let (parts, size) = (&manifest.parts, manifest.bundled_size);
        let mut limits = self.limits.clone();
        limits.part_bytes = limits.part_bytes.min(MAX_PART);
        let jobs = self.jobs.max(1);
        let heads = original.bundle.survey(parts, size, jobs, &limits).await?;
        let work = Work {
            observer,
            source: &original.bundle,
            destination,
            copied: StoredBundle {
                store: destination.store.clone(),
                location: location.clone(),
            },
            limits,
            room: Semaphore::new(BUDGET as usize),
        };
        stream::iter(parts.iter().zip(&heads))
            .map(|(part, head)| work.part(part, head))
            .buffer_unordered(jobs)
            .try_fold(0, async |sum, sent| Ok(sum + usize::from(sent)))
            .await
    }
}

/// What copying a part takes.
struct Work<'a> {
    observer: &'a dyn Observer,
    source: &'a StoredBundle,
    destination: &'a Destination,
    copied: StoredBundle,
    limits: Limits,
    /// Bytes that may are in memory.
    room: Semaphore,
}

impl Work<'_> {
    /// Copies a part; says whether it was sent.
    async fn part(&self, part: &Part, head: &ObjectHead) -> Result<bool, WorkflowError> {
        if self.is_there(part, head).await? {
            self.observer.advance(head.size);
            return Ok(false);
        }
        let permits = u32::try_from(head.size).unwrap_or(BUDGET).min(BUDGET);
        let room = self.room.acquire_many(permits).await;
        let _room = room.map_err(|_| WorkflowError::Died)?;
        let mut buffer = Buffer(BytesMut::new());
        let (source, limits) = (self.source, &self.limits);
        source
            .receive(part, Some(head), limits, &mut buffer)
            .await?;
        let content = Content::bytes(buffer.0.freeze());
        self.destination
            .put_with(part.name.as_str(), &content, &[])
            .await?;
        self.observer.advance(head.size);
        Ok(true)
    }

    /// Whether the other store has the part: by its tag where that is an MD5 in both stores, else by its bytes.
    async fn is_there(&self, part: &Part, head: &ObjectHead) -> Result<bool, WorkflowError> {
        let key = self.copied.part_key(&part.name)?;
        let bucket = &self.copied.location.bucket;
        let there = match self.copied.store.head_object(bucket, &key).await? {
            Some(there) if there.size == head.size => there,
            _ => return Ok(false),
        };
        if is_md5(&there.etag) && is_md5(&head.etag) {
            return Ok(there.etag.eq_ignore_ascii_case(&head.etag));
        }
        let mut forget = Forget(&NoProgress);
        let read = self
            .copied
            .receive(part, Some(&there), &self.limits, &mut forget);
        match read.await {
            Ok(_) => Ok(true),
            Err(WorkflowError::PartDamaged { .. } | WorkflowError::PartMissing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A part in memory.
struct Buffer(BytesMut);

impl PartOutput for Buffer {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.extend_from_slice(&bytes);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.0.clear();
        Ok(())
    }
}
