//! What a target is: the one decision that fingerprints, the run and the dry run share.

use gumnut_bundle::ImageSource;
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
) -> Result<Vec<String>, WorkflowError> {
    let (mut prints, mut files) = (Vec::new(), Vec::new());
    if let Some(tree) = &plan.tree {
        prints.push(tree.digest.clone());
    } else {
        match look(plan)? {
            Target::Folder(collection) => {
                let chosen = choose(plan, &collection)?;
                files.extend(chosen.paths().map(|path| plan.target().join(path)));
            }
            Target::Tarball(_) | Target::Disk(_) => files.push(plan.target()),
        }
    }
    files.extend(plan.files().map(|(_, path)| path));
    for path in &files {
        let mut image = ImageSource::open(path)?;
        observer.step(&Step::Reading {
            path,
            bytes: image.data_size(),
        });
        prints.push(image.fingerprint(observer)?.to_string());
    }
    Ok(prints)
}
