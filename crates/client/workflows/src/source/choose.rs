//! Which files of a target are its kernel, its ramdisk and its disk.

use std::path::{Path, PathBuf};

use gumnut_disk_image::{Collection, Content, Inspection, Item, inspect};
use gumnut_types::ImageName;

use super::Image;
use crate::{Plan, Role, WorkflowError};

/// The files that were chosen.
pub(crate) struct Chosen(Vec<(Role, Item)>);

impl Chosen {
    /// A target that is a disk.
    pub(super) fn disk(path: &Path, inspection: Inspection) -> Self {
        let path = PathBuf::from(path.file_name().unwrap_or_default());
        Self(vec![(Role::Machine, Item::new(path, inspection))])
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(_, item)| item.path.as_path())
    }

    pub(crate) fn into_items(self) -> Vec<(Role, Item)> {
        self.0
    }

    /// The images, whose bytes are where `path` says.
    pub(super) fn images(
        self,
        path: impl Fn(&Path) -> Option<PathBuf>,
    ) -> Result<Vec<Image>, WorkflowError> {
        let image = |(role, item): (Role, Item)| {
            let path = path(&item.path).unwrap_or_else(|| item.path.clone());
            Image::new(role, &item.path, path, item.inspection)
        };
        self.0.into_iter().map(image).collect()
    }
}

impl Image {
    fn new(
        role: Role,
        name: &Path,
        path: PathBuf,
        inspection: Inspection,
    ) -> Result<Self, WorkflowError> {
        let text = name.file_name().and_then(|name| name.to_str());
        let name: Result<ImageName, _> = text.unwrap_or_default().parse();
        Ok(Self {
            role,
            name: name.map_err(|source| WorkflowError::ImageName {
                path: path.clone(),
                source,
            })?,
            path,
            inspection,
        })
    }
}

/// Chooses the disk and, unless the plan names them, the kernel and the ramdisk.
pub(crate) fn choose(plan: &Plan, collection: &Collection) -> Result<Chosen, WorkflowError> {
    let ambiguous = |what: &'static str, items: &[&Item]| WorkflowError::Ambiguous {
        target: plan.target.clone(),
        what,
        found: items.iter().map(|item| item.path.clone()).collect(),
    };
    let one = |what, items: &[&Item]| match items {
        [item] => Ok(Some((*item).clone())),
        [] => Ok(None),
        _ => Err(ambiguous(what, items)),
    };
    let disks: Vec<&Item> = collection.disks.iter().collect();
    let disk = one("disk", &disks)?.ok_or_else(|| ambiguous("disk", &[]))?;
    let whole = matches!(disk.inspection.content, Content::Disk(_));
    let mut chosen = Vec::new();
    let hypervisor = plan.hypervisor.into();
    let fits = |wanted| {
        let pairs = collection.pairs.iter();
        pairs.filter(move |pair| pair.hypervisor == wanted)
    };
    let mut pairs: Vec<_> = fits(Some(hypervisor)).collect();
    if pairs.is_empty() {
        pairs = fits(None).collect();
    }
    if plan.kernel.is_none() && plan.kernel_file.is_none() && !whole {
        let kernels: Vec<&Item> = pairs.iter().flat_map(|pair| &pair.kernels).collect();
        chosen.extend(one("kernel", &kernels)?.map(|item| (Role::Kernel, item)));
        if plan.ramdisk.is_none() && plan.ramdisk_file.is_none() {
            let ramdisks: Vec<&Item> = pairs.iter().flat_map(|pair| &pair.ramdisks).collect();
            chosen.extend(one("ramdisk", &ramdisks)?.map(|item| (Role::Ramdisk, item)));
        }
    }
    chosen.push((Role::Machine, disk));
    Ok(Chosen(chosen))
}

/// Adds the kernel and the ramdisk that the plan names as files.
pub(super) fn add_files(plan: &Plan, images: &mut Vec<Image>) -> Result<(), WorkflowError> {
    let files = [
        (Role::Kernel, &plan.kernel_file),
        (Role::Ramdisk, &plan.ramdisk_file),
    ];
    for (role, path) in files {
        if let Some(path) = path {
            images.push(Image::new(role, path, path.clone(), inspect(path)?)?);
        }
    }
    images.sort_by_key(|image| image.role);
    Ok(())
}
