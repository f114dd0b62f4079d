//! What a file system should be like.

use crate::error::ExtError;

/// Version and features of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileSystem {
    /// Block maps, and features that Linux 2.6.18 and GRUB 0.97 know.
    Ext3,
    /// Extents, directories with any number of subdirectories.
    #[default]
    Ext4,
    /// ext4 with checksums of all metadata; needs Linux 3.6 or later.
    Ext4Checksums,
}

/// Size of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum InodeSize {
    /// For boot loaders such as GRUB 0.97; times end in 2038 and have no nanoseconds.
    Bytes128,
    /// Times until 2446 with nanoseconds, and room for short extended attributes.
    #[default]
    Bytes256,
}

impl InodeSize {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Bytes128 => 128,
            Self::Bytes256 => 256,
        }
    }
}

/// How large an image should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// In bytes; rounded down to blocks of 4 KiB.
    Bytes(u64),
    /// As large as the files need, and free space: a percentage of what the files need, or a number of bytes if that is more.
    Free {
        /// Percentage of the space that the files need.
        percent: u8,
        /// Minimum in bytes.
        at_least: u64,
    },
}

/// The name of a file system: at most 16 bytes, without NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// Checks a label.
    ///
    /// # Errors
    /// When it is too long or contains a NUL.
    pub fn new(label: &str) -> Result<Self, ExtError> {
        if label.len() > 16 || label.contains('\0') {
            return Err(ExtError::Label(label.to_owned()));
        }
        Ok(Self(label.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Everything about a file system except its files. Equal options and trees give equal bytes: there is no clock and no random
/// number in this crate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version and features.
    pub file_system: FileSystem,
    /// Size of inodes.
    pub inode_size: InodeSize,
    /// Size of the image.
    pub size: Size,
    /// Name of the file system.
    pub label: Label,
    /// Identifies the file system, as in `UUID=` in fstab.
    pub uuid: [u8; 16],
    /// Seed of the hashes in indexed directories. Anyone who knows it can make names with equal hashes.
    pub hash_seed: [u8; 16],
    /// When the file system is made, in seconds since 1970: time of the superblock, the journal and `/lost+found`.
    pub time: u32,
    /// Number of inodes. `None`: one for 16 KiB of the image, or more if the files need more.
    pub inodes: Option<u64>,
    /// Percentage of the blocks that only root can use, at most 50.
    pub reserved_percent: u8,
}

impl Options {
    /// An ext4 with inodes of 256 bytes and 10 % or at least 128 MiB of free space.
    pub fn new(uuid: [u8; 16], time: u32) -> Self {
        Self {
            file_system: FileSystem::default(),
            inode_size: InodeSize::default(),
            size: Size::Free {
                percent: 10,
                at_least: 128 << 20,
            },
            label: Label::default(),
            uuid,
            hash_seed: uuid,
            time,
            inodes: None,
            reserved_percent: 5,
        }
    }
}
