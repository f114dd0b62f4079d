//! What a bundle holds.

use std::fmt;

use crate::{ImageClass, ImageId};

/// What a bundle holds: its [`ImageClass`], and for a machine image the ids with which it starts.
///
/// The magic `kernel_id` or `ramdisk_id` of `true` that marks kernels and ramdisks in a manifest
/// exists only inside `gumnut-manifest`; everywhere else the kind is this type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// A root disk, with the ids of the kernel and ramdisk that start it where the cloud needs them.
    Machine {
        /// The kernel's id; `None` when the disk brings its own, or the cloud has a default.
        kernel: Option<ImageId>,
        /// The ramdisk's id; `None` when there is none, or the cloud has a default.
        ramdisk: Option<ImageId>,
    },
    /// A kernel.
    Kernel,
    /// A ramdisk.
    Ramdisk,
}

impl ImageKind {
    /// The class, without the ids.
    pub const fn class(&self) -> ImageClass {
        match self {
            Self::Machine { .. } => ImageClass::Machine,
            Self::Kernel => ImageClass::Kernel,
            Self::Ramdisk => ImageClass::Ramdisk,
        }
    }

    /// `machine`, `kernel` or `ramdisk`, the names of the manifest and of EC2.
    pub const fn as_str(&self) -> &'static str {
        self.class().as_str()
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.class().fmt(f)
    }
}
