//! What a run would bundle: the target is opened as the run opens it, in the directory for temporary files.

use gumnut_disk_image::NewSize;
use gumnut_types::{ImageClass, ImageName};
use gumnut_workflows::{Observer, WorkflowError};

use super::choose::add_files;
use super::image::{Image, rank};
use super::judge::{Sized, judge};
use super::look::{Target, look};
use super::open::read;
use crate::{Plan, Tree};

/// Disk images shrink to about a third.
const RATIO: u64 = 3;

/// The images with the lengths that their bundles may have, in bytes. Refuses what the run would refuse before it changes the
/// cloud.
pub(crate) fn preview(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<(ImageClass, ImageName, u64)>, WorkflowError> {
    if let Some(tree) = &plan.tree {
        return of_tree(plan, tree);
    }
    let target = look(plan)?;
    let temporary = std::env::temp_dir();
    // Only the files of a tarball keep their names, which others must not have there.
    let own = match target {
        Target::Tarball(_) => {
            Some(
                tempfile::tempdir().map_err(|source| WorkflowError::Scratch {
                    path: temporary.clone(),
                    source,
                })?,
            )
        }
        Target::Folder(_) | Target::Disk(_) => None,
    };
    let scratch = own.as_ref().map_or(temporary.as_path(), |own| own.path());
    let mut source = read(plan, target, scratch, None, observer)?;
    add_files(plan, &mut source.images)?;
    let mut sized = Sized::Done;
    if let (Some(size), Some(machine)) = (plan.images.size, source.image(ImageClass::Machine)) {
        gumnut_disk_image::plan(&machine.path, NewSize::Bytes(size))?;
        sized = Sized::Later;
    }
    judge(plan, &source, sized, observer)?;
    if observer.cancelled() {
        return Err(WorkflowError::Cancelled);
    }
    Ok(source
        .images()
        .iter()
        .map(|image| (image.class, image.name.clone(), about(image)))
        .collect())
}

/// The images of a tree are not made for that. Those that the plan names as files take the place of its own.
fn of_tree(plan: &Plan, tree: &Tree) -> Result<Vec<(ImageClass, ImageName, u64)>, WorkflowError> {
    let mut files = Vec::new();
    add_files(plan, &mut files)?;
    let own = tree.images.iter().map(|image| {
        let bytes = match image.class {
            ImageClass::Machine => image.bytes / RATIO,
            _ => image.bytes,
        };
        (image.class, image.name.clone(), bytes.max(1))
    });
    let named = files
        .iter()
        .map(|image| (image.class, image.name.clone(), about(image)));
    let mut images: Vec<_> = own.chain(named).collect();
    images.sort_by_key(|(class, ..)| rank(*class));
    Ok(images)
}

/// About so many bytes has the bundle of an image.
fn about(image: &Image) -> u64 {
    let bytes = match image.class {
        ImageClass::Machine => image.inspection.allocated / RATIO,
        _ => image.inspection.length,
    };
    bytes.max(1)
}
