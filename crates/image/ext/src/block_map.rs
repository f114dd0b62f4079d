//! Which blocks a file has, in either of the two forms.

use crate::disk::{Disk, Output};
use crate::error::ExtError;
use crate::extents::Extents;
use crate::indirect::Indirect;
use crate::options::FileSystem;

/// The map of a file that is written from its beginning to its end.
pub(crate) struct BlockMap {
    form: Form,
    data: u64,
}

enum Form {
    Extents(Extents),
    Indirect(Box<Indirect>),
}

/// A map as the inode has it.
pub(crate) struct Mapped {
    pub(crate) root: [u8; 60],
    /// Number of blocks, those of the map included.
    pub(crate) blocks: u64,
    /// Whether `root` is the root of an extent tree.
    pub(crate) extents: bool,
}

impl BlockMap {
    pub(crate) fn new<O: Output>(file_system: FileSystem, inode: u32, disk: &Disk<O>) -> Self {
        let form = match file_system {
            FileSystem::Ext3 => Form::Indirect(Box::default()),
            FileSystem::Ext4 | FileSystem::Ext4Checksums => {
                Form::Extents(Extents::new(disk.seed.of_inode(inode)))
            }
        };
        Self { form, data: 0 }
    }

    /// Takes the block for a block of the file, which is behind those that the map has.
    pub(crate) fn place<O: Output>(
        &mut self,
        logical: u64,
        disk: &mut Disk<O>,
    ) -> Result<u32, ExtError> {
        self.data += 1;
        match &mut self.form {
            // A file has fewer than 2^32 blocks: the plan checks its length.
            Form::Extents(extents) => extents.place(logical as u32, disk),
            Form::Indirect(indirect) => indirect.place(logical, disk),
        }
    }

    pub(crate) fn finish<O: Output>(self, disk: &mut Disk<O>) -> Result<Mapped, ExtError> {
        let (root, tables, extents) = match self.form {
            Form::Extents(tree) => {
                let (root, blocks) = tree.finish(disk)?;
                (root, blocks, true)
            }
            Form::Indirect(indirect) => {
                let (root, blocks) = indirect.finish(disk)?;
                (root, blocks, false)
            }
        };
        Ok(Mapped {
            root,
            blocks: self.data + tables,
            extents,
        })
    }
}
