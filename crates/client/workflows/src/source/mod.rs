//! The images of a target: found, looked at, and resized where that is wanted.

pub(crate) mod choose;
mod resized;

use std::path::{Path, PathBuf};

use gumnut_bundle::{Fingerprint, ImageSource};
use gumnut_disk_image::{Collection, Content, Inspection, Loaded, RawImage, inspect, load};
use gumnut_types::{Architecture, ImageName};

use self::choose::{Chosen, choose};
use crate::journal::{Prepared, RunFolder};
use crate::observer::DiskProgress;
use crate::{Observer, Plan, Role, Step, WorkflowError};

/// The images that are to be published.
#[derive(Debug)]
pub(crate) struct Source {
    images: Vec<Image>,
    /// What keeps the images there.
    _loaded: Option<Loaded>,
    _raw: Option<RawImage>,
}

/// One image.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) role: Role,
    /// The name of its bundle.
    pub(crate) name: ImageName,
    /// Where its bytes are.
    pub(crate) path: PathBuf,
    pub(crate) inspection: Inspection,
}

impl Image {
    /// Whether it is a disk with partitions, which can start by itself.
    pub(crate) fn is_whole_disk(&self) -> bool {
        matches!(self.inspection.content, Content::Disk(_))
    }
}

impl Source {
    pub(crate) fn image(&self, role: Role) -> Option<&Image> {
        self.images.iter().find(|image| image.role == role)
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// The architecture that the plan or the images say.
    pub(crate) fn architecture(&self, plan: &Plan) -> Result<Architecture, WorkflowError> {
        let shown = || {
            let known = |role| self.image(role)?.inspection.architecture();
            known(Role::Machine).or_else(|| known(Role::Kernel))
        };
        plan.architecture
            .or_else(shown)
            .ok_or(WorkflowError::UnknownArchitecture)
    }
}

/// What tells whether two targets are the same, without what they are called.
pub(crate) fn fingerprints(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<Fingerprint>, WorkflowError> {
    let mut files = vec![plan.target.clone()];
    if plan.target.is_dir() {
        let collection = Collection::of_folder(&plan.target)?;
        let chosen = choose(plan, &collection)?;
        files = chosen.paths().map(|path| plan.target.join(path)).collect();
    }
    files.extend(plan.kernel_file.clone());
    files.extend(plan.ramdisk_file.clone());
    let fingerprint = |path: &PathBuf| {
        let mut image = ImageSource::open(path)?;
        observer.step(&Step::Reading {
            path,
            bytes: image.size(),
        });
        Ok(image.fingerprint(observer)?)
    };
    files.iter().map(fingerprint).collect()
}

/// Opens a target. A disk that has to be copied is copied into `folder`, unless the copy of an earlier attempt is there.
pub(crate) fn open(
    plan: &Plan,
    folder: &RunFolder,
    prepared: Option<&Prepared>,
    observer: &dyn Observer,
) -> Result<(Source, Option<Prepared>), WorkflowError> {
    folder.clear_scratch()?;
    let scratch = folder.scratch();
    let failed = |source| WorkflowError::Scratch {
        path: folder.scratch(),
        source,
    };
    fs_err::create_dir_all(&scratch).map_err(failed)?;
    let mut kept = resized::kept(folder, prepared);
    let target = inspect(&plan.target);
    let (mut images, loaded, raw) = match target {
        _ if plan.target.is_dir() => {
            let collection = Collection::of_folder(&plan.target)?;
            let chosen = choose(plan, &collection)?;
            let images = chosen.images(|path| Some(plan.target.join(path)))?;
            (images, None, None)
        }
        Ok(inspection) if matches!(inspection.content, Content::Tarball(_)) => {
            observer.step(&Step::Unpacking {
                path: &plan.target,
                bytes: inspection.length,
            });
            let disks = kept.is_none().then_some(scratch.as_path());
            let hypervisor = plan.hypervisor.into();
            let loaded = load(&plan.target, disks, hypervisor, &DiskProgress(observer))?;
            let mut collection = loaded.collection.clone();
            if let Some(kept) = &kept {
                // The copy stands for the disk that it was made of.
                collection.disks = vec![kept.item()?];
            }
            let chosen = choose(plan, &collection)?;
            let path = |name: &Path| match &kept {
                Some(kept) if kept.is(name) => Some(folder.disk()),
                _ => loaded.path(name),
            };
            (chosen.images(path)?, Some(loaded), None)
        }
        _ => {
            let raw = RawImage::open(&plan.target, &scratch)?;
            let inspection = inspect(raw.path())?;
            let chosen = Chosen::disk(&plan.target, inspection);
            let path = raw.path().to_owned();
            (chosen.images(|_| Some(path.clone()))?, None, Some(raw))
        }
    };
    choose::add_files(plan, &mut images)?;
    let machine = images.iter_mut().find(|image| image.role == Role::Machine);
    let done = match machine {
        Some(machine) => resized::prepare(plan, folder, kept.take(), machine, observer)?,
        None => None,
    };
    if observer.cancelled() {
        return Err(WorkflowError::Cancelled);
    }
    let source = Source {
        images,
        _loaded: loaded,
        _raw: raw,
    };
    Ok((source, done))
}
