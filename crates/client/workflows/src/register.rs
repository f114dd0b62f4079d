//! Registering an image exactly once.

use std::time::Duration;

use gumnut_ec2_client::{DescribeImages, Ec2Client, Image as DescribedImage, RegisterImage};
use gumnut_transport::TransportError;
use gumnut_types::{ImageId, ManifestLocation};

use crate::journal::Record;
use crate::run::Run;
use crate::source::Image;
use crate::{PublishedImage, Role, Step, WorkflowError};

/// How often the cloud is asked before it is taken for dead.
const ATTEMPTS: u32 = 5;
/// The wait after the first failure; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// States of images that nobody can start any more.
const DEAD: [&str; 2] = ["deregistered", "failed"];

impl Run<'_> {
    /// Registers an image, unless that was done; nothing when it is not to be registered.
    pub(crate) async fn register(
        &mut self,
        image: &Image,
        location: &ManifestLocation,
        kernel: Option<ImageId>,
        ramdisk: Option<ImageId>,
    ) -> Result<Option<ImageId>, WorkflowError> {
        if !self.plan.register {
            return Ok(None);
        }
        let role = image.role;
        let state = self.journal.state().images.get(&role);
        let registered = state.and_then(|state| state.registered.clone());
        if let Some((id, _)) = registered {
            self.told(role, &id, true);
            return Ok(Some(id));
        }
        let asked = state.is_some_and(|state| state.registering);
        self.publisher.observer.step(&Step::Registering { role });
        self.journal.write(Record::Registering { role })?;
        let request = self.request(image, location, kernel, ramdisk);
        let id = self.register_once(&request, location, asked).await?;
        self.journal.write(Record::Registered {
            role,
            id: id.clone(),
            location: location.clone(),
        })?;
        self.told(role, &id, false);
        Ok(Some(id))
    }

    fn request(
        &self,
        image: &Image,
        location: &ManifestLocation,
        kernel: Option<ImageId>,
        ramdisk: Option<ImageId>,
    ) -> RegisterImage {
        let request = RegisterImage {
            location: location.to_string(),
            ..RegisterImage::default()
        };
        if image.role != Role::Machine {
            return request;
        }
        let hvm = kernel.is_none() && image.is_whole_disk();
        RegisterImage {
            name: self.plan.name.clone(),
            description: self.plan.description.clone(),
            kernel,
            ramdisk,
            virtualization_type: hvm.then(|| "hvm".to_owned()),
            ..request
        }
    }

    async fn register_once(
        &mut self,
        request: &RegisterImage,
        location: &ManifestLocation,
        asked: bool,
    ) -> Result<ImageId, WorkflowError> {
        let ec2 = self.publisher.cloud.ec2()?;
        if asked && let Some(id) = image_at(ec2, location).await? {
            return Ok(id);
        }
        self.written = true;
        register_once(ec2, request, location, false).await
    }

    /// The image that is registered from a location.
    pub(crate) async fn find(
        &self,
        location: &ManifestLocation,
    ) -> Result<Option<ImageId>, WorkflowError> {
        image_at(self.publisher.cloud.ec2()?, location).await
    }

    pub(crate) fn told(&self, role: Role, id: &ImageId, already: bool) {
        let step = Step::Registered { role, id, already };
        self.publisher.observer.step(&step);
    }

    /// What a complete run has published, if all of it is still there; nothing otherwise.
    pub(crate) async fn found(&mut self) -> Result<Option<Vec<PublishedImage>>, WorkflowError> {
        let mut found = Vec::new();
        let images = self.journal.state().images.clone();
        let shown = if self.plan.register {
            own_images(self.publisher.cloud.ec2()?).await?
        } else {
            Vec::new()
        };
        for (role, state) in images {
            let sealed = state.sealing.is_some();
            let registered = state.registered;
            let known = state.sealing.map(|sealing| sealing.location);
            let location = known.or_else(|| Some(registered.as_ref()?.1.clone()));
            let Some(location) = location else { continue };
            let Some((_, source)) = self.destination.manifest(&location).await? else {
                return Ok(None);
            };
            let there = self.in_store(role, &location).await?;
            let whole = there.manifest && there.parts.len() == state.parts.len();
            let other = source.is_some_and(|source| source != self.identity);
            if other || sealed && !whole {
                return Ok(None);
            }
            let id = registered_from(&shown, &location);
            if id != registered.map(|(id, _)| id) {
                return Ok(None);
            }
            found.push(PublishedImage {
                role,
                id,
                location,
                parts: state.parts.len(),
            });
        }
        for image in &found {
            if let Some(id) = &image.id {
                self.told(image.role, id, true);
            }
        }
        Ok(Some(found).filter(|found| !found.is_empty()))
    }
}

/// Registers an image, asking until there is an answer. Before each further request it looks whether an earlier one was
/// heard; `asked` says that there may have been one before.
pub(crate) async fn register_once(
    ec2: &Ec2Client,
    request: &RegisterImage,
    location: &ManifestLocation,
    mut asked: bool,
) -> Result<ImageId, WorkflowError> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        if asked && let Some(id) = image_at(ec2, location).await? {
            return Ok(id);
        }
        asked = true;
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
    let location = location.to_string();
    let found = images.iter().find(|image| {
        let state = image.state.as_deref().unwrap_or_default();
        let same = image
            .location
            .as_deref()
            .map(|it| it.trim_start_matches('/'));
        same == Some(location.as_str()) && !DEAD.contains(&state)
    });
    found.and_then(|image| image.image_id.parse().ok())
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
