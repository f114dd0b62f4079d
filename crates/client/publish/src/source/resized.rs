//! The copy of a disk in another size.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gumnut_disk_image::{Existing, Item, NewSize, ResizeOptions, Target, inspect, resize};
use gumnut_workflows::{Observer, Step, WorkflowError};

use super::image::Image;
use super::progress::CopyProgress;
use crate::Plan;
use crate::journal::{Prepared, RunFolder};

/// A copy that an earlier attempt has made, and that nobody has touched since.
pub(super) struct KeptDisk {
    prepared: Prepared,
    path: PathBuf,
}

impl KeptDisk {
    pub(super) fn is(&self, name: &Path) -> bool {
        Path::new(&self.prepared.name) == name
    }

    /// Where the copy is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The copy in the place of the disk that it was made of.
    pub(super) fn item(&self) -> Result<Item, WorkflowError> {
        Ok(Item::new(
            PathBuf::from(&self.prepared.name),
            inspect(&self.path)?,
        ))
    }
}

/// The copy that the journal knows, if it is there as it was.
pub(super) fn kept(folder: &RunFolder, prepared: Option<&Prepared>) -> Option<KeptDisk> {
    let (prepared, path) = (prepared?, folder.disk());
    let now = stamp(&path, prepared.name.clone()).ok()?;
    (now == *prepared).then(|| KeptDisk {
        prepared: prepared.clone(),
        path,
    })
}

/// Gives the disk the size of the plan, in a copy. `None` when the disk is used as it is.
pub(super) fn prepare(
    plan: &Plan,
    folder: &RunFolder,
    kept: Option<KeptDisk>,
    machine: &mut Image,
    observer: &dyn Observer,
) -> Result<Option<Prepared>, WorkflowError> {
    let Some(size) = plan.images.size else {
        return Ok(None);
    };
    let target = folder.disk();
    if let Some(kept) = kept {
        machine.path = kept.path;
        return Ok(Some(kept.prepared));
    }
    observer.step(&Step::Resizing { bytes: size });
    let options = ResizeOptions::default().existing(Existing::Replace);
    resize(
        &machine.path,
        NewSize::Bytes(size),
        Target::File(&target),
        options,
        &CopyProgress(observer),
    )?;
    machine.path.clone_from(&target);
    machine.inspection = inspect(&target)?;
    let prepared =
        stamp(&target, machine.name.to_string()).map_err(|source| WorkflowError::Scratch {
            path: target.clone(),
            source,
        })?;
    folder.clear_scratch()?;
    Ok(Some(prepared))
}

fn stamp(path: &Path, name: String) -> std::io::Result<Prepared> {
    let metadata = fs_err::metadata(path)?;
    Ok(Prepared {
        name,
        length: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}
