//! A target with its images.

use std::path::{Path, PathBuf};

use gumnut_bundle::{Fingerprint, ImageSource};
use gumnut_disk_image::{Collection, Content, Loaded, RawImage, inspect, load};
use gumnut_types::{Architecture, ImageClass};
use gumnut_workflows::{Observer, Step, WorkflowError};

use super::choose::{Chosen, add_files, choose};
use super::image::Image;
use super::progress::DiskProgress;
use super::resized::{self, KeptDisk};
use crate::Plan;
use crate::journal::{Prepared, RunFolder};

/// The images that are to be published.
#[derive(Debug)]
pub(crate) struct Source {
    images: Vec<Image>,
    /// What keeps the images there.
    _loaded: Option<Loaded>,
    _raw: Option<RawImage>,
}

impl Source {
    pub(crate) fn image(&self, class: ImageClass) -> Option<&Image> {
        self.images.iter().find(|image| image.class == class)
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// The architecture that the plan or the images say.
    pub(crate) fn architecture(&self, plan: &Plan) -> Result<Architecture, WorkflowError> {
        plan.images
            .architecture
            .or_else(|| self.shown(ImageClass::Machine))
            .or_else(|| self.shown(ImageClass::Kernel))
            .ok_or(WorkflowError::UnknownArchitecture)
    }

    fn shown(&self, class: ImageClass) -> Option<Architecture> {
        self.image(class)?.inspection.architecture()
    }
}

/// What tells whether two targets are the same, without what they are called.
pub(crate) fn fingerprints(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<Fingerprint>, WorkflowError> {
    let mut files = if plan.target.is_dir() {
        choose(plan, &Collection::of_folder(&plan.target)?)?
            .paths()
            .map(|path| plan.target.join(path))
            .collect()
    } else {
        vec![plan.target.clone()]
    };
    files.extend(plan.images.kernel_file.clone());
    files.extend(plan.images.ramdisk_file.clone());
    files
        .iter()
        .map(|path| {
            let mut image = ImageSource::open(path)?;
            observer.step(&Step::Reading {
                path,
                bytes: image.size(),
            });
            Ok(image.fingerprint(observer)?)
        })
        .collect()
}

/// Opens a target. A disk that has to be copied is copied into `folder`, unless the copy of an earlier attempt is there; what
/// the journal has to know of the copy is given, too.
pub(crate) fn open(
    plan: &Plan,
    folder: &RunFolder,
    prepared: Option<&Prepared>,
    observer: &dyn Observer,
) -> Result<(Source, Option<Prepared>), WorkflowError> {
    folder.clear_scratch()?;
    let scratch = folder.scratch();
    fs_err::create_dir_all(&scratch).map_err(|source| WorkflowError::Scratch {
        path: scratch.clone(),
        source,
    })?;
    let kept = resized::kept(folder, prepared);
    let mut source = read(plan, folder, &scratch, kept.as_ref(), observer)?;
    add_files(plan, &mut source.images)?;
    let machine = source
        .images
        .iter_mut()
        .find(|image| image.class == ImageClass::Machine);
    let copy = match machine {
        Some(machine) => resized::prepare(plan, folder, kept, machine, observer)?,
        None => None,
    };
    if observer.cancelled() {
        return Err(WorkflowError::Cancelled);
    }
    Ok((source, copy))
}

/// The images of the target itself.
fn read(
    plan: &Plan,
    folder: &RunFolder,
    scratch: &Path,
    kept: Option<&KeptDisk>,
    observer: &dyn Observer,
) -> Result<Source, WorkflowError> {
    if plan.target.is_dir() {
        let chosen = choose(plan, &Collection::of_folder(&plan.target)?)?;
        return Ok(Source {
            images: chosen.images(|path| Some(plan.target.join(path)))?,
            _loaded: None,
            _raw: None,
        });
    }
    match inspect(&plan.target) {
        Ok(inspection) if matches!(inspection.content, Content::Tarball(_)) => {
            observer.step(&Step::Unpacking {
                path: &plan.target,
                bytes: inspection.length,
            });
            let disks = kept.is_none().then_some(scratch);
            let progress = DiskProgress(observer);
            let loaded = load(&plan.target, disks, plan.images.hypervisor, &progress)?;
            let mut collection = loaded.collection.clone();
            if let Some(kept) = kept {
                // The copy stands for the disk that it was made of.
                collection.disks = vec![kept.item()?];
            }
            let images = choose(plan, &collection)?.images(|name| match kept {
                Some(kept) if kept.is(name) => Some(folder.disk()),
                _ => loaded.path(name),
            })?;
            Ok(Source {
                images,
                _loaded: Some(loaded),
                _raw: None,
            })
        }
        _ => {
            let raw = RawImage::open(&plan.target, scratch)?;
            let chosen = Chosen::disk(&plan.target, inspect(raw.path())?);
            let path: PathBuf = raw.path().to_owned();
            Ok(Source {
                images: chosen.images(|_| Some(path.clone()))?,
                _loaded: None,
                _raw: Some(raw),
            })
        }
    }
}
