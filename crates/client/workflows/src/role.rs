//! The three images that make an instance.

use std::fmt;

use gumnut_types::{ImageId, ImageKind};
use serde::{Deserialize, Serialize};

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The kernel (EKI).
    Kernel,
    /// The ramdisk (ERI).
    Ramdisk,
    /// The machine image (EMI).
    Machine,
}

impl Role {
    /// All, in the order in which they are published: an image names the ids of those before it.
    pub const ALL: [Self; 3] = [Self::Kernel, Self::Ramdisk, Self::Machine];

    pub(crate) fn kind(self, kernel: Option<ImageId>, ramdisk: Option<ImageId>) -> ImageKind {
        match self {
            Self::Kernel => ImageKind::Kernel,
            Self::Ramdisk => ImageKind::Ramdisk,
            Self::Machine => ImageKind::Machine { kernel, ramdisk },
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
            Self::Machine => "machine",
        })
    }
}
