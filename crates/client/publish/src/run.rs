//! A run from its beginning, or from wherever it was interrupted, to its end.
//!
//! ```text
//! found? ─> begin ─> prepare ─> bucket ─> for each image: bundle, manifest, register ─> verify ─> attributes
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gumnut_bundle::{BundleError, BundleMeta, BundleNames};
use gumnut_ec2_client::{LaunchPermission, PermissionChange};
use gumnut_transport::TransportError;
use gumnut_types::{Architecture, ImageClass, ImageId, ImageKind, ManifestLocation, ObjectKey};
use gumnut_walrus_client::{BucketState, Content, ListedObject, is_md5};
use gumnut_workflows::{Destination, Observer, RunId, Step, WorkflowError};

use crate::blocking::blocking;
use crate::identity::site;
use crate::journal::{ImageState, Journal, Record, RunFolder, Sealing, StoredPart, VERSION};
use crate::setup::Setup;
use crate::source::{Image, Source};
use crate::stages::Stages;
use crate::{MakeImages, Plan, Published, PublishedImage};

/// A run, whose journal nobody else writes while this lives.
pub(crate) struct Run<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) observer: Arc<dyn Observer>,
    stages: Arc<Stages>,
    pub(crate) id: RunId,
    pub(crate) plan: Plan,
    pub(crate) identity: String,
    pub(crate) destination: Destination,
    pub(crate) folder: RunFolder,
    pub(crate) journal: Journal,
    /// Whether anything was changed in the cloud.
    pub(crate) written: bool,
    /// Bytes that were sent.
    pub(crate) sent: u64,
    /// Makes the images, if the target is a tree.
    pub(crate) make: Option<MakeImages>,
}

/// The objects of a bundle, as far as they are in the store and right.
pub(crate) struct InStore {
    pub(crate) parts: BTreeMap<u32, StoredPart>,
    pub(crate) manifest: bool,
}

impl<'a> Run<'a> {
    /// Opens the journal of the run for this plan, or begins one. Waits for another process that has it.
    pub(crate) async fn open(
        setup: &'a Setup,
        plan: Plan,
        identity: String,
        stages: Arc<Stages>,
    ) -> Result<Self, WorkflowError> {
        let id = RunId::of(&identity)?;
        let folder = setup.runs.folder(&id);
        let mut destination = setup.destination(&plan)?;
        folder.create()?;
        let (folder_here, id_here) = (folder.clone(), id.clone());
        let told = Arc::clone(&stages);
        let journal = blocking(move || {
            Journal::open(&folder_here, || {
                told.step(&Step::Waiting { run: &id_here });
            })
        })
        .await?;
        // An earlier version may have called it otherwise.
        if let (None, Some(bucket)) = (&plan.storage.bucket, journal.state().bucket_in_use()) {
            destination.target.bucket = bucket.clone();
        }
        Ok(Self {
            setup,
            observer: Arc::clone(&stages) as _,
            stages,
            id,
            plan,
            identity,
            destination,
            folder,
            journal,
            written: false,
            sent: 0,
            make: None,
        })
    }

    /// Says how the images of a tree are made.
    pub(crate) fn making(mut self, make: MakeImages) -> Self {
        self.make = Some(make);
        self
    }

    /// Publishes what the plan says, as far as it is not done.
    pub(crate) async fn publish(mut self) -> Result<Published, WorkflowError> {
        if self.journal.state().complete.is_some()
            && let Some(images) = self.found().await?
        {
            return self.finish(images).await;
        }
        self.begin()?;
        let (source, architecture, bucket) = match self.prepare().await {
            Ok(prepared) => prepared,
            Err(error) => {
                // What cannot be published cannot be resumed.
                if !may_pass(&error) && self.journal.state().is_untouched() {
                    self.folder.remove()?;
                }
                return Err(error);
            }
        };
        if bucket == BucketState::Missing {
            self.make_bucket().await?;
        }
        let images = self.images(&source, architecture).await?;
        self.finish(images).await
    }

    /// Sets what is set at the end, and drops what nobody needs any more.
    async fn finish(mut self, images: Vec<PublishedImage>) -> Result<Published, WorkflowError> {
        self.attributes(&images).await?;
        // Also behind a run that was killed right after it was complete.
        self.folder.drop_images()?;
        Ok(Published {
            run: self.id,
            images,
            changed: self.written,
            sent: self.sent,
        })
    }

    /// Notes that the run begins, unless it continues.
    fn begin(&mut self) -> Result<(), WorkflowError> {
        let state = self.journal.state();
        let goes_on = state
            .begun
            .as_ref()
            .is_some_and(|begun| begun.identity == self.identity);
        if goes_on && state.complete.is_none() {
            self.observer.step(&Step::Resuming { run: &self.id });
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.journal.write(Record::Begun {
            version: VERSION,
            at: now.unwrap_or_default().as_secs(),
            plan: Box::new(self.plan.clone()),
            site: site(&self.setup.cloud)?,
            identity: self.identity.clone(),
        })?;
        self.observer.step(&Step::Started { run: &self.id });
        Ok(())
    }

    async fn make_bucket(&mut self) -> Result<(), WorkflowError> {
        let bucket = self.destination.target.bucket.clone();
        self.observer.step(&Step::MakingBucket { bucket: &bucket });
        // Before the request: a bucket that the journal does not know would never be removed.
        self.journal.write(Record::MakingBucket {
            bucket: bucket.clone(),
        })?;
        let location = self.plan.storage.bucket_location.as_deref();
        self.destination
            .store
            .create_bucket(&bucket, location)
            .await?;
        Ok(())
    }

    /// Brings every image into the store and registers it; compares what the store holds at the end.
    async fn images(
        &mut self,
        source: &Source,
        architecture: Architecture,
    ) -> Result<Vec<PublishedImage>, WorkflowError> {
        let mut done: Vec<PublishedImage> = Vec::new();
        self.stages
            .found(source.images().iter().map(|image| image.class));
        let (mut kernel, mut ramdisk) = (
            self.plan.images.kernel.clone(),
            self.plan.images.ramdisk.clone(),
        );
        for image in source.images() {
            let kind = match image.class {
                ImageClass::Kernel => ImageKind::Kernel,
                ImageClass::Ramdisk => ImageKind::Ramdisk,
                ImageClass::Machine => ImageKind::Machine {
                    kernel: kernel.clone(),
                    ramdisk: ramdisk.clone(),
                },
            };
            let published = self.image(image, architecture, kind).await?;
            match image.class {
                ImageClass::Kernel => kernel = kernel.or_else(|| published.id.clone()),
                ImageClass::Ramdisk => ramdisk = ramdisk.or_else(|| published.id.clone()),
                ImageClass::Machine => {}
            }
            done.push(published);
        }
        self.observer.step(&Step::Verifying);
        for image in source.images() {
            self.verify(image.class).await?;
        }
        Ok(done)
    }

    async fn image(
        &mut self,
        image: &Image,
        architecture: Architecture,
        kind: ImageKind,
    ) -> Result<PublishedImage, WorkflowError> {
        let class = image.class;
        let names = BundleNames::new(image.name.clone()).map_err(BundleError::WriteParts)?;
        let location = self
            .destination
            .target
            .location(names.manifest().as_str())?;
        if let Some(published) = self.adopt(class, &location).await? {
            return Ok(published);
        }
        let meta = BundleMeta {
            names,
            user: self.plan.account.clone().into(),
            architecture,
            kind: kind.clone(),
            block_devices: Vec::new(),
            product_codes: Vec::new(),
        };
        let there = self.in_store(class, &location).await?;
        let known = self.state(class);
        let all_there = known.parts.len() == there.parts.len();
        let manifest = match known.manifest {
            Some(manifest) if all_there => manifest,
            _ => self.seal(image, meta, &location, there.parts).await?,
        };
        if !(there.manifest && all_there) {
            let content = Content::bytes(manifest.into_bytes());
            let name = location.key.file_name();
            self.written = true;
            self.destination
                .put_manifest(name, &content, &self.identity)
                .await?;
            self.sent += content.length();
        }
        if !self.state(class).bundled {
            self.journal.write(Record::Bundled { role: class })?;
        }
        let id = self.register(image, &location, kind).await?;
        Ok(PublishedImage {
            class,
            id,
            location,
            parts: self.state(class).parts.len(),
        })
    }

    pub(crate) fn state(&self, class: ImageClass) -> ImageState {
        let images = &self.journal.state().images;
        images.get(&class).cloned().unwrap_or_default()
    }

    /// Refuses a location that somebody else uses; finds what an earlier run, whose journal is lost, has registered.
    async fn adopt(
        &mut self,
        class: ImageClass,
        location: &ManifestLocation,
    ) -> Result<Option<PublishedImage>, WorkflowError> {
        let state = self.state(class);
        let Some((_, source)) = self.destination.manifest(location).await? else {
            return Ok(None);
        };
        // A store that keeps no metadata leaves it to the journal.
        let ours = source.map_or(state.manifest.is_some(), |source| source == self.identity);
        if !ours {
            return Err(WorkflowError::Taken(location.clone()));
        }
        if state.sealing.is_some() || !self.plan.registers() {
            return Ok(None);
        }
        let Some(id) = self.find(location).await? else {
            return Ok(None);
        };
        self.told(class, &id, true);
        self.journal.write(Record::Registered {
            role: class,
            id: id.clone(),
            location: location.clone(),
        })?;
        Ok(Some(PublishedImage {
            class,
            id: Some(id),
            location: location.clone(),
            parts: 0,
        }))
    }

    /// What the journal says is in the store, and is.
    pub(crate) async fn in_store(
        &self,
        class: ImageClass,
        manifest: &ManifestLocation,
    ) -> Result<InStore, WorkflowError> {
        let state = self.state(class);
        if state.sealing.is_none() {
            return Ok(InStore {
                parts: BTreeMap::new(),
                manifest: false,
            });
        }
        let objects: HashMap<_, _> = self
            .objects(&manifest.key)
            .await?
            .into_iter()
            .map(|object| (object.key.clone(), object))
            .collect();
        let is_there = |name: &str, size: u64, md5: &str| {
            self.destination
                .target
                .location(name)
                .ok()
                .and_then(|location| objects.get(location.key.as_str()))
                .is_some_and(|object| is_same(object, size, md5))
        };
        let content = state.manifest.map(|text| Content::bytes(text.into_bytes()));
        Ok(InStore {
            manifest: content.is_some_and(|content| {
                let name = manifest.key.file_name();
                is_there(name, content.length(), &content.md5_hex())
            }),
            parts: state
                .parts
                .into_iter()
                .filter(|(_, part)| is_there(part.name.as_str(), part.size, &part.md5))
                .collect(),
        })
    }

    /// The objects of the bundle whose manifest has this key.
    pub(crate) async fn objects(
        &self,
        manifest: &ObjectKey,
    ) -> Result<Vec<ListedObject>, WorkflowError> {
        let Destination { store, target, .. } = &self.destination;
        let prefix = manifest.as_str().trim_end_matches("manifest.xml");
        Ok(store.list_objects(&target.bucket, prefix).await?)
    }

    /// Compares what the store holds with what was sent.
    async fn verify(&self, class: ImageClass) -> Result<(), WorkflowError> {
        let state = self.state(class);
        let Some(Sealing { location, .. }) = state.sealing else {
            return Ok(());
        };
        let there = self.in_store(class, &location).await?;
        if there.manifest && there.parts.len() == state.parts.len() {
            Ok(())
        } else {
            Err(WorkflowError::Altered(location))
        }
    }

    /// Lets everybody run the images, and tags them, as the plan says; notes that all is done.
    async fn attributes(&mut self, images: &[PublishedImage]) -> Result<(), WorkflowError> {
        let (public, tags) = (
            self.plan.registration.public,
            self.plan.registration.tags.clone(),
        );
        if self.journal.state().complete.as_ref() == Some(&(public, tags.clone())) {
            return Ok(());
        }
        for image in images {
            let Some(id) = &image.id else { continue };
            self.set_attributes(image.class, id).await?;
        }
        self.journal.write(Record::Complete { public, tags })
    }

    async fn set_attributes(
        &mut self,
        class: ImageClass,
        id: &ImageId,
    ) -> Result<(), WorkflowError> {
        let ec2 = self.setup.cloud.ec2()?;
        let registration = &self.plan.registration;
        if registration.public {
            let everybody = [LaunchPermission::All];
            ec2.change_launch_permission(id, PermissionChange::Add, &everybody)
                .await?;
            self.written = true;
        }
        if class == ImageClass::Machine && !registration.tags.is_empty() {
            let tags = registration
                .tags
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()));
            ec2.create_tags(id, tags).await?;
            self.written = true;
        }
        Ok(())
    }
}

/// Whether an object is what was sent. A tag that is no MD5 says nothing.
fn is_same(object: &ListedObject, size: u64, md5: &str) -> bool {
    object.size == size && (!is_md5(&object.etag) || object.etag.eq_ignore_ascii_case(md5))
}

/// Whether the same may work another time: the cloud did not answer, or the user stopped it.
fn may_pass(error: &WorkflowError) -> bool {
    matches!(
        error,
        WorkflowError::Transport(TransportError::Network { .. } | TransportError::Timeout { .. })
            | WorkflowError::Cancelled
    )
}
