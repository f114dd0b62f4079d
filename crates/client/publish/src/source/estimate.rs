//! What a run would bundle, before it is unpacked.

use gumnut_disk_image::{Collection, Content, Item, inspect, load};
use gumnut_types::{ImageClass, ImageName};
use gumnut_workflows::{Observer, WorkflowError};

use super::choose::{choose, named_files};
use super::image::{image_name, rank};
use super::progress::DiskProgress;
use crate::Plan;

/// Disk images shrink to about a third; of a compressed tarball it is known better.
const RATIO: u64 = 3;

/// The images with the lengths that their bundles may have, in bytes.
pub(crate) fn estimate(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<(ImageClass, ImageName, u64)>, WorkflowError> {
    let mut images = Vec::new();
    if plan.target.is_dir() {
        let collection = Collection::of_folder(&plan.target)?;
        for (class, item) in choose(plan, &collection)?.into_items() {
            images.push((
                class,
                image_name(&item.path, &item.path)?,
                about(class, &item),
            ));
        }
    } else {
        let inspection = inspect(&plan.target)?;
        if matches!(inspection.content, Content::Tarball(_)) {
            images = in_tarball(plan, observer)?;
        } else {
            let class = ImageClass::Machine;
            let item = Item::new(plan.target.clone(), inspection);
            let name = image_name(&plan.target, &plan.target)?;
            images.push((class, name, about(class, &item)));
        }
    }
    for (class, path) in named_files(plan) {
        images.push((class, image_name(path, path)?, inspect(path)?.length.max(1)));
    }
    images.sort_by_key(|(class, ..)| rank(*class));
    Ok(images)
}

fn in_tarball(
    plan: &Plan,
    observer: &dyn Observer,
) -> Result<Vec<(ImageClass, ImageName, u64)>, WorkflowError> {
    let hypervisor = plan.images.hypervisor;
    let loaded = load(&plan.target, None, hypervisor, &DiskProgress(observer))?;
    let whole = fs_err::metadata(&plan.target).map_err(|source| WorkflowError::Scratch {
        path: plan.target.clone(),
        source,
    })?;
    let mut collection = loaded.collection.clone();
    // Kernels and ramdisks hardly shrink; the rest of the tarball is the disk.
    let small: u64 = collection
        .pairs
        .iter()
        .flat_map(|pair| pair.kernels.iter().chain(&pair.ramdisks))
        .map(|item| item.inspection.length)
        .fold(0, u64::saturating_add);
    // A file that is too large for a kernel is a disk, whatever is in it.
    for (path, length) in &loaded.left_out {
        collection.disks.push(Item::unseen(path.clone(), *length));
    }
    choose(plan, &collection)?
        .into_items()
        .into_iter()
        .map(|(class, item)| {
            let bytes = match class {
                ImageClass::Machine => whole.len().saturating_sub(small),
                _ => item.inspection.length,
            };
            Ok((class, image_name(&item.path, &item.path)?, bytes.max(1)))
        })
        .collect()
}

fn about(class: ImageClass, item: &Item) -> u64 {
    let bytes = match class {
        ImageClass::Machine => item.inspection.allocated / RATIO,
        _ => item.inspection.length,
    };
    bytes.max(1)
}
