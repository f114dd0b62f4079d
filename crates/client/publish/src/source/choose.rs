//! Which files of a target are its kernel, its ramdisk and its disk.

use std::path::{Path, PathBuf};

use gumnut_disk_image::{Collection, Content, Inspection, Item, inspect};
use gumnut_types::ImageClass;
use gumnut_workflows::WorkflowError;

use super::image::{Image, rank};
use crate::Plan;

/// The files that were chosen.
pub(super) struct Chosen(Vec<(ImageClass, Item)>);

impl Chosen {
    /// A target that is a disk.
    pub(super) fn disk(path: &Path, inspection: Inspection) -> Self {
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        Self(vec![(ImageClass::Machine, Item::new(name, inspection))])
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(_, item)| item.path.as_path())
    }

    /// The images, whose bytes are where `path` says; `None`: where their names do.
    pub(super) fn images(
        self,
        path: impl Fn(&Path) -> Option<PathBuf>,
    ) -> Result<Vec<Image>, WorkflowError> {
        self.0
            .into_iter()
            .map(|(class, item)| {
                let path = path(&item.path).unwrap_or_else(|| item.path.clone());
                Image::new(class, &item.path, path, item.inspection)
            })
            .collect()
    }
}

/// Chooses the disk and, unless the plan names them, the kernel and the ramdisk.
pub(super) fn choose(plan: &Plan, collection: &Collection) -> Result<Chosen, WorkflowError> {
    let wanted = &plan.images;
    let disk = one(plan, "disk", &collection.disks.iter().collect::<Vec<_>>())?
        .ok_or_else(|| ambiguous(plan, "disk", &[]))?;
    let whole = matches!(disk.inspection.content, Content::Disk(_));
    let mut chosen = Vec::new();
    // Kernels for this hypervisor, or else those that do not say for which they are.
    let mut pairs: Vec<_> = collection
        .pairs
        .iter()
        .filter(|pair| pair.hypervisor == Some(wanted.hypervisor))
        .collect();
    if pairs.is_empty() {
        pairs = collection
            .pairs
            .iter()
            .filter(|pair| pair.hypervisor.is_none())
            .collect();
    }
    if wanted.kernel.is_none() && wanted.kernel_file.is_none() && !whole {
        let kernels: Vec<&Item> = pairs.iter().flat_map(|pair| &pair.kernels).collect();
        chosen.extend(one(plan, "kernel", &kernels)?.map(|item| (ImageClass::Kernel, item)));
        if wanted.ramdisk.is_none() && wanted.ramdisk_file.is_none() {
            let ramdisks: Vec<&Item> = pairs.iter().flat_map(|pair| &pair.ramdisks).collect();
            chosen.extend(one(plan, "ramdisk", &ramdisks)?.map(|item| (ImageClass::Ramdisk, item)));
        }
    }
    chosen.push((ImageClass::Machine, disk));
    Ok(Chosen(chosen))
}

/// The only item; `None` when there is none.
fn one(plan: &Plan, what: &'static str, items: &[&Item]) -> Result<Option<Item>, WorkflowError> {
    match items {
        [item] => Ok(Some((*item).clone())),
        [] => Ok(None),
        _ => Err(ambiguous(plan, what, items)),
    }
}

fn ambiguous(plan: &Plan, what: &'static str, items: &[&Item]) -> WorkflowError {
    WorkflowError::Ambiguous {
        target: plan.target(),
        what,
        found: items.iter().map(|item| item.path.clone()).collect(),
    }
}

/// Adds the kernel and the ramdisk that the plan names as files.
pub(super) fn add_files(plan: &Plan, images: &mut Vec<Image>) -> Result<(), WorkflowError> {
    for (class, path) in plan.files() {
        let inspection = inspect(&path)?;
        images.push(Image::new(class, &path, path.clone(), inspection)?);
    }
    images.sort_by_key(|image| rank(image.class));
    Ok(())
}
