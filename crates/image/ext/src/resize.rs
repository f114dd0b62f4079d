//! The inode whose blocks are reserved for more group descriptors, so that the file system can grow while it is mounted.

use crate::attributes::Time;
use crate::disk::{Disk, Output};
use crate::error::ExtError;
use crate::geometry::{BLOCK_SIZE, BLOCKS_PER_GROUP, Geometry, POINTERS};
use crate::inode::{Inode, put32};

const DOUBLE: usize = 13;
/// As many bytes as a file has whose double indirect block is full.
const SIZE: u64 = (POINTERS * POINTERS + POINTERS + 12) * BLOCK_SIZE;

/// Writes the blocks of pointers. The double indirect block leads to the reserved blocks of group 0, and each of these to
/// its copies in the other groups.
pub(crate) fn write<O: Output>(disk: &mut Disk<O>, time: Time) -> Result<Inode, ExtError> {
    let geometry = disk.geometry().clone();
    let copies: Vec<_> = (1..geometry.groups)
        .filter(|group| Geometry::has_superblock(*group))
        .map(|group| group * BLOCKS_PER_GROUP)
        .collect();
    let mut double = vec![0; BLOCK_SIZE as usize];
    let first = geometry.descriptor_blocks;
    for index in first..first + geometry.reserved_blocks {
        let block = 1 + index;
        put32(&mut double, (index % POINTERS) as usize * 4, block as u32);
        let mut pointers = vec![0; BLOCK_SIZE as usize];
        for (at, start) in (0..).step_by(4).zip(&copies) {
            put32(&mut pointers, at, (start + block) as u32);
        }
        disk.write_block(block as u32, &pointers)?;
    }
    let block = disk.take()?;
    disk.write_block(block, &double)?;
    let mut inode = Inode::internal(0o100_600, time);
    put32(&mut inode.map, DOUBLE * 4, block);
    inode.size = SIZE;
    inode.blocks = 1 + geometry.reserved_blocks * (1 + copies.len() as u64);
    Ok(inode)
}
