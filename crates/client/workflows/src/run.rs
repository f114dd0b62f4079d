//! The images of one run, one after the other.

use std::collections::{BTreeMap, HashMap};

use gumnut_bundle::{BundleMeta, BundleNames};
use gumnut_ec2_client::{LaunchPermission, PermissionChange};
use gumnut_types::{Architecture, ImageId, ManifestLocation};
use gumnut_walrus_client::Content;

use crate::destination::{Destination, is_same};
use crate::journal::{ImageState, Journal, Record, Sealing, StoredPart};
use crate::source::{Image, Source};
use crate::{Plan, PublishedImage, Publisher, Role, Step, WorkflowError};

/// What the steps of one run share.
pub(crate) struct Run<'a> {
    pub(crate) publisher: &'a Publisher,
    pub(crate) plan: &'a Plan,
    pub(crate) destination: &'a Destination,
    pub(crate) identity: &'a str,
    pub(crate) journal: &'a mut Journal,
    /// Whether anything was changed in the cloud.
    pub(crate) written: bool,
}

/// The objects of a bundle, as far as they are in the store and right.
pub(crate) struct InStore {
    pub(crate) parts: BTreeMap<u32, StoredPart>,
    pub(crate) manifest: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        publisher: &'a Publisher,
        plan: &'a Plan,
        destination: &'a Destination,
        identity: &'a str,
        journal: &'a mut Journal,
    ) -> Self {
        Self {
            publisher,
            plan,
            destination,
            identity,
            journal,
            written: false,
        }
    }

    /// Brings every image into the store and registers it; compares what the store holds at the end.
    pub(crate) async fn images(
        &mut self,
        source: &Source,
        architecture: Architecture,
    ) -> Result<Vec<PublishedImage>, WorkflowError> {
        let mut done: Vec<PublishedImage> = Vec::new();
        for image in source.images() {
            let id = |role| {
                let image = done.iter().find(|image| image.role == role);
                image.and_then(|image| image.id.clone())
            };
            let kernel = self.plan.kernel.clone().or_else(|| id(Role::Kernel));
            let ramdisk = self.plan.ramdisk.clone().or_else(|| id(Role::Ramdisk));
            done.push(self.image(image, architecture, (kernel, ramdisk)).await?);
        }
        self.publisher.observer.step(&Step::Verifying);
        for image in source.images() {
            self.verify(image.role).await?;
        }
        Ok(done)
    }

    async fn image(
        &mut self,
        image: &Image,
        architecture: Architecture,
        (kernel, ramdisk): (Option<ImageId>, Option<ImageId>),
    ) -> Result<PublishedImage, WorkflowError> {
        let names = BundleNames::new(image.name.clone()).map_err(WorkflowError::names)?;
        let location = self.destination.location(names.manifest().as_str())?;
        if let Some(published) = self.adopt(image.role, &location).await? {
            return Ok(published);
        }
        let meta = BundleMeta {
            names,
            user: self.plan.account.clone(),
            architecture,
            kind: image.role.kind(kernel.clone(), ramdisk.clone()),
            block_devices: Vec::new(),
            product_codes: Vec::new(),
        };
        let there = self.in_store(image.role, &location).await?;
        let known = self.journal.state().images.get(&image.role).cloned();
        let sealed = known.as_ref().and_then(|known| known.manifest.clone());
        let all_there = known.is_some_and(|known| known.parts.len() == there.parts.len());
        let manifest = match sealed {
            Some(manifest) if all_there => manifest,
            _ => self.seal(image, meta, &location, there.parts).await?,
        };
        if !(there.manifest && all_there) {
            let content = Content::bytes(manifest.into_bytes());
            let name = location.key.file_name();
            self.written = true;
            self.destination
                .put_manifest(name, &content, self.identity)
                .await?;
        }
        if !self.state(image.role).bundled {
            self.journal.write(Record::Bundled { role: image.role })?;
        }
        let id = self.register(image, &location, kernel, ramdisk).await?;
        Ok(PublishedImage {
            role: image.role,
            id,
            location,
            parts: self.state(image.role).parts.len(),
        })
    }

    pub(crate) fn state(&self, role: Role) -> ImageState {
        let images = &self.journal.state().images;
        images.get(&role).cloned().unwrap_or_default()
    }

    /// Refuses a location that somebody else uses; finds what an earlier run, whose journal is lost, has registered.
    async fn adopt(
        &mut self,
        role: Role,
        location: &ManifestLocation,
    ) -> Result<Option<PublishedImage>, WorkflowError> {
        let state = self.state(role);
        let Some((_, source)) = self.destination.manifest(location).await? else {
            return Ok(None);
        };
        // A store that keeps no metadata leaves it to the journal.
        let ours = source.map_or(state.manifest.is_some(), |source| source == self.identity);
        if !ours {
            return Err(WorkflowError::Taken(location.clone()));
        }
        if state.sealing.is_some() || !self.plan.register {
            return Ok(None);
        }
        let Some(id) = self.find(location).await? else {
            return Ok(None);
        };
        self.told(role, &id, true);
        self.journal.write(Record::Registered {
            role,
            id: id.clone(),
            location: location.clone(),
        })?;
        Ok(Some(PublishedImage {
            role,
            id: Some(id),
            location: location.clone(),
            parts: 0,
        }))
    }

    /// What the journal says is in the store, and is.
    pub(crate) async fn in_store(
        &self,
        role: Role,
        manifest: &ManifestLocation,
    ) -> Result<InStore, WorkflowError> {
        let state = self.state(role);
        let mut there = InStore {
            parts: BTreeMap::new(),
            manifest: false,
        };
        if state.sealing.is_none() {
            return Ok(there);
        }
        let objects = self.destination.objects(&manifest.key).await?.into_iter();
        let objects: HashMap<_, _> = objects.map(|object| (object.key.clone(), object)).collect();
        let is_there = |name: &str, size: u64, md5: &str| {
            let location = self.destination.location(name).ok();
            let object = location.and_then(|location| objects.get(location.key.as_str()));
            object.is_some_and(|object| is_same(object, size, md5))
        };
        if let Some(text) = state.manifest {
            let content = Content::bytes(text.into_bytes());
            there.manifest = is_there(
                manifest.key.file_name(),
                content.length(),
                &content.md5_hex(),
            );
        }
        let parts = state.parts.into_iter();
        there.parts = parts
            .filter(|(_, part)| is_there(part.name.as_str(), part.size, &part.md5))
            .collect();
        Ok(there)
    }

    /// Compares what the store holds with what was sent.
    async fn verify(&self, role: Role) -> Result<(), WorkflowError> {
        let state = self.state(role);
        let Some(Sealing { location, .. }) = state.sealing else {
            return Ok(());
        };
        let there = self.in_store(role, &location).await?;
        if there.manifest && there.parts.len() == state.parts.len() {
            Ok(())
        } else {
            Err(WorkflowError::Altered(location))
        }
    }

    /// Lets everybody run the images, and tags them, as the plan says; notes that all is done.
    pub(crate) async fn attributes(
        &mut self,
        images: &[PublishedImage],
    ) -> Result<(), WorkflowError> {
        let (public, tags) = (self.plan.public, &self.plan.tags);
        let before = self.journal.state().complete.clone().unwrap_or_default();
        if before == (public, tags.clone()) && self.journal.state().complete.is_some() {
            return Ok(());
        }
        for image in images {
            let Some(id) = &image.id else { continue };
            let ec2 = self.publisher.cloud.ec2()?;
            if public {
                let everybody = [LaunchPermission::All];
                let change = PermissionChange::Add;
                ec2.change_launch_permission(id, change, &everybody).await?;
                self.written = true;
            }
            if image.role == Role::Machine && !tags.is_empty() {
                let tags = tags.iter();
                let tags = tags.map(|(key, value)| (key.as_str(), value.as_str()));
                ec2.create_tags(id, tags).await?;
                self.written = true;
            }
        }
        self.journal.write(Record::Complete {
            public,
            tags: tags.clone(),
        })
    }
}
