//! Extents as ext4 has them: runs of blocks, four in the inode, more of them in a tree.

use crate::checksum::Seed;
use crate::disk::{Disk, Output};
use crate::error::ExtError;
use crate::geometry::BLOCK_SIZE;

const IN_INODE: usize = 4;
const IN_BLOCK: usize = 340;
/// Longest run; above, the length would mean blocks that are not initialised.
const MAX_RUN: u16 = 32_768;
const MAGIC: u16 = 0xf30a;
const ENTRY: usize = 12;
pub(crate) const MAX_LENGTH: u64 = (16 << 40) - BLOCK_SIZE;

struct Extent {
    logical: u32,
    physical: u32,
    length: u16,
}

impl Extent {
    fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..4].copy_from_slice(&self.logical.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.physical.to_le_bytes());
        bytes
    }
}

/// A block of the tree, and the first block of the file that is found in it.
struct Index {
    logical: u32,
    block: u32,
}

impl Index {
    fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..4].copy_from_slice(&self.logical.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.block.to_le_bytes());
        bytes
    }
}

/// The largest number of blocks that a tree of so many extents has.
pub(crate) fn blocks(extents: u64) -> u64 {
    if extents <= IN_INODE as u64 {
        return 0;
    }
    let leaves = extents.div_ceil(IN_BLOCK as u64);
    leaves + blocks(leaves)
}

/// An extent tree that grows at its end. A leaf is written when it is full, so that memory does not grow with the holes.
pub(crate) struct Extents {
    leaf: Vec<Extent>,
    leaves: Vec<Index>,
    written: u64,
    seed: Seed,
}

impl Extents {
    /// `seed` is the one of the inode.
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            leaf: Vec::new(),
            leaves: Vec::new(),
            written: 0,
            seed,
        }
    }

    /// Takes the block for a block of the file, which is behind those that the tree has.
    pub(crate) fn place<O: Output>(
        &mut self,
        logical: u32,
        disk: &mut Disk<O>,
    ) -> Result<u32, ExtError> {
        if let Some(last) = self.leaf.last_mut() {
            let length = u32::from(last.length);
            let follows = last.logical + length == logical
                && disk.allocator().next() == Some(last.physical + length);
            if follows && last.length < MAX_RUN {
                last.length += 1;
                return disk.take();
            }
        }
        // The leaf takes a block, too; in front of a new run it splits none.
        if self.leaf.len() == IN_BLOCK {
            self.write_leaf(disk)?;
        }
        let physical = disk.take()?;
        self.leaf.push(Extent {
            logical,
            physical,
            length: 1,
        });
        Ok(physical)
    }

    fn write_leaf<O: Output>(&mut self, disk: &mut Disk<O>) -> Result<(), ExtError> {
        let Some(first) = self.leaf.first() else {
            return Ok(());
        };
        let logical = first.logical;
        let entries: Vec<_> = self.leaf.drain(..).map(|extent| extent.encode()).collect();
        let block = self.write(&entries, 0, disk)?;
        self.leaves.push(Index { logical, block });
        Ok(())
    }

    fn write<O: Output>(
        &mut self,
        entries: &[[u8; ENTRY]],
        depth: u16,
        disk: &mut Disk<O>,
    ) -> Result<u32, ExtError> {
        let mut bytes = node(entries, depth, IN_BLOCK, BLOCK_SIZE as usize);
        let tail = ENTRY * (1 + IN_BLOCK);
        if let Some(sum) = self.seed.sum(&[&bytes[..tail]]) {
            bytes[tail..].copy_from_slice(&sum.to_le_bytes());
        }
        let block = disk.take()?;
        disk.write_block(block, &bytes)?;
        self.written += 1;
        Ok(block)
    }

    /// What the inode has of the tree, and the number of blocks that the rest of the tree has.
    pub(crate) fn finish<O: Output>(
        mut self,
        disk: &mut Disk<O>,
    ) -> Result<([u8; 60], u64), ExtError> {
        let mut depth = 0;
        let mut entries: Vec<_>;
        if self.leaves.is_empty() && self.leaf.len() <= IN_INODE {
            entries = self.leaf.iter().map(Extent::encode).collect();
        } else {
            self.write_leaf(disk)?;
            depth = 1;
            let mut level = std::mem::take(&mut self.leaves);
            while level.len() > IN_INODE {
                let mut above = Vec::new();
                for part in level.chunks(IN_BLOCK) {
                    entries = part.iter().map(Index::encode).collect();
                    let block = self.write(&entries, depth, disk)?;
                    above.push(Index {
                        logical: part[0].logical,
                        block,
                    });
                }
                level = above;
                depth += 1;
            }
            entries = level.iter().map(Index::encode).collect();
        }
        let mut root = [0; 60];
        root.copy_from_slice(&node(&entries, depth, IN_INODE, 60));
        Ok((root, self.written))
    }
}

/// A node of the tree in `size` bytes.
fn node(entries: &[[u8; ENTRY]], depth: u16, capacity: usize, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size);
    for field in [MAGIC, entries.len() as u16, capacity as u16, depth, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(entries.as_flattened());
    bytes.resize(size, 0);
    bytes
}
