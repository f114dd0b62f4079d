//! A target with its images.

use std::path::{Path, PathBuf};

use gumnut_disk_image::{Collection, DiskImageError, Item, Loaded, RawImage, inspect, load};
use gumnut_types::{Architecture, ImageClass};
use gumnut_workflows::{Observer, Step, WorkflowError};

use super::choose::{Chosen, add_files, choose};
use super::image::Image;
use super::look::{Target, look};
use super::progress::DiskProgress;
use super::resized::{self, KeptDisk};
use crate::Plan;
use crate::journal::{Prepared, RunFolder};

/// The images that are to be published.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) images: Vec<Image>,
    /// What keeps the images there.
    _loaded: Option<Loaded>,
    _raw: Option<RawImage>,
}

impl Source {
    /// Images that are files already.
    pub(super) fn of(images: Vec<Image>) -> Self {
        Self {
            images,
            _loaded: None,
            _raw: None,
        }
    }

    pub(crate) fn image(&self, class: ImageClass) -> Option<&Image> {
        self.images.iter().find(|image| image.class == class)
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// The architecture that the plan or the images say; `None` when neither does.
    pub(super) fn architecture(&self, plan: &Plan) -> Option<Architecture> {
        plan.images
            .architecture
            .or_else(|| self.shown(ImageClass::Machine))
            .or_else(|| self.shown(ImageClass::Kernel))
    }

    fn shown(&self, class: ImageClass) -> Option<Architecture> {
        self.image(class)?.inspection.architecture()
    }
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
    let mut source = read(plan, look(plan)?, &scratch, kept.as_ref(), observer)?;
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

/// The images of the target itself. What has to be unpacked is unpacked into `scratch`.
pub(super) fn read(
    plan: &Plan,
    target: Target,
    scratch: &Path,
    kept: Option<&KeptDisk>,
    observer: &dyn Observer,
) -> Result<Source, WorkflowError> {
    match target {
        Target::Folder(collection) => folder(plan, collection, scratch, observer),
        Target::Tarball(bytes) => {
            observer.step(&Step::Unpacking {
                path: &plan.target(),
                bytes,
            });
            tarball(plan, scratch, kept, observer)
        }
        Target::Disk(outside) => {
            if RawImage::is_needed_for(&outside) {
                observer.step(&Step::Unpacking {
                    path: &plan.target(),
                    bytes: outside.length,
                });
            }
            let raw = RawImage::open(&plan.target(), scratch, &DiskProgress(observer))
                .map_err(|error| stopped(error, observer))?;
            let chosen = Chosen::disk(&plan.target(), inspect(raw.path())?);
            let path: PathBuf = raw.path().to_owned();
            Ok(Source {
                images: chosen.images(|_| Some(path.clone()))?,
                _loaded: None,
                _raw: Some(raw),
            })
        }
    }
}

fn folder(
    plan: &Plan,
    mut collection: Collection,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Source, WorkflowError> {
    let mut raw = None;
    // Of several disks none is chosen, and none has to be made raw for that.
    if let [disk] = &mut collection.disks[..]
        && RawImage::is_needed_for(&disk.inspection)
    {
        let path = plan.target().join(&disk.path);
        let made = RawImage::open(&path, scratch, &DiskProgress(observer))
            .map_err(|error| stopped(error, observer))?;
        *disk = Item::new(disk.path.clone(), inspect(made.path())?).packed(made.layers());
        raw = Some((disk.path.clone(), made));
    }
    let images = choose(plan, &collection)?.images(|name| match &raw {
        Some((path, raw)) if path == name => Some(raw.path().to_owned()),
        _ => Some(plan.target().join(name)),
    })?;
    Ok(Source {
        images,
        _loaded: None,
        _raw: raw.map(|(_, raw)| raw),
    })
}

fn tarball(
    plan: &Plan,
    scratch: &Path,
    kept: Option<&KeptDisk>,
    observer: &dyn Observer,
) -> Result<Source, WorkflowError> {
    let disks = kept.is_none().then_some(scratch);
    let progress = DiskProgress(observer);
    let loaded = load(&plan.target(), disks, plan.images.hypervisor, &progress)
        .map_err(|error| stopped(error, observer))?;
    let mut collection = loaded.collection.clone();
    if let Some(kept) = kept {
        // The copy stands for the disk that it was made of.
        collection.disks = vec![kept.item()?];
    }
    let images = choose(plan, &collection)?.images(|name| match kept {
        Some(kept) if kept.is(name) => Some(kept.path().to_owned()),
        _ => loaded.path(name),
    })?;
    Ok(Source {
        images,
        _loaded: Some(loaded),
        _raw: None,
    })
}

/// What the user has stopped is no fault of the image.
fn stopped(error: DiskImageError, observer: &dyn Observer) -> WorkflowError {
    if observer.cancelled() {
        WorkflowError::Cancelled
    } else {
        error.into()
    }
}
