//! What a target is: the one decision that fingerprints, the run and the dry run share.

use gumnut_bundle::{Fingerprint, ImageSource};
use gumnut_disk_image::{Collection, Content, Inspection, insist, inspect};
use gumnut_types::ImageClass;
use gumnut_workflows::{Observer, Step, WorkflowError};

use super::choose::choose;
use crate::Plan;

/// A target that was looked at.
pub(super) enum Target {
    /// A directory with these images.
    Folder(Collection),
    /// A tarball of so many bytes.
    Tarball(u64),
    /// A disk, perhaps compressed or virtual.
    Disk(Inspection),
}

/// Looks at the target of a plan. What is certainly no disk is refused, unless the plan ignores checks.
pub(super) fn look(plan: &Plan) -> Result<Target, WorkflowError> {
    if plan.target().is_dir() {
        return Ok(Target::Folder(Collection::of_folder(&plan.target())?));
    }
    let inspection = inspect(&plan.target())?;
    if matches!(inspection.content, Content::Tarball(_)) {
        return Ok(Target::Tarball(inspection.length));
    }
    if !plan.ignore_checks {
        insist(&plan.target(), &inspection, ImageClass::Machine)?;
    }
    Ok(Target::Disk(inspection))
}

/// What says whether two targets are the same, without what they are called.
pub(crate) fn fingerprints(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<Fingerprint>, WorkflowError> {
    let mut files = match look(plan)? {
        Target::Folder(collection) => choose(plan, &collection)?
            .paths()
            .map(|path| plan.target().join(path))
            .collect(),
        Target::Tarball(_) | Target::Disk(_) => vec![plan.target()],
    };
    files.extend(plan.files().map(|(_, path)| path));
    files
        .iter()
        .map(|path| {
            let mut image = ImageSource::open(path)?;
            observer.step(&Step::Reading {
                path,
                bytes: image.data_size(),
            });
            Ok(image.fingerprint(observer)?)
        })
        .collect()
}
