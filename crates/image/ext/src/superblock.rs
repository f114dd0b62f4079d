//! The superblock and the descriptors of the groups.

use crate::checksum::{Seed, crc32c};
use crate::geometry::{BLOCKS_PER_GROUP, DESCRIPTOR_SIZE, Geometry};
use crate::inode::{EXTRA, put16, put32};
use crate::options::{FileSystem, InodeSize, Options};

pub(crate) const SUPERBLOCK_SIZE: usize = 1024;
/// Inodes below are for the file system itself.
pub(crate) const FIRST_INODE: u32 = 11;
pub(crate) const JOURNAL_INODE: u32 = 8;
const CHECKSUM: usize = 0x3fc;

const HAS_JOURNAL: u32 = 0x4;
const EXT_ATTR: u32 = 0x8;
const RESIZE_INODE: u32 = 0x10;
const DIR_INDEX: u32 = 0x20;
const FILETYPE: u32 = 0x2;
const EXTENTS: u32 = 0x40;
const SPARSE_SUPER: u32 = 0x1;
const LARGE_FILE: u32 = 0x2;
const HUGE_FILE: u32 = 0x8;
const DIR_NLINK: u32 = 0x20;
const EXTRA_ISIZE: u32 = 0x40;
const METADATA_CSUM: u32 = 0x400;

const SIGNED_HASH: u32 = 0x1;
const HALF_MD4: u8 = 1;
const CRC32C: u8 = 1;
/// Mount options `user_xattr` and `acl`, which old kernels do not have by default.
const XATTR_AND_ACL: u32 = 0xc;
const CONTINUE_ON_ERRORS: u16 = 1;
const CLEAN: u16 = 1;
const NO_MOUNT_LIMIT: u16 = u16::MAX;

/// What the superblock has to say.
pub(crate) struct Summary<'a> {
    pub(crate) geometry: &'a Geometry,
    pub(crate) options: &'a Options,
    pub(crate) free_blocks: u64,
    pub(crate) free_inodes: u64,
    /// What the inode of the journal says: map and size; `None` without journal.
    pub(crate) journal: Option<([u8; 60], u64)>,
}

impl Summary<'_> {
    /// The superblock, or the copy in `group`.
    pub(crate) fn encode(&self, group: u64) -> Vec<u8> {
        let (geometry, options) = (self.geometry, self.options);
        let mut bytes = vec![0; SUPERBLOCK_SIZE];
        let reserved = geometry.blocks * u64::from(options.reserved_percent.min(50)) / 100;
        put32(&mut bytes, 0x00, geometry.inodes() as u32);
        put32(&mut bytes, 0x04, geometry.blocks as u32);
        put32(&mut bytes, 0x08, reserved as u32);
        put32(&mut bytes, 0x0c, self.free_blocks as u32);
        put32(&mut bytes, 0x10, self.free_inodes as u32);
        // 1024 << 2 is the block size, and the size of fragments.
        put32(&mut bytes, 0x18, 2);
        put32(&mut bytes, 0x1c, 2);
        put32(&mut bytes, 0x20, BLOCKS_PER_GROUP as u32);
        put32(&mut bytes, 0x24, BLOCKS_PER_GROUP as u32);
        put32(&mut bytes, 0x28, geometry.inodes_per_group as u32);
        put32(&mut bytes, 0x30, options.time);
        put16(&mut bytes, 0x36, NO_MOUNT_LIMIT);
        put16(&mut bytes, 0x38, 0xef53);
        put16(&mut bytes, 0x3a, CLEAN);
        put16(&mut bytes, 0x3c, CONTINUE_ON_ERRORS);
        put32(&mut bytes, 0x40, options.time);
        // Revision 1: features and inodes of any size.
        put32(&mut bytes, 0x4c, 1);
        put32(&mut bytes, 0x54, FIRST_INODE);
        put16(&mut bytes, 0x58, geometry.inode_size() as u16);
        put16(&mut bytes, 0x5a, group as u16);
        self.put_features(&mut bytes);
        bytes[0x68..0x78].copy_from_slice(&options.uuid);
        let label = options.label.as_str().as_bytes();
        bytes[0x78..0x78 + label.len()].copy_from_slice(label);
        put16(&mut bytes, 0xce, geometry.reserved_blocks as u16);
        self.put_journal(&mut bytes);
        bytes[0xec..0xfc].copy_from_slice(&options.hash_seed);
        bytes[0xfc] = HALF_MD4;
        put32(&mut bytes, 0x100, XATTR_AND_ACL);
        put32(&mut bytes, 0x108, options.time);
        if options.inode_size == InodeSize::Bytes256 {
            put16(&mut bytes, 0x15c, EXTRA);
            put16(&mut bytes, 0x15e, EXTRA);
        }
        put32(&mut bytes, 0x160, SIGNED_HASH);
        if options.file_system == FileSystem::Ext4Checksums {
            bytes[0x175] = CRC32C;
            let sum = crc32c(!0, &bytes[..CHECKSUM]);
            put32(&mut bytes, CHECKSUM, sum);
        }
        bytes
    }

    fn put_features(&self, bytes: &mut [u8]) {
        let journal = if self.journal.is_some() {
            HAS_JOURNAL
        } else {
            0
        };
        let extra_size = match self.options.inode_size {
            InodeSize::Bytes128 => 0,
            InodeSize::Bytes256 => EXTRA_ISIZE,
        };
        let ext3 = SPARSE_SUPER | LARGE_FILE;
        let ext4 = ext3 | HUGE_FILE | DIR_NLINK | extra_size;
        let (incompatible, read_only) = match self.options.file_system {
            FileSystem::Ext3 => (FILETYPE, ext3),
            FileSystem::Ext4 => (FILETYPE | EXTENTS, ext4),
            FileSystem::Ext4Checksums => (FILETYPE | EXTENTS, ext4 | METADATA_CSUM),
        };
        put32(bytes, 0x5c, journal | EXT_ATTR | RESIZE_INODE | DIR_INDEX);
        put32(bytes, 0x60, incompatible);
        put32(bytes, 0x64, read_only);
    }

    /// Where the journal is, with a copy of the map in its inode, so that e2fsck finds it when the inode is damaged.
    fn put_journal(&self, bytes: &mut [u8]) {
        let Some((map, size)) = self.journal else {
            return;
        };
        put32(bytes, 0xe0, JOURNAL_INODE);
        bytes[0xfd] = 1;
        bytes[0x10c..0x148].copy_from_slice(&map);
        put32(bytes, 0x148, (size >> 32) as u32);
        put32(bytes, 0x14c, size as u32);
    }
}

/// What the descriptor of a group says.
pub(crate) struct Descriptor {
    pub(crate) free_blocks: u64,
    pub(crate) free_inodes: u64,
    pub(crate) directories: u32,
    /// Inodes at the end of the table that were never in use.
    pub(crate) unused_inodes: u64,
    pub(crate) block_sum: Option<u32>,
    pub(crate) inode_sum: Option<u32>,
}

/// No inode of the group was ever in use.
const NO_INODES: u16 = 1;
/// The inode table has no garbage.
const TABLE_ZEROED: u16 = 4;

impl Descriptor {
    pub(crate) fn encode(&self, group: u64, geometry: &Geometry, seed: Seed) -> Vec<u8> {
        let mut bytes = vec![0; DESCRIPTOR_SIZE];
        put32(&mut bytes, 0x00, geometry.block_bitmap(group) as u32);
        put32(&mut bytes, 0x04, geometry.inode_bitmap(group) as u32);
        put32(&mut bytes, 0x08, geometry.inode_table(group) as u32);
        put16(&mut bytes, 0x0c, self.free_blocks as u16);
        put16(&mut bytes, 0x0e, self.free_inodes as u16);
        put16(&mut bytes, 0x10, self.directories as u16);
        if let (Some(blocks), Some(inodes)) = (self.block_sum, self.inode_sum) {
            let unused = self.unused_inodes == geometry.inodes_per_group;
            let flags = if unused {
                NO_INODES | TABLE_ZEROED
            } else {
                TABLE_ZEROED
            };
            put16(&mut bytes, 0x12, flags);
            put16(&mut bytes, 0x18, blocks as u16);
            put16(&mut bytes, 0x1a, inodes as u16);
            put16(&mut bytes, 0x1c, self.unused_inodes as u16);
        }
        let number = (group as u32).to_le_bytes();
        if let Some(sum) = seed.sum(&[&number, &bytes]) {
            put16(&mut bytes, 0x1e, sum as u16);
        }
        bytes
    }
}
