//! The end of an image: deregistered, and its bundle deleted if nobody else needs it.
//!
//! First the image goes, then its bundle: an image whose bundle is gone would still be offered. Of the bundle the manifest goes
//! first, because a manifest whose parts are gone looks like a bundle without being one; a copy of it shows the next run how to continue after an
//! interruption.

use std::sync::Arc;
use std::time::Duration;

use gumnut_ec2_client::{DescribeImages, Image};
use gumnut_transport::TransportError;
use gumnut_types::{ImageClass, ImageId, Limits, ManifestLocation};
use tokio::time::Instant;

use crate::registered::{ImagesInUse, is_alive, manifest_of};
use crate::remove::BundleToDelete;
use crate::{BundleRef, CloudClient, Observer, Step, WorkflowError};

/// Longest pause between two looks whether an image is gone.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the cloud may take until an image is gone, unless it is said otherwise.
const PATIENCE: Duration = Duration::from_mins(1);

/// How images are retired.
#[derive(Clone, Debug)]
pub struct Retire {
    cloud: CloudClient,
    with_kernel_and_ramdisk: bool,
    patience: Duration,
    limits: Limits,
}

/// What is going to be removed, and what not.
#[derive(Debug)]
#[must_use]
pub struct Retirement {
    items: Vec<Item>,
    kept: Vec<Kept>,
}

/// Something that remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// An id or a location.
    pub what: String,
    /// Why it remains.
    pub why: String,
}

/// An image with its bundle, or one of them.
#[derive(Debug)]
struct Item {
    image: Option<ImageId>,
    bundle: Option<BundleToDelete>,
}

/// What has been removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Retired {
    /// Images that were deregistered.
    pub images: Vec<String>,
    /// Bundles that were deleted, and how many objects each had.
    pub bundles: Vec<(ManifestLocation, usize)>,
    /// What remains.
    pub kept: Vec<Kept>,
}

impl Retirement {
    /// What carrying it out will give.
    pub fn preview(&self) -> Retired {
        let mut retired = Retired {
            kept: self.kept.clone(),
            ..Retired::default()
        };
        for item in &self.items {
            retired.add(item);
        }
        retired
    }
}

impl Retired {
    fn add(&mut self, item: &Item) {
        self.images
            .extend(item.image.as_ref().map(ToString::to_string));
        let bundle = item.bundle.as_ref();
        self.bundles
            .extend(bundle.map(|bundle| (bundle.location().clone(), bundle.objects())));
    }
}

impl Retire {
    /// Retires images of this cloud, which may take 60 seconds until one is gone.
    pub fn new(cloud: CloudClient) -> Self {
        Self {
            cloud,
            with_kernel_and_ramdisk: false,
            patience: PATIENCE,
            limits: Limits::default(),
        }
    }

    /// Sets whether the kernel and the ramdisk of a machine image go too, where no other image uses them.
    #[must_use]
    pub fn with_kernel_and_ramdisk(mut self, too: bool) -> Self {
        self.with_kernel_and_ramdisk = too;
        self
    }

    /// Sets how long the cloud may take until an image is gone.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets what is too large to be read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Looks at everything, and changes nothing.
    ///
    /// # Errors
    /// When there is no such image or bundle, when another image needs what is named, and when the cloud refuses.
    pub async fn plan(&self, subject: &BundleRef) -> Result<Retirement, WorkflowError> {
        self.plan_all(std::slice::from_ref(subject)).await
    }

    /// As [`Retire::plan`], for several images and bundles that go together: what is needed only by others of them may go, too.
    ///
    /// # Errors
    /// Those of [`Retire::plan`] for the first of them that has one.
    pub async fn plan_all(&self, subjects: &[BundleRef]) -> Result<Retirement, WorkflowError> {
        let all = self.images_for(subjects).await?;
        let plan = self.plan_among(all, subjects).await;
        plan.map_err(|(_, error)| error)
    }

    /// As [`Retire::plan_all`], for those of the subjects that can be retired without the others, which are given with the reason
    /// why they cannot.
    ///
    /// # Errors
    /// When the cloud refuses to list its images, or does not answer.
    pub async fn plan_possible(
        &self,
        subjects: &[BundleRef],
    ) -> Result<(Retirement, Vec<(BundleRef, WorkflowError)>), WorkflowError> {
        let all = self.images_for(subjects).await?;
        let (mut left, mut refused) = (subjects.to_vec(), Vec::new());
        loop {
            match self.plan_among(all.clone(), &left).await {
                Ok(plan) => return Ok((plan, refused)),
                Err((subject, error)) => {
                    // What it was going to free is needed again, so that all others are looked at once more.
                    left.retain(|other| *other != subject);
                    refused.push((subject, error));
                }
            }
        }
    }

    /// The images of the cloud, if they matter to these subjects.
    async fn images_for(&self, subjects: &[BundleRef]) -> Result<Vec<Image>, WorkflowError> {
        let bundles_only = subjects
            .iter()
            .all(|subject| matches!(subject, BundleRef::Location(_)));
        if bundles_only && !self.cloud.has_ec2() {
            return Ok(Vec::new());
        }
        let ec2 = self.cloud.ec2()?;
        Ok(ec2.describe_images(&DescribeImages::default()).await?)
    }

    async fn plan_among(
        &self,
        all: Vec<Image>,
        subjects: &[BundleRef],
    ) -> Result<Retirement, (BundleRef, WorkflowError)> {
        let mut plan = Planner {
            retire: self,
            going: going(&all, subjects),
            all,
            plan: Retirement {
                items: Vec::new(),
                kept: Vec::new(),
            },
        };
        // Machine images first: the others are needed by them.
        let mut in_order: Vec<_> = subjects.iter().collect();
        in_order.sort_by_key(|subject| match subject {
            BundleRef::Image(id) => u8::from(id.class() != ImageClass::Machine),
            BundleRef::Location(_) => 2,
        });
        for subject in in_order {
            let planned = match subject {
                BundleRef::Image(id) => plan.image(id).await,
                BundleRef::Location(location) => plan.bundle(location).await,
            };
            planned.map_err(|error| (subject.clone(), error))?;
        }
        Ok(plan.plan)
    }

    /// Does what was planned; the observer hears of each image and each bundle before it goes. It ends when the cloud refuses, or
    /// an image does not go in time: with what was removed until then, and the reason.
    pub async fn carry_out(
        &self,
        plan: Retirement,
        observer: Arc<dyn Observer>,
    ) -> (Retired, Result<(), WorkflowError>) {
        let mut retired = Retired {
            kept: plan.kept,
            ..Retired::default()
        };
        for item in plan.items {
            if let Err(error) = self.remove(&item, &*observer).await {
                return (retired, Err(error));
            }
            retired.add(&item);
        }
        (retired, Ok(()))
    }

    async fn remove(&self, item: &Item, observer: &dyn Observer) -> Result<(), WorkflowError> {
        if let Some(id) = &item.image {
            observer.step(&Step::Deregistering { id });
            self.deregister(id).await?;
        }
        if let Some(bundle) = &item.bundle {
            observer.step(&Step::Deleting {
                location: bundle.location(),
            });
            bundle.delete().await?;
        }
        Ok(())
    }

    /// Deregisters an image and waits until the cloud shows it no more.
    async fn deregister(&self, id: &ImageId) -> Result<(), WorkflowError> {
        let ec2 = self.cloud.ec2()?;
        match ec2.deregister_image(id).await {
            Err(error) if !knows_not(&error) => return Err(error.into()),
            _ => {}
        }
        // Eucalyptus 3 and later hide an image at the first call and remove it at the second; others refuse that one.
        match ec2.deregister_image(id).await {
            Err(error) if error.refusal().is_none() => return Err(error.into()),
            _ => {}
        }
        let end = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(50);
        while self.is_shown(id).await? {
            if Instant::now() + pause > end {
                return Err(WorkflowError::StillThere { id: id.clone() });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
        Ok(())
    }

    async fn is_shown(&self, id: &ImageId) -> Result<bool, WorkflowError> {
        match self.cloud.image(id).await {
            Ok(image) => Ok(image.state.as_deref() != Some("deregistered")),
            Err(WorkflowError::NoImage(_)) => Ok(false),
            Err(WorkflowError::Transport(error)) if knows_not(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether the cloud says that there is no such image any more.
fn knows_not(error: &TransportError) -> bool {
    let codes = ["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"];
    error
        .refusal()
        .is_some_and(|refusal| codes.contains(&refusal.code.as_str()))
}

/// The ids of the images among the subjects, as the cloud has them.
fn going(all: &[Image], subjects: &[BundleRef]) -> Vec<String> {
    let is_subject = |image: &&Image| {
        subjects.iter().any(|subject| match subject {
            BundleRef::Image(id) => image.image_id.eq_ignore_ascii_case(id.as_str()),
            BundleRef::Location(_) => false,
        })
    };
    all.iter()
        .filter(is_subject)
        .map(|image| image.image_id.clone())
        .collect()
}

struct Planner<'a> {
    retire: &'a Retire,
    all: Vec<Image>,
    /// Images that are going, which need nothing any more.
    going: Vec<String>,
    plan: Retirement,
}

impl Planner<'_> {
    async fn image(&mut self, id: &ImageId) -> Result<(), WorkflowError> {
        let image = self
            .find(id.as_str())
            .cloned()
            .ok_or_else(|| WorkflowError::NoImage(id.clone()))?;
        if let Some(by) = self.users_of(&image.image_id) {
            return Err(WorkflowError::InUse {
                what: image.image_id.clone(),
                by,
            });
        }
        if !self.is_planned(id) {
            self.add(&image).await?;
        }
        if !self.retire.with_kernel_and_ramdisk {
            return Ok(());
        }
        for related in [&image.kernel_id, &image.ramdisk_id].into_iter().flatten() {
            self.related(related).await?;
        }
        Ok(())
    }

    /// A kernel or ramdisk of an image that goes.
    async fn related(&mut self, id: &str) -> Result<(), WorkflowError> {
        if let Some(by) = self.users_of(id) {
            self.keep(id, format!("{by} uses it"));
            return Ok(());
        }
        if let Some(image) = self.find(id).cloned() {
            let planned = image.image_id.parse().is_ok_and(|id| self.is_planned(&id));
            return if planned {
                Ok(())
            } else {
                self.add(&image).await
            };
        }
        self.keep(id, "the cloud does not list it".to_owned());
        Ok(())
    }

    async fn bundle(&mut self, location: &ManifestLocation) -> Result<(), WorkflowError> {
        if let Some(by) = self.image_at(location) {
            return Err(WorkflowError::InUse {
                what: location.to_string(),
                by,
            });
        }
        let bundle_to_delete = self.bundle_to_delete(location).await?;
        let bundle_to_delete =
            bundle_to_delete.ok_or_else(|| WorkflowError::NoBundle(location.clone()))?;
        if let Some(by) = self.sharers_of(&bundle_to_delete).await? {
            return Err(WorkflowError::InUse {
                what: location.to_string(),
                by,
            });
        }
        self.plan.items.push(Item {
            image: None,
            bundle: Some(bundle_to_delete),
        });
        Ok(())
    }

    async fn add(&mut self, image: &Image) -> Result<(), WorkflowError> {
        let id: ImageId = image
            .image_id
            .parse()
            .map_err(|_| WorkflowError::UnknownId(image.image_id.clone()))?;
        self.going.push(image.image_id.clone());
        let bundle = self.bundle_of(&id, image.location.as_deref()).await?;
        self.plan.items.push(Item {
            image: Some(id),
            bundle,
        });
        Ok(())
    }

    fn is_planned(&self, id: &ImageId) -> bool {
        let mut items = self.plan.items.iter();
        items.any(|item| item.image.as_ref() == Some(id))
    }

    /// The bundle of an image that goes, if it may go too.
    async fn bundle_of(
        &mut self,
        id: &ImageId,
        location: Option<&str>,
    ) -> Result<Option<BundleToDelete>, WorkflowError> {
        let Some(location) = location.and_then(|text| text.parse::<ManifestLocation>().ok()) else {
            self.keep(
                id.as_str(),
                "it has no bundle in the object store".to_owned(),
            );
            return Ok(None);
        };
        if let Some(by) = self.image_at(&location) {
            self.keep(&location.to_string(), format!("{by} uses it"));
            return Ok(None);
        }
        let is_here = |item: &&mut Item| {
            let bundle = item.bundle.as_ref();
            bundle.is_some_and(|bundle| *bundle.location() == location)
        };
        if let Some(item) = self.plan.items.iter_mut().find(is_here) {
            // Of several images that are made of it, it goes with the last.
            return Ok(item.bundle.take());
        }
        let bundle_to_delete = self.bundle_to_delete(&location).await?;
        let Some(bundle) = bundle_to_delete else {
            self.keep(&location.to_string(), "it was already removed".to_owned());
            return Ok(None);
        };
        // Another manifest beside it may list the same parts.
        if let Some(by) = self.sharers_of(&bundle).await? {
            self.keep(&location.to_string(), format!("{by} uses its parts"));
            return Ok(None);
        }
        Ok(Some(bundle))
    }

    /// What is to be deleted at a location; nothing when there is nothing any more.
    async fn bundle_to_delete(
        &self,
        location: &ManifestLocation,
    ) -> Result<Option<BundleToDelete>, WorkflowError> {
        let bundle = self.retire.cloud.bundle(location.clone())?;
        let Some(bundle_to_delete) = BundleToDelete::find(bundle, &self.retire.limits).await?
        else {
            return Ok(None);
        };
        // A manifest that is a part of this bundle would go with it.
        for image in self.staying() {
            if let Some(manifest) = manifest_of(image)
                && bundle_to_delete.has_part(&manifest)
            {
                return Err(WorkflowError::InUse {
                    what: manifest.to_string(),
                    by: image.image_id.clone(),
                });
            }
        }
        Ok(Some(bundle_to_delete))
    }

    fn find(&self, id: &str) -> Option<&Image> {
        self.all
            .iter()
            .find(|image| image.image_id.eq_ignore_ascii_case(id))
    }

    fn staying(&self) -> impl Iterator<Item = &Image> {
        self.all
            .iter()
            .filter(|image| is_alive(image) && !self.going.contains(&image.image_id))
    }

    /// The images that remain and have this kernel or ramdisk. `None`: no image has it.
    fn users_of(&self, id: &str) -> Option<String> {
        let users: Vec<_> = self
            .staying()
            .filter(|image| {
                [&image.kernel_id, &image.ramdisk_id]
                    .into_iter()
                    .flatten()
                    .any(|named| named.eq_ignore_ascii_case(id))
            })
            .map(|image| image.image_id.as_str())
            .collect();
        (!users.is_empty()).then(|| users.join(", "))
    }

    /// The images that remain and need an object of this bundle. `None`: no image needs one.
    async fn sharers_of(&self, bundle: &BundleToDelete) -> Result<Option<String>, WorkflowError> {
        let needing = ImagesInUse::of(self.staying().cloned().collect())
            .needing(
                self.retire.cloud.store()?,
                bundle.location(),
                bundle.parts(),
                &self.retire.limits,
            )
            .await?;
        Ok((!needing.is_empty()).then(|| needing.join(", ")))
    }

    /// An image that remains and is made of the bundle at this location.
    fn image_at(&self, location: &ManifestLocation) -> Option<String> {
        self.staying()
            .find(|image| manifest_of(image).as_ref() == Some(location))
            .map(|image| image.image_id.clone())
    }

    fn keep(&mut self, what: &str, why: String) {
        self.plan.kept.push(Kept {
            what: what.to_owned(),
            why,
        });
    }
}
