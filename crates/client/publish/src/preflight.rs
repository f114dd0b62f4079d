//! What is known to fail before anything is unpacked, bundled or sent.

use std::path::Path;
use std::sync::Arc;

use gumnut_disk_image::{
    Collection, Content, Inspection, NewSize, StepProgress, insist, inspect, load,
    plan as plan_resize,
};
use gumnut_ec2_client::{Ec2Client, RegisterImage};
use gumnut_types::{Architecture, ImageClass, ImageId, ImageName, Progress};
use gumnut_workflows::{Destination, Observer, OwnImages, WorkflowError};

use crate::blocking::blocking;
use crate::{Call, Plan, Publisher};

/// What the files of a plan show at once, as far as it matters to the cloud.
struct Shown {
    target: Shape,
    /// `None`: it does not show at once.
    architecture: Option<Architecture>,
}

/// What a target is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Several images, which are known when all of it has been read.
    Collection,
    /// A disk with partitions, which can start by itself.
    WholeDisk,
    /// A file system, which needs a kernel.
    FileSystem,
    /// A compressed file or a virtual disk: what is inside is known when it has been unpacked.
    Packed,
    /// Nothing that could start. The checks of the run refuse it, and say why.
    Other,
}

impl Shape {
    fn of(content: &Content) -> Self {
        match content {
            Content::Tarball(_) => Self::Collection,
            Content::Disk(_) => Self::WholeDisk,
            Content::FileSystem(_) => Self::FileSystem,
            Content::Volume(volume) if volume.can_be_root() => Self::FileSystem,
            Content::VirtualDisk(_) | Content::Compressed { .. } => Self::Packed,
            _ => Self::Other,
        }
    }
}

impl Publisher {
    /// Looks for everything that would make a run of this plan fail and that can be known before it unpacks, bundles or sends
    /// anything: that the files are there, the ids of kernel and ramdisk, the name, the bucket, and whether the caller may register
    /// such images. Changes nothing. [`Publisher::publish`] and [`Publisher::dry_run`] begin with it.
    ///
    /// # Errors
    /// What the run would fail with; and when the cloud does not answer.
    pub async fn preflight(
        &self,
        plan: &Plan,
        observer: &Arc<dyn Observer>,
    ) -> Result<(), WorkflowError> {
        let here = plan.clone();
        let shown = blocking(move || look(&here)).await?;
        let destination = self.setup().destination(plan)?;
        destination.check().await?;
        if !plan.registers() {
            return Ok(());
        }
        let cloud = &self.setup().cloud;
        for (id, class) in [
            (&plan.images.kernel, ImageClass::Kernel),
            (&plan.images.ramdisk, ImageClass::Ramdisk),
        ] {
            if let Some(id) = id {
                cloud.insist_on(id, class, shown.architecture).await?;
            }
        }
        let registering = Registering {
            plan,
            shown,
            destination,
            ec2: cloud.ec2()?,
            observer,
        };
        registering.check().await
    }

    /// The requests that publishing makes if nothing is there yet, as [`Plan::dry_run`] lists them, once
    /// [`Publisher::preflight`] has found nothing.
    ///
    /// # Errors
    /// What the run would fail with, as far as it can be known; and when the cloud does not answer.
    pub async fn dry_run(
        &self,
        plan: &Plan,
        observer: Arc<dyn Observer>,
    ) -> Result<Vec<Call>, WorkflowError> {
        self.preflight(plan, &observer).await?;
        plan.dry_run(observer).await
    }
}

fn look(plan: &Plan) -> Result<Shown, WorkflowError> {
    let images = &plan.images;
    for (class, path) in plan.files() {
        insist_on(&path, &inspect(&path)?, class, plan)?;
    }
    if let Some(tree) = &plan.tree {
        let has_kernel = images.kernel.is_some()
            || images.kernel_file.is_some()
            || tree.image(ImageClass::Kernel).is_some();
        if !has_kernel && plan.registers() && !plan.ignore_checks {
            return Err(WorkflowError::NoKernel);
        }
        return Ok(Shown {
            target: Shape::FileSystem,
            architecture: images.architecture,
        });
    }
    if plan.target().is_dir() {
        if Collection::of_folder(&plan.target())?.disks.is_empty() {
            return Err(WorkflowError::Ambiguous {
                target: plan.target(),
                what: "disk",
                found: Vec::new(),
            });
        }
        return Ok(Shown {
            target: Shape::Collection,
            architecture: images.architecture,
        });
    }
    let target = inspect(&plan.target())?;
    if !matches!(target.content, Content::Tarball(_)) {
        insist_on(&plan.target(), &target, ImageClass::Machine, plan)?;
    }
    if let (true, Some(size)) = (is_raw(&target), images.size) {
        plan_resize(&plan.target(), NewSize::Bytes(size))?;
    }
    Ok(Shown {
        target: Shape::of(&target.content),
        architecture: images.architecture.or_else(|| target.architecture()),
    })
}

/// Refuses a file that is certainly no image of this class, unless the plan ignores checks, and one whose name cannot name a bundle.
fn insist_on(
    path: &Path,
    inspection: &Inspection,
    class: ImageClass,
    plan: &Plan,
) -> Result<(), WorkflowError> {
    if !plan.ignore_checks {
        insist(path, inspection, class)?;
    }
    match ImageName::of_file(path) {
        Ok(_) => Ok(()),
        Err(source) => Err(WorkflowError::ImageName {
            path: path.to_owned(),
            source,
        }),
    }
}

fn is_raw(image: &Inspection) -> bool {
    matches!(image.content, Content::FileSystem(_) | Content::Disk(_))
}

/// Whether a target that holds several images has a kernel or ramdisk that would be published.
fn holds(plan: &Plan, class: ImageClass, observer: &dyn Observer) -> Result<bool, WorkflowError> {
    let hypervisor = plan.images.hypervisor;
    let collection = if plan.target().is_dir() {
        Collection::of_folder(&plan.target())?
    } else {
        let progress = Cancelled(observer);
        load(&plan.target(), None, hypervisor, &progress)?
            .collection
            .clone()
    };
    Ok(collection
        .pairs
        .iter()
        .filter(|pair| pair.hypervisor.is_none_or(|pair| pair == hypervisor))
        .any(|pair| {
            let images = match class {
                ImageClass::Kernel => &pair.kernels,
                _ => &pair.ramdisks,
            };
            !images.is_empty()
        }))
}

/// An observer that is only asked whether to stop.
struct Cancelled<'a>(&'a dyn Observer);

impl Progress for Cancelled<'_> {
    fn advance(&self, _bytes: u64) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl StepProgress for Cancelled<'_> {}

/// The images of a plan, about to be registered.
struct Registering<'a> {
    plan: &'a Plan,
    shown: Shown,
    destination: Destination,
    ec2: &'a Ec2Client,
    observer: &'a Arc<dyn Observer>,
}

impl Registering<'_> {
    async fn check(&self) -> Result<(), WorkflowError> {
        let own = OwnImages::list(self.ec2).await?;
        if self.is_registered(&own)? {
            // What an earlier run was granted is only asked for again.
            return Ok(());
        }
        let name = self.plan.registration.name.as_deref();
        if let Some((name, id)) = name.and_then(|name| Some((name, own.named(name)?))) {
            return Err(WorkflowError::NameTaken {
                name: name.to_owned(),
                id: id.to_owned(),
            });
        }
        for class in [ImageClass::Kernel, ImageClass::Ramdisk] {
            // Who has one may register another.
            if self.may_have(class) && !own.has(class) {
                self.try_kernel_or_ramdisk(class).await?;
            }
        }
        let is_refused_here = !self.plan.ignore_checks || self.shown.architecture.is_none();
        if self.shown.target == Shape::Other && is_refused_here {
            return Ok(());
        }
        self.try_machine().await
    }

    /// Whether an earlier run may have registered the machine image already.
    fn is_registered(&self, own: &OwnImages) -> Result<bool, WorkflowError> {
        if self.shown.target == Shape::Collection {
            return Ok(own.any_below(&format!("{}/", self.destination.target)));
        }
        let machine = ImageClass::Machine;
        let of_tree = self.plan.tree.as_ref().and_then(|tree| tree.image(machine));
        let of_file = self.plan.target.file_name().and_then(|name| name.to_str());
        let name = of_tree.map_or_else(|| of_file.unwrap_or_default(), |image| image.name.as_str());
        let manifest = format!("{name}.manifest.xml");
        let location = self.destination.target.location(&manifest)?;
        Ok(own.registered_from(&location).is_some())
    }

    /// Whether an image of this class may be among those that are published.
    fn may_have(&self, class: ImageClass) -> bool {
        let images = &self.plan.images;
        if self.is_in_tree(class) {
            return true;
        }
        match class {
            ImageClass::Kernel => {
                images.kernel_file.is_some()
                    || self.shown.target == Shape::Collection && images.kernel.is_none()
            }
            _ => {
                images.ramdisk_file.is_some()
                    || self.shown.target == Shape::Collection
                        && images.kernel.is_none()
                        && images.kernel_file.is_none()
                        && images.ramdisk.is_none()
            }
        }
    }

    /// Whether an image of this class is made of a tree.
    fn is_in_tree(&self, class: ImageClass) -> bool {
        let tree = self.plan.tree.as_ref();
        tree.is_some_and(|tree| tree.image(class).is_some())
    }

    async fn try_kernel_or_ramdisk(&self, class: ImageClass) -> Result<(), WorkflowError> {
        let images = &self.plan.images;
        let is_file = match class {
            ImageClass::Kernel => images.kernel_file.is_some(),
            _ => images.ramdisk_file.is_some(),
        };
        let is_named = is_file || self.is_in_tree(class);
        let request = RegisterImage::default();
        let tried = self.destination.try_register(self.ec2, class, request);
        match tried.await {
            Err(error @ WorkflowError::NotRegistered { .. }) if !is_named => {
                // Only now is it worth the time to see what the target holds.
                let (plan, observer) = (self.plan.clone(), Arc::clone(self.observer));
                let held = blocking(move || holds(&plan, class, &*observer)).await?;
                if held { Err(error) } else { Ok(()) }
            }
            tried => tried,
        }
    }

    async fn try_machine(&self) -> Result<(), WorkflowError> {
        let (images, registration) = (&self.plan.images, &self.plan.registration);
        let kernel = images
            .kernel
            .clone()
            .or_else(|| self.to_come(ImageClass::Kernel, images.kernel_file.is_some()));
        let ramdisk = images
            .ramdisk
            .clone()
            .or_else(|| self.to_come(ImageClass::Ramdisk, images.ramdisk_file.is_some()));
        // Of a collection, or of what has to be unpacked, it is not known whether the disk starts by itself, so the cloud is not
        // asked about that.
        let may_be_whole = match self.shown.target {
            Shape::Collection | Shape::Packed | Shape::WholeDisk => true,
            Shape::FileSystem | Shape::Other => false,
        };
        let hvm = kernel.is_none() && may_be_whole;
        let request = RegisterImage {
            name: registration.name.clone(),
            description: registration.description.clone(),
            architecture: self.shown.architecture,
            kernel,
            ramdisk,
            virtualization_type: hvm.then(|| "hvm".to_owned()),
            ..RegisterImage::default()
        };
        let class = ImageClass::Machine;
        self.destination
            .try_register(self.ec2, class, request)
            .await
    }

    /// The id that stands for one which the run is going to get, of a file or of a tree.
    fn to_come(&self, class: ImageClass, is_file: bool) -> Option<ImageId> {
        let is_published = is_file || self.is_in_tree(class);
        let id = is_published.then(|| format!("{}-00000000", class.prefix()))?;
        id.parse().ok()
    }
}
