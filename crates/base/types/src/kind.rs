//! What an image is.

use std::fmt;

use crate::ImageId;

/// What a bundle holds.
///
/// The magic `kernel_id` or `ramdisk_id` of `true` that marks kernels and ramdisks in a manifest
/// exists only inside `gumnut-manifest`; everywhere else the kind is this type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// A root disk, with the ids of the kernel and ramdisk that start it where the cloud needs them.
    Machine {
        /// The kernel's id.
        kernel: Option<ImageId>,
        /// The ramdisk's id.
        ramdisk: Option<ImageId>,
    },
    /// A kernel.
    Kernel,
    /// A ramdisk.
    Ramdisk,
}

impl ImageKind {
    /// `machine`, `kernel` or `ramdisk`, the names of the manifest and of EC2.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Machine { .. } => "machine",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
        }
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
