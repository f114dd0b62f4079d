//! One image of a target.

use std::path::{Path, PathBuf};

use gumnut_disk_image::{Content, Inspection};
use gumnut_types::{ImageClass, ImageName};
use gumnut_workflows::WorkflowError;

/// The order in which images are published: a machine image names the ids of its kernel and ramdisk.
pub(crate) const ORDER: [ImageClass; 3] =
    [ImageClass::Kernel, ImageClass::Ramdisk, ImageClass::Machine];

/// One image.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) class: ImageClass,
    /// The name of its bundle.
    pub(crate) name: ImageName,
    /// What the user knows it as: its file, or its path in the tarball or directory.
    pub(crate) known_as: PathBuf,
    /// Where its bytes are.
    pub(crate) path: PathBuf,
    pub(crate) inspection: Inspection,
}

impl Image {
    /// An image that is called like the file `name`, and whose bytes are at `path`.
    pub(super) fn new(
        class: ImageClass,
        name: &Path,
        path: PathBuf,
        inspection: Inspection,
    ) -> Result<Self, WorkflowError> {
        Ok(Self {
            class,
            name: image_name(name, &path)?,
            known_as: name.to_owned(),
            path,
            inspection,
        })
    }

    /// Whether it is a disk with partitions, which can start by itself.
    pub(crate) fn is_whole_disk(&self) -> bool {
        matches!(self.inspection.content, Content::Disk(_))
    }
}

/// Where a class comes in [`ORDER`].
pub(super) fn rank(class: ImageClass) -> usize {
    ORDER.iter().take_while(|first| **first != class).count()
}

/// The name of a bundle whose image is called like the file `name`; an error names the file at `path`.
pub(super) fn image_name(name: &Path, path: &Path) -> Result<ImageName, WorkflowError> {
    ImageName::of_file(name).map_err(|source| WorkflowError::ImageName {
        path: path.to_owned(),
        source,
    })
}
