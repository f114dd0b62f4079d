//! What an image will be like, before it is written.

use gumnut_ext::FileSystem;
use gumnut_tree::{Kernel, Notes};

/// What an image will be like.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Size of the image in bytes.
    pub size: u64,
    /// Bytes that files, directories and the journal need at most.
    pub used: u64,
    /// Sum of the lengths of all files in bytes, holes included.
    pub bytes: u64,
    /// Bytes of the source that are read to write the image.
    pub to_read: u64,
    /// Number of files and directories.
    pub files: u64,
    /// Version and features of the file system.
    pub file_system: FileSystem,
    /// UUID of the file system in its usual form.
    pub uuid: String,
    /// Label of the file system; empty if it has none.
    pub label: String,
    /// Number of files with a time that the file system cannot have and that is replaced by the nearest one.
    pub clamped_times: usize,
    /// The kernels in the tree, the best one first.
    pub kernels: Vec<Kernel>,
    /// What was left out, removed and changed so far.
    pub notes: Notes,
}

impl Summary {
    /// Its file system in one word.
    pub fn file_system_name(&self) -> &'static str {
        match self.file_system {
            FileSystem::Ext3 => "ext3",
            FileSystem::Ext4 => "ext4",
            FileSystem::Ext4Checksums => "ext4 with checksums",
        }
    }
}
