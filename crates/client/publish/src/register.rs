//! Registering an image exactly once.

use gumnut_ec2_client::RegisterImage;
use gumnut_types::{ImageClass, ImageId, ImageKind, ManifestLocation};
use gumnut_workflows::{OwnImages, Step, WorkflowError, register_once};

use crate::PublishedImage;
use crate::journal::Record;
use crate::run::Run;
use crate::source::Image;

impl Run<'_> {
    /// Registers an image, unless that was done; `None` when it is not to be registered.
    pub(crate) async fn register(
        &mut self,
        image: &Image,
        location: &ManifestLocation,
        kind: ImageKind,
    ) -> Result<Option<ImageId>, WorkflowError> {
        if !self.plan.registers() {
            return Ok(None);
        }
        let class = image.class;
        let known = self.state(class);
        if let Some((id, _)) = known.registered {
            self.told(class, &id, true);
            return Ok(Some(id));
        }
        self.observer.step(&Step::Registering { class });
        self.journal.write(Record::Registering { role: class })?;
        let request = self.request(image, location, kind);
        let ec2 = self.setup.cloud.ec2()?;
        // An earlier attempt may have been heard, and then nothing is asked for.
        let before = if known.registering {
            self.find(location).await?
        } else {
            None
        };
        let id = if let Some(id) = before {
            id
        } else {
            self.written = true;
            register_once(ec2, &request, location).await?
        };
        self.journal.write(Record::Registered {
            role: class,
            id: id.clone(),
            location: location.clone(),
        })?;
        self.told(class, &id, false);
        Ok(Some(id))
    }

    fn request(
        &self,
        image: &Image,
        location: &ManifestLocation,
        kind: ImageKind,
    ) -> RegisterImage {
        let request = RegisterImage {
            location: location.to_string(),
            ..RegisterImage::default()
        };
        let ImageKind::Machine { kernel, ramdisk } = kind else {
            return request;
        };
        let hvm = kernel.is_none() && image.is_whole_disk();
        RegisterImage {
            name: self.plan.registration.name.clone(),
            description: self.plan.registration.description.clone(),
            kernel,
            ramdisk,
            virtualization_type: hvm.then(|| "hvm".to_owned()),
            ..request
        }
    }

    /// The image that is registered from a location.
    pub(crate) async fn find(
        &self,
        location: &ManifestLocation,
    ) -> Result<Option<ImageId>, WorkflowError> {
        let images = OwnImages::list(self.setup.cloud.ec2()?).await?;
        Ok(images.registered_from(location))
    }

    pub(crate) fn told(&self, class: ImageClass, id: &ImageId, already: bool) {
        self.observer.step(&Step::Registered { class, id, already });
    }

    /// What a complete run has published, if all of it is still there; `None` otherwise.
    pub(crate) async fn found(&self) -> Result<Option<Vec<PublishedImage>>, WorkflowError> {
        let shown = if self.plan.registers() {
            OwnImages::list(self.setup.cloud.ec2()?).await?
        } else {
            OwnImages::default()
        };
        let mut found = Vec::new();
        for (class, state) in self.journal.state().in_order() {
            let sealed = state.sealing.as_ref().map(|sealing| &sealing.location);
            let registered = state.registered.as_ref();
            let Some(location) = sealed.or(registered.map(|(_, location)| location)) else {
                continue;
            };
            let Some((_, source)) = self.destination.manifest(location).await? else {
                return Ok(None);
            };
            let there = self.in_store(class, location).await?;
            let whole = there.manifest && there.parts.len() == state.parts.len();
            let other = source.is_some_and(|source| source != self.identity);
            if other || sealed.is_some() && !whole {
                return Ok(None);
            }
            let id = shown.registered_from(location);
            if id.as_ref() != registered.map(|(id, _)| id) {
                return Ok(None);
            }
            found.push(PublishedImage {
                class,
                id,
                location: location.clone(),
                parts: state.parts.len(),
            });
        }
        for image in &found {
            if let Some(id) = &image.id {
                self.told(image.class, id, true);
            }
        }
        Ok(Some(found).filter(|found| !found.is_empty()))
    }
}
