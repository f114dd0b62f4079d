//! Whether a stored bundle is right, without a disk.

mod streams;

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_bundle::{BundleError, Checked, SplitterError, verify};
use gumnut_manifest::{BelievedManifest, Manifest, OpenManifest, Part};
use gumnut_types::{Limits, PartName};
use gumnut_walrus_client::ObjectHead;
use tokio::task::spawn_blocking;

use crate::receive::Forget;
use crate::{Observer, Step, StoredBundle, WorkflowError};
use streams::{Feed, Streams};

/// Parts that are read at the same time, unless it is said otherwise.
const JOBS: usize = 4;

/// A stored bundle that is to be checked.
#[derive(Clone)]
pub struct Verify {
    bundle: StoredBundle,
    jobs: usize,
    limits: Limits,
}

impl Verify {
    /// Checks this bundle, 4 parts at a time.
    pub fn new(bundle: StoredBundle) -> Self {
        Self {
            bundle,
            jobs: JOBS,
            limits: Limits::default(),
        }
    }

    /// Sets how many parts are read at the same time.
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

    /// Compares the parts with the manifest: presence, sizes and digests. It needs no private key.
    ///
    /// # Errors
    /// When a part is missing or damaged, and when the store refuses.
    pub async fn parts(
        &self,
        manifest: &BelievedManifest,
        observer: Arc<dyn Observer>,
    ) -> Result<(), WorkflowError> {
        let manifest = manifest.manifest();
        observer.step(&Step::Checking {
            bytes: manifest.bundled_size,
        });
        let heads = self.survey(manifest).await?;
        stream::iter(manifest.parts.iter().zip(&heads))
            .map(|(part, head)| self.part(part, Some(head), &*observer))
            .buffer_unordered(self.jobs.max(1))
            .try_collect()
            .await
    }

    /// Does everything that fetching the image takes but writing it: decrypts, inflates, and compares the image's size and
    /// digest.
    ///
    /// At most 64 MiB of parts wait in memory.
    ///
    /// # Errors
    /// When a part is missing or damaged, when the image is not what the manifest says, and when the store refuses.
    pub async fn image(
        &self,
        manifest: &OpenManifest,
        observer: Arc<dyn Observer>,
    ) -> Result<Checked, WorkflowError> {
        observer.step(&Step::Checking {
            bytes: manifest.manifest().bundled_size,
        });
        let heads = self.survey(manifest.manifest()).await?;
        let first = self.stream(manifest, &heads, &observer).await;
        let Err(WorkflowError::Bundle(BundleError::ReadParts(SplitterError::Digest {
            ref name,
            ..
        }))) = first
        else {
            return first;
        };
        // What is damaged in the store is damaged again when read again; what was damaged on the way is not.
        let part = named(manifest.manifest(), name).ok_or(WorkflowError::Died)?;
        self.part(part, None, &*observer).await?;
        self.stream(manifest, &heads, &observer).await
    }

    async fn survey(&self, manifest: &Manifest) -> Result<Vec<ObjectHead>, WorkflowError> {
        let (parts, size) = (&manifest.parts, manifest.bundled_size);
        self.bundle
            .survey(parts, size, self.jobs, &self.limits)
            .await
    }

    async fn part(
        &self,
        part: &Part,
        head: Option<&ObjectHead>,
        observer: &dyn Observer,
    ) -> Result<(), WorkflowError> {
        let mut forget = Forget(observer);
        let read = self.bundle.receive(part, head, &self.limits, &mut forget);
        read.await.map(drop)
    }

    async fn stream(
        &self,
        manifest: &OpenManifest,
        heads: &[ObjectHead],
        observer: &Arc<dyn Observer>,
    ) -> Result<Checked, WorkflowError> {
        let sizes = heads.iter().map(|head| head.size).collect();
        let (inlet, mut streams) = Streams::new(self.jobs, sizes);
        let (manifest, limits) = (manifest.clone(), self.limits.clone());
        let progress = Arc::clone(observer);
        let parts = manifest.manifest().parts.clone();
        let checking = spawn_blocking(move || verify(&manifest, &mut streams, &limits, &*progress));
        let fed = self.feed(&parts, heads, inlet).await;
        let checked = checking.await.map_err(|_| WorkflowError::Died)?;
        // That a part did not come is the cause of what the check says then.
        fed?;
        Ok(checked?)
    }

    /// Reads all parts, so many at a time that what waits has room.
    async fn feed(
        &self,
        parts: &[Part],
        heads: &[ObjectHead],
        feed: Feed,
    ) -> Result<(), WorkflowError> {
        let feed = &feed;
        stream::iter(parts.iter().zip(heads))
            .then(async |part| (feed.begin(part.0.index).await, part))
            .map(|(begun, part)| feed.read(begun, &self.bundle, part))
            .buffered(self.jobs.max(1))
            .try_collect()
            .await
    }
}

fn named<'a>(manifest: &'a Manifest, name: &PartName) -> Option<&'a Part> {
    manifest.parts.iter().find(|part| part.name == *name)
}
