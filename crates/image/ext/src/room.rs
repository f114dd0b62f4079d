//! How large a file system must be for its files.

use crate::error::ExtError;
use crate::extents;
use crate::geometry::{BLOCK_SIZE, BLOCKS_PER_GROUP, Geometry, MAX_BLOCKS};
use crate::indirect;
use crate::journal;
use crate::options::{FileSystem, Options, Size};

/// A file system has one inode for so many bytes, unless something else is asked for.
const BYTES_PER_INODE: u64 = 16_384;
/// Images without a given size have a multiple of this: 1 MiB.
const STEP: u64 = 256;
/// No group has less room for data, so that a file has no more runs than this makes.
const SMALLEST_RUN: u64 = 16_384;

/// Blocks and inodes that the files need.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    pub(crate) blocks: u64,
    pub(crate) inodes: u64,
}

/// A file system in which everything has room.
pub(crate) struct Room {
    pub(crate) geometry: Geometry,
    pub(crate) journal_blocks: u64,
    /// Size of the image in bytes.
    pub(crate) size: u64,
    /// Blocks of data that are needed at most.
    pub(crate) used: u64,
}

/// The largest number of blocks that the map of a file can have.
pub(crate) fn map_blocks(
    file_system: FileSystem,
    data_blocks: u64,
    segments: u64,
    tables: u64,
) -> u64 {
    match file_system {
        FileSystem::Ext3 => tables,
        FileSystem::Ext4 | FileSystem::Ext4Checksums if data_blocks == 0 => 0,
        FileSystem::Ext4 | FileSystem::Ext4Checksums => {
            // A run ends where the next group's tables are; two more for what is at the ends of groups.
            extents::blocks(segments + data_blocks / SMALLEST_RUN + 2)
        }
    }
}

/// The blocks of a file without holes, its map included.
pub(crate) fn whole(file_system: FileSystem, blocks: u64) -> u64 {
    let tables = match blocks {
        0 => 0,
        _ => indirect::tables(0, blocks - 1, None),
    };
    blocks + map_blocks(file_system, blocks, 1, tables)
}

impl Room {
    pub(crate) fn find(needs: Needs, options: &Options) -> Result<Self, ExtError> {
        match options.size {
            Size::Bytes(size) => Self::of_size(needs, options, size),
            Size::Free { percent, at_least } => {
                Self::with_free(needs, options, percent, at_least.div_ceil(BLOCK_SIZE))
            }
        }
    }

    fn of_size(needs: Needs, options: &Options, size: u64) -> Result<Self, ExtError> {
        let blocks = size / BLOCK_SIZE;
        if blocks > MAX_BLOCKS {
            return Err(ExtError::TooLarge(size));
        }
        check_inodes(needs, options, blocks)?;
        if let Some(room) = Self::in_blocks(needs, options, blocks)
            && room.used <= room.geometry.capacity()
        {
            let size = blocks * BLOCK_SIZE;
            return Ok(Self { size, ..room });
        }
        let enough = Self::with_free(needs, options, 0, 0)?;
        Err(ExtError::TooSmall {
            size,
            needed: enough.size,
        })
    }

    fn with_free(
        needs: Needs,
        options: &Options,
        percent: u8,
        at_least: u64,
    ) -> Result<Self, ExtError> {
        let mut blocks = needs.blocks.next_multiple_of(STEP).max(STEP);
        while blocks <= MAX_BLOCKS {
            let Some(room) = Self::in_blocks(needs, options, blocks) else {
                // Too small for its own tables, or for the inodes.
                let more = (blocks / 8).clamp(STEP, BLOCKS_PER_GROUP);
                blocks = (blocks + more).next_multiple_of(STEP);
                continue;
            };
            let free = (room.used.saturating_mul(percent.into()) / 100).max(at_least);
            let missing = (room.used + free).saturating_sub(room.geometry.capacity());
            if missing == 0 {
                check_inodes(needs, options, blocks)?;
                return Ok(room);
            }
            blocks = (blocks + missing).next_multiple_of(STEP);
        }
        Err(ExtError::TooLarge(blocks.saturating_mul(BLOCK_SIZE)))
    }

    /// A file system of so many blocks, whether everything fits or not; `None` if the inodes do not.
    fn in_blocks(needs: Needs, options: &Options, blocks: u64) -> Option<Self> {
        let usual = blocks * BLOCK_SIZE / BYTES_PER_INODE;
        let inodes = options.inodes.unwrap_or(usual).max(needs.inodes);
        let geometry = Geometry::new(blocks, inodes, options.inode_size.bytes())?;
        let journal_blocks = journal::blocks(geometry.blocks);
        // One more for the inode that reserves descriptors.
        let used = needs.blocks + whole(options.file_system, journal_blocks) + 1;
        let size = geometry.blocks * BLOCK_SIZE;
        Some(Self {
            geometry,
            journal_blocks,
            size,
            used,
        })
    }
}

fn check_inodes(needs: Needs, options: &Options, blocks: u64) -> Result<(), ExtError> {
    let limit = blocks.div_ceil(BLOCKS_PER_GROUP) * BLOCKS_PER_GROUP;
    match options.inodes {
        Some(wanted) if wanted < needs.inodes || wanted > limit => Err(ExtError::Inodes {
            wanted,
            needed: needs.inodes,
            limit,
        }),
        _ => Ok(()),
    }
}
