//! Registering an image exactly once.

use std::time::Duration;

use gumnut_ec2_client::{DescribeImages, Ec2Client, Image as DescribedImage, RegisterImage};
use gumnut_transport::TransportError;
use gumnut_types::{ImageClass, ImageId, ImageKind, ManifestLocation};

use crate::journal::Record;
use crate::run::Run;
use crate::source::Image;
use crate::{PublishedImage, Step, WorkflowError};

/// How often the cloud is asked before it is taken for dead.
const ATTEMPTS: u32 = 5;
/// The wait after the first failure; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// States of images that nobody can start any more.
const DEAD: [&str; 2] = ["deregistered", "failed"];

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
            image_at(ec2, location).await?
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
        image_at(self.setup.cloud.ec2()?, location).await
    }

    pub(crate) fn told(&self, class: ImageClass, id: &ImageId, already: bool) {
        self.observer.step(&Step::Registered { class, id, already });
    }

    /// What a complete run has published, if all of it is still there; `None` otherwise.
    pub(crate) async fn found(&self) -> Result<Option<Vec<PublishedImage>>, WorkflowError> {
        let shown = if self.plan.registers() {
            own_images(self.setup.cloud.ec2()?).await?
        } else {
            Vec::new()
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
            let id = registered_from(&shown, location);
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

/// Registers an image, asking until there is an answer. Before each further request it looks whether an earlier one was
/// heard.
pub(crate) async fn register_once(
    ec2: &Ec2Client,
    request: &RegisterImage,
    location: &ManifestLocation,
) -> Result<ImageId, WorkflowError> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        if attempt > 1
            && let Some(id) = image_at(ec2, location).await?
        {
            return Ok(id);
        }
        match ec2.register_image_once(request).await {
            Ok(id) => return Ok(id),
            Err(error) if attempt < ATTEMPTS && may_have_been_heard(&error) => {
                tracing::info!(%error, ?wait, "asking again after looking");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(WorkflowError::Died)
}

/// The image of the caller that is registered from a location.
pub(crate) async fn image_at(
    ec2: &Ec2Client,
    location: &ManifestLocation,
) -> Result<Option<ImageId>, WorkflowError> {
    Ok(registered_from(&own_images(ec2).await?, location))
}

async fn own_images(ec2: &Ec2Client) -> Result<Vec<DescribedImage>, WorkflowError> {
    let wanted = DescribeImages {
        owners: vec!["self".to_owned()],
        ..DescribeImages::default()
    };
    Ok(ec2.describe_images(&wanted).await?)
}

/// Which of the images is registered from a location, and alive.
fn registered_from(images: &[DescribedImage], location: &ManifestLocation) -> Option<ImageId> {
    let text = location.to_string();
    images
        .iter()
        .find(|image| {
            let state = image.state.as_deref().unwrap_or_default();
            let shown = image.location.as_deref().unwrap_or_default();
            shown.trim_start_matches('/') == text && !DEAD.contains(&state)
        })
        .and_then(|image| image.image_id.parse().ok())
}

/// Whether the cloud may have done it although it did not say so.
fn may_have_been_heard(error: &TransportError) -> bool {
    match error {
        TransportError::Network { .. }
        | TransportError::Timeout { .. }
        | TransportError::Malformed { .. } => true,
        TransportError::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
        _ => false,
    }
}
