//! A target that is a tree of files, of which the images are made first.

use std::path::Path;

use gumnut_types::{ImageClass, ImageName};
use gumnut_workflows::{Observer, WorkflowError};
use serde::{Deserialize, Serialize};

use crate::text;

/// What is known of the images of a tree before they are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// What trees that give equal images have in common, and others do not.
    pub digest: String,
    /// The images: a disk, and the kernel and the ramdisk that are in the tree.
    pub images: Vec<TreeImage>,
}

/// An image of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeImage {
    /// What it is for.
    #[serde(with = "text")]
    pub class: ImageClass,
    /// Its file name.
    #[serde(with = "text")]
    pub name: ImageName,
    /// Bytes of it that are data and not holes, about.
    pub bytes: u64,
}

/// Makes the images of a tree under their names in a directory, which is empty. The observer follows the bytes that are read.
pub type MakeImages = Box<dyn FnOnce(&Path, &dyn Observer) -> Result<(), WorkflowError> + Send>;

impl Tree {
    /// The image of this class.
    pub(crate) fn image(&self, class: ImageClass) -> Option<&TreeImage> {
        self.images.iter().find(|image| image.class == class)
    }

    /// Bytes of all images.
    pub(crate) fn bytes(&self) -> u64 {
        self.images.iter().map(|image| image.bytes).sum()
    }
}
