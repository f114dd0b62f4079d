//! The blocks of directories: one after another if there is only one, otherwise an index of hashes and leaves.

use std::ops::Range;

use crate::checksum::Seed;
use crate::geometry::BLOCK_SIZE;
use crate::hash::NameHash;
use crate::inode::{put16, put32};

const BLOCK: usize = BLOCK_SIZE as usize;
/// Inode, length of the entry, length of the name, type.
const HEADER: usize = 8;
/// An entry without a name and with a checksum, at the end of a block.
const TAIL: usize = 12;
const TAIL_TYPE: u8 = 0xde;
/// Where the index begins in the first block: behind `.`, `..` and its header.
const ROOT: usize = 32;
/// Where the index begins in the other blocks.
const NODE: usize = 8;
const HALF_MD4: u8 = 1;

/// An entry of a directory.
#[derive(Clone, Copy)]
pub(crate) struct DirectoryEntry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) inode: u32,
    pub(crate) file_type: u8,
}

/// Which entry is in which block.
pub(crate) struct Packing {
    order: Vec<u32>,
    /// The entries of a leaf, as positions in `order`, and the smallest hash that is searched there.
    leaves: Vec<(Range<usize>, u32)>,
    form: Form,
}

enum Form {
    /// One block, which begins with `.` and `..`, and empty blocks.
    Linear { blocks: usize },
    /// A block with `.`, `..` and the index, blocks of the second level of the index, leaves.
    Indexed { nodes: usize },
}

fn size(name: &[u8]) -> usize {
    (HEADER + name.len()).next_multiple_of(4)
}

impl Packing {
    /// Packs names into as few blocks as possible, at least `minimum`. `None` if there are too many for an index.
    pub(crate) fn new(names: &[&[u8]], hash: NameHash, minimum: usize, seed: Seed) -> Option<Self> {
        let room = if seed.is_some() { BLOCK - TAIL } else { BLOCK };
        let dots = 2 * size(b"..");
        if dots + names.iter().map(|name| size(name)).sum::<usize>() <= room {
            let order: Vec<_> = (0..names.len() as u32).collect();
            return Some(Self {
                leaves: vec![(0..order.len(), 0)],
                order,
                form: Form::Linear {
                    blocks: minimum.max(1),
                },
            });
        }
        let mut hashed: Vec<_> = names
            .iter()
            .zip(0..)
            .map(|(name, index)| (hash.of(name), index))
            .collect();
        hashed.sort_unstable();
        let mut leaves = Vec::new();
        let (mut start, mut used) = (0, 0);
        for (at, (_, index)) in hashed.iter().enumerate() {
            let needed = size(names[*index as usize]);
            if used + needed > room {
                leaves.push((start..at, searched(&hashed, start)));
                (start, used) = (at, 0);
            }
            used += needed;
        }
        leaves.push((start..hashed.len(), searched(&hashed, start)));
        let nodes = match leaves.len() {
            count if count <= limit(ROOT, seed) => 0,
            count => count.div_ceil(limit(NODE, seed)),
        };
        let order = hashed.into_iter().map(|(_, index)| index).collect();
        let form = Form::Indexed { nodes };
        (nodes <= limit(ROOT, seed)).then_some(Self {
            order,
            leaves,
            form,
        })
    }

    pub(crate) fn is_indexed(&self) -> bool {
        matches!(self.form, Form::Indexed { .. })
    }

    pub(crate) fn blocks(&self) -> usize {
        match self.form {
            Form::Linear { blocks } => blocks,
            Form::Indexed { nodes } => 1 + nodes + self.leaves.len(),
        }
    }

    /// A block of the directory. `entries` are those whose names were packed; `dots` are the directory itself and its parent.
    pub(crate) fn block(
        &self,
        number: usize,
        entries: &[DirectoryEntry<'_>],
        dots: [u32; 2],
        seed: Seed,
    ) -> Vec<u8> {
        match self.form {
            Form::Linear { .. } if number > 0 => leaf(&[], seed),
            Form::Linear { .. } => {
                let mut all = dot_entries(dots).to_vec();
                all.extend_from_slice(entries);
                leaf(&all, seed)
            }
            Form::Indexed { nodes: 0 } if number == 0 => {
                root(dots, 0, &self.index(0..self.leaves.len(), 1), seed)
            }
            Form::Indexed { nodes } if number == 0 => {
                let per_node = limit(NODE, seed);
                let first = |node: usize| (self.leaves[node * per_node].1, 1 + node as u32);
                let index: Vec<_> = (0..nodes).map(first).collect();
                root(dots, 1, &index, seed)
            }
            Form::Indexed { nodes } if number <= nodes => {
                let per_node = limit(NODE, seed);
                let start = (number - 1) * per_node;
                let end = (start + per_node).min(self.leaves.len());
                node(&self.index(start..end, 1 + nodes), seed)
            }
            Form::Indexed { nodes } => {
                let (range, _) = &self.leaves[number - nodes - 1];
                let members: Vec<_> = self.order[range.clone()]
                    .iter()
                    .map(|index| entries[*index as usize])
                    .collect();
                leaf(&members, seed)
            }
        }
    }

    /// The smallest hash and the block of each leaf; `before` is the number of blocks before the leaves.
    fn index(&self, leaves: Range<usize>, before: usize) -> Vec<(u32, u32)> {
        let numbered = leaves.map(|leaf| (self.leaves[leaf].1, (before + leaf) as u32));
        numbered.collect()
    }
}

/// The smallest hash of a leaf. Its lowest bit says that names with this hash are in the leaf before, too.
fn searched(hashed: &[((u32, u32), u32)], start: usize) -> u32 {
    let hash = hashed[start].0.0;
    match start.checked_sub(1) {
        None => 0,
        Some(before) => hash | u32::from(hashed[before].0.0 == hash),
    }
}

/// How many entries an index can have that begins at `start` in its block.
fn limit(start: usize, seed: Seed) -> usize {
    let tail = if seed.is_some() { 8 } else { 0 };
    (BLOCK - start - tail) / 8
}

fn dot_entries([this, parent]: [u32; 2]) -> [DirectoryEntry<'static>; 2] {
    let entry = |name, inode| DirectoryEntry {
        name,
        inode,
        file_type: 2,
    };
    [entry(b".", this), entry(b"..", parent)]
}

fn put_entry(block: &mut [u8], at: usize, length: usize, entry: DirectoryEntry<'_>) {
    put32(block, at, entry.inode);
    put16(block, at + 4, length as u16);
    block[at + 6] = entry.name.len() as u8;
    block[at + 7] = entry.file_type;
    block[at + HEADER..at + HEADER + entry.name.len()].copy_from_slice(entry.name);
}

/// A block of entries; the last one reaches to the end.
fn leaf(entries: &[DirectoryEntry<'_>], seed: Seed) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    let room = if seed.is_some() { BLOCK - TAIL } else { BLOCK };
    let mut at = 0;
    for (index, entry) in entries.iter().enumerate() {
        let last = index + 1 == entries.len();
        let length = if last { room - at } else { size(entry.name) };
        put_entry(&mut block, at, length, *entry);
        at += length;
    }
    if entries.is_empty() {
        put16(&mut block, 4, room as u16);
    }
    if let Some(sum) = seed.sum(&[&block[..room]]) {
        put16(&mut block, room + 4, TAIL as u16);
        block[room + 7] = TAIL_TYPE;
        put32(&mut block, room + 8, sum);
    }
    block
}

/// The first block of an indexed directory. Programs that know no index see `.`, and a `..` that reaches to the end.
fn root(dots: [u32; 2], levels: u8, index: &[(u32, u32)], seed: Seed) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    let [this, parent] = dot_entries(dots);
    put_entry(&mut block, 0, 12, this);
    put_entry(&mut block, 12, BLOCK - 12, parent);
    block[28] = HALF_MD4;
    // Length of this header.
    block[29] = 8;
    block[30] = levels;
    put_index(&mut block, ROOT, index, seed);
    block
}

/// A block of the second level of an index, which looks like one free entry.
fn node(index: &[(u32, u32)], seed: Seed) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    put16(&mut block, 4, BLOCK as u16);
    put_index(&mut block, NODE, index, seed);
    block
}

fn put_index(block: &mut [u8], start: usize, index: &[(u32, u32)], seed: Seed) {
    for (at, (hash, leaf)) in (start..).step_by(8).zip(index) {
        put32(block, at, *hash);
        put32(block, at + 4, *leaf);
    }
    // In place of the first hash, below which nothing is.
    let limit = limit(start, seed);
    put16(block, start, limit as u16);
    put16(block, start + 2, index.len() as u16);
    let (end, tail) = (start + index.len() * 8, start + limit * 8);
    if let Some(sum) = seed.sum(&[&block[..end], &[0; 8]]) {
        put32(block, tail + 4, sum);
    }
}
