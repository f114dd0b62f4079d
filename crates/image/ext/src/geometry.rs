//! Where the parts of a file system are.

use std::ops::Range;

/// The block size in bytes; the only one.
pub(crate) const BLOCK_SIZE: u64 = 4096;
/// As many blocks as one block of a bitmap has bits.
pub(crate) const BLOCKS_PER_GROUP: u64 = 8 * BLOCK_SIZE;
pub(crate) const DESCRIPTOR_SIZE: usize = 32;
const DESCRIPTORS_PER_BLOCK: u64 = BLOCK_SIZE / DESCRIPTOR_SIZE as u64;
/// A last group with less room for data than this is not worth its metadata, as in mke2fs.
const SMALLEST_GROUP: u64 = 50;
/// Largest growth that the reserved descriptors allow, as in mke2fs.
const GROWTH: u64 = 1024;
/// Pointers in a block: the resize inode has one for each block of reserved descriptors.
pub(crate) const POINTERS: u64 = BLOCK_SIZE / 4;
pub(crate) const MAX_BLOCKS: u64 = u32::MAX as u64;

/// Sizes and positions of groups and their tables, in blocks.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) blocks: u64,
    pub(crate) groups: u64,
    pub(crate) inodes_per_group: u64,
    pub(crate) descriptor_blocks: u64,
    pub(crate) reserved_blocks: u64,
    inode_size: u64,
}

impl Geometry {
    /// The largest file system in `blocks` with at least `inodes` inodes; `None` if there is no such one.
    pub(crate) fn new(blocks: u64, inodes: u64, inode_size: usize) -> Option<Self> {
        let geometry = Self::of_groups(blocks, inodes, inode_size)?;
        let last = geometry.groups - 1;
        let room = geometry.range(last);
        if room.end >= geometry.data(last).start + SMALLEST_GROUP {
            return Some(geometry);
        }
        // Dropping the last group makes the others larger only by inodes.
        let shorter = Self::of_groups(last * BLOCKS_PER_GROUP, inodes, inode_size)?;
        Some(shorter)
    }

    fn of_groups(blocks: u64, inodes: u64, inode_size: usize) -> Option<Self> {
        let groups = blocks.div_ceil(BLOCKS_PER_GROUP);
        if groups == 0 {
            return None;
        }
        let inode_size = inode_size as u64;
        let per_block = BLOCK_SIZE / inode_size;
        let inodes_per_group = inodes.div_ceil(groups).next_multiple_of(per_block);
        if inodes_per_group > BLOCKS_PER_GROUP {
            return None;
        }
        let descriptor_blocks = groups.div_ceil(DESCRIPTORS_PER_BLOCK);
        let grown = blocks.saturating_mul(GROWTH).min(MAX_BLOCKS);
        let wanted = grown
            .div_ceil(BLOCKS_PER_GROUP)
            .div_ceil(DESCRIPTORS_PER_BLOCK);
        let reserved_blocks = (wanted - descriptor_blocks).min(POINTERS);
        Some(Self {
            blocks,
            groups,
            inodes_per_group,
            descriptor_blocks,
            reserved_blocks,
            inode_size,
        })
    }

    pub(crate) fn inodes(&self) -> u64 {
        self.groups * self.inodes_per_group
    }

    pub(crate) fn inode_size(&self) -> usize {
        self.inode_size as usize
    }

    /// The blocks of a group.
    pub(crate) fn range(&self, group: u64) -> Range<u64> {
        let start = group * BLOCKS_PER_GROUP;
        start..(start + BLOCKS_PER_GROUP).min(self.blocks)
    }

    /// Whether a group has a copy of the superblock and the descriptors; group 0 has the originals.
    pub(crate) fn has_superblock(group: u64) -> bool {
        group <= 1 || [3, 5, 7].into_iter().any(|base| is_power(group, base))
    }

    pub(crate) fn block_bitmap(&self, group: u64) -> u64 {
        let copies = 1 + self.descriptor_blocks + self.reserved_blocks;
        let before = if Self::has_superblock(group) {
            copies
        } else {
            0
        };
        self.range(group).start + before
    }

    pub(crate) fn inode_bitmap(&self, group: u64) -> u64 {
        self.block_bitmap(group) + 1
    }

    pub(crate) fn inode_table(&self, group: u64) -> u64 {
        self.inode_bitmap(group) + 1
    }

    /// The blocks of a group that can have data; empty if the group is too small for its tables.
    pub(crate) fn data(&self, group: u64) -> Range<u64> {
        let table = self.inodes_per_group * self.inode_size / BLOCK_SIZE;
        self.inode_table(group) + table..self.range(group).end
    }

    /// Number of blocks that can have data.
    pub(crate) fn capacity(&self) -> u64 {
        let rooms = (0..self.groups).map(|group| self.data(group));
        rooms.map(|room| room.end.saturating_sub(room.start)).sum()
    }

    /// Position of an inode in bytes.
    pub(crate) fn inode(&self, number: u32) -> u64 {
        let index = u64::from(number) - 1;
        let table = self.inode_table(index / self.inodes_per_group);
        table * BLOCK_SIZE + index % self.inodes_per_group * self.inode_size
    }
}

fn is_power(number: u64, base: u64) -> bool {
    let mut power = base;
    while power < number {
        power *= base;
    }
    power == number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_the_superblock_are_where_sparse_super_has_them() {
        let with: Vec<_> = (0..130)
            .filter(|group| Geometry::has_superblock(*group))
            .collect();
        assert_eq!(with, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    }

    #[test]
    fn a_last_group_without_room_is_left_out() {
        let geometry = Geometry::new(BLOCKS_PER_GROUP + 60, 100, 256).unwrap();
        assert_eq!((geometry.groups, geometry.blocks), (1, BLOCKS_PER_GROUP));
        let geometry = Geometry::new(BLOCKS_PER_GROUP + 600, 100, 256).unwrap();
        assert_eq!(
            (geometry.groups, geometry.blocks),
            (2, BLOCKS_PER_GROUP + 600)
        );
    }

    #[test]
    fn a_group_has_as_many_inodes_as_a_bitmap_has_bits() {
        assert!(Geometry::new(BLOCKS_PER_GROUP, 32_768, 256).is_some());
        assert!(Geometry::new(BLOCKS_PER_GROUP, 32_769, 256).is_none());
    }

    #[test]
    fn the_capacity_is_what_the_tables_leave() {
        let geometry = Geometry::new(3 * BLOCKS_PER_GROUP, 3 * 1600, 256).unwrap();
        let copies = 1 + geometry.descriptor_blocks + geometry.reserved_blocks;
        let tables = 3 * (2 + 100) + 2 * copies;
        assert_eq!(geometry.capacity(), 3 * BLOCKS_PER_GROUP - tables);
    }
}
