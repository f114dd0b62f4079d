//! Writes a planned file system: contents as they come, then directories and tables, the superblock last.

use std::io::{self, Read};

use crate::Time;
use crate::block_map::{BlockMap, Mapped};
use crate::content::FileWriter;
use crate::directory::DirectoryEntry;
use crate::disk::{Disk, Output};
use crate::error::ExtError;
use crate::geometry::{BLOCK_SIZE, BLOCKS_PER_GROUP, Geometry};
use crate::inode::{EXTENTS, INDEXED, Inode, NO_BLOCKS};
use crate::journal;
use crate::plan::{MAX_LINKS, Plan, SHORT_TARGET};
use crate::resize;
use crate::superblock::{Descriptor, FIRST_INODE, JOURNAL_INODE, SUPERBLOCK_SIZE, Summary};
use crate::tree::{Kind, NodeId};
use crate::xattr::MAX_SHARED;

const RESIZE_INODE: u32 = 7;
const COPY_BUFFER: usize = 128 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Missing,
    Written,
    LeftOut,
}

/// The block in which a set of extended attributes is, and how many files have it.
#[derive(Clone, Copy, Default)]
struct Shared {
    block: u32,
    files: u32,
}

/// A file system that is being written.
pub struct Writer<O> {
    plan: Plan,
    pub(crate) disk: Disk<O>,
    states: Vec<State>,
    /// For each set of extended attributes, the block that is not yet full of users.
    shared: Vec<Shared>,
    journal: Option<Journal>,
}

#[derive(Clone, Copy)]
struct Journal {
    first: u32,
    map: [u8; 60],
    size: u64,
}

/// What was written.
#[derive(Debug)]
pub struct Written<O> {
    /// Where it was written to.
    pub output: O,
    /// Bytes of the file system that are free.
    pub free: u64,
    /// Number of files, directories included, those of the file system itself not included.
    pub files: u64,
}

impl<O: Output> Writer<O> {
    pub(crate) fn new(plan: Plan, output: O) -> Result<Self, ExtError> {
        let disk = Disk::new(output, plan.size(), plan.geometry.clone(), plan.seed())?;
        let mut writer = Self {
            states: vec![State::Missing; plan.nodes.len()],
            shared: vec![Shared::default(); plan.xattrs.len()],
            journal: None,
            plan,
            disk,
        };
        writer.journal = writer.begin_journal()?;
        Ok(writer)
    }

    /// Begins the content of a regular file. Files that have no content need not be written.
    ///
    /// # Errors
    /// When it is not a regular file, or already written or left out.
    pub fn file(&mut self, node: NodeId) -> Result<FileWriter<'_, O>, ExtError> {
        match self.plan.nodes[node.index()].kind {
            Kind::File(shape) if self.states[node.index()] == State::Missing => {
                let map = self.map(self.inode(node));
                Ok(FileWriter::new(self, node, shape.length, map))
            }
            _ => Err(ExtError::NotExpected(self.path(node))),
        }
    }

    /// Writes the content of a regular file: as many bytes as planned, or an error if there are fewer.
    ///
    /// # Errors
    /// When reading or writing fails, and as for [`Writer::file`].
    pub fn copy(&mut self, node: NodeId, mut content: impl Read) -> Result<(), ExtError> {
        let mut file = self.file(node)?;
        let mut buffer = vec![0; COPY_BUFFER];
        while file.missing() > 0 {
            let wanted = file.missing().min(COPY_BUFFER as u64) as usize;
            let count = match content.read(&mut buffer[..wanted]) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(ExtError::Read {
                        path: file.path(),
                        source,
                    });
                }
            };
            file.append(&buffer[..count])?;
        }
        file.finish()
    }

    /// Leaves out a regular file with all its names, because it is gone or cannot be read.
    ///
    /// # Errors
    /// When it is not a regular file, or already written.
    pub fn leave_out(&mut self, node: NodeId) -> Result<(), ExtError> {
        let state = self.states[node.index()];
        match self.plan.nodes[node.index()].kind {
            Kind::File(_) if state != State::Written => {
                self.states[node.index()] = State::LeftOut;
                Ok(())
            }
            _ => Err(ExtError::NotExpected(self.path(node))),
        }
    }

    /// Writes everything else. Only then the image is a file system.
    ///
    /// # Errors
    /// When the content of a file is missing, and when writing fails.
    pub fn finish(mut self) -> Result<Written<O>, ExtError> {
        let mut directories = vec![0_u32; self.plan.geometry.groups as usize];
        for node in self.plan.order.clone() {
            if let Kind::Directory = self.plan.nodes[node.index()].kind {
                directories[self.group(node)] += 1;
            }
            self.finish_node(node)?;
        }
        let time = self.time();
        let resize = resize::write(&mut self.disk, time)?;
        self.write_internal(RESIZE_INODE, &resize)?;
        self.write_shared()?;
        self.write_tables(&directories)
    }

    fn finish_node(&mut self, node: NodeId) -> Result<(), ExtError> {
        if self.states[node.index()] != State::Missing {
            return Ok(());
        }
        match self.plan.nodes[node.index()].kind {
            Kind::File(shape) if shape.length == 0 => self.file(node)?.finish(),
            Kind::File(_) => Err(ExtError::Missing(self.path(node))),
            Kind::Directory => self.write_directory(node),
            Kind::Symlink { start, length } => self.write_symlink(node, start, length),
            Kind::Fifo | Kind::Socket => self.write_node(node, 0, 0, 0, NO_BLOCKS),
            Kind::CharacterDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                self.write_node(node, 0, 0, 0, device(major, minor))
            }
        }
    }

    fn write_directory(&mut self, node: NodeId) -> Result<(), ExtError> {
        let children = self.plan.names.children(node);
        let entries: Vec<_> = children
            .filter(|(_, child)| self.states[child.index()] != State::LeftOut)
            .map(|(name, child)| DirectoryEntry {
                name,
                inode: self.plan.inodes[child.index()],
                file_type: file_type(self.plan.nodes[child.index()].kind),
            })
            .collect();
        let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
        let packing = self.plan.packing(node, &names)?;
        let inode = self.inode(node);
        let dots = [inode, self.inode(self.plan.parents[node.index()])];
        let seed = self.disk.seed.of_inode(inode);
        let mut map = BlockMap::new(self.plan.options.file_system, inode, &self.disk);
        for number in 0..packing.blocks() {
            let block = map.place(number as u64, &mut self.disk)?;
            let bytes = packing.block(number, &entries, dots, seed);
            self.disk.write_block(block, &bytes)?;
        }
        let mapped = map.finish(&mut self.disk)?;
        let size = packing.blocks() as u64 * BLOCK_SIZE;
        let indexed = if packing.is_indexed() { INDEXED } else { 0 };
        self.write_node(
            node,
            size,
            mapped.blocks,
            flags(&mapped) | indexed,
            mapped.root,
        )
    }

    fn write_symlink(&mut self, node: NodeId, start: usize, length: u16) -> Result<(), ExtError> {
        let target = self.plan.targets[start..start + usize::from(length)].to_vec();
        if length < SHORT_TARGET {
            let mut map = NO_BLOCKS;
            map[..target.len()].copy_from_slice(&target);
            return self.write_node(node, length.into(), 0, 0, map);
        }
        let mut map = self.map(self.inode(node));
        let block = map.place(0, &mut self.disk)?;
        let mut bytes = target;
        bytes.resize(BLOCK_SIZE as usize, 0);
        self.disk.write_block(block, &bytes)?;
        let mapped = map.finish(&mut self.disk)?;
        self.write_node(
            node,
            length.into(),
            mapped.blocks,
            flags(&mapped),
            mapped.root,
        )
    }

    pub(crate) fn file_written(
        &mut self,
        node: NodeId,
        length: u64,
        mapped: &Mapped,
    ) -> Result<(), ExtError> {
        self.write_node(node, length, mapped.blocks, flags(mapped), mapped.root)
    }

    /// Writes the inode of a node.
    fn write_node(
        &mut self,
        id: NodeId,
        size: u64,
        blocks: u64,
        flags: u32,
        map: [u8; 60],
    ) -> Result<(), ExtError> {
        let xattr_block = self.share(self.plan.nodes[id.index()].xattrs)?;
        let plan = &self.plan;
        let node = &plan.nodes[id.index()];
        let placement = plan.xattrs.place(node.xattrs, plan.options.inode_size);
        let inode = Inode {
            mode: mode(node.kind) | node.permissions,
            user: node.user,
            group: node.group,
            size,
            accessed: node.accessed,
            changed: node.changed,
            modified: node.modified,
            created: self.time(),
            // More subdirectories than can be counted are counted as 1.
            links: if node.links > MAX_LINKS {
                1
            } else {
                node.links as u16
            },
            blocks: blocks + u64::from(xattr_block != 0),
            flags,
            map,
            xattr_block,
            xattrs: placement.inode(),
        };
        self.states[id.index()] = State::Written;
        self.write_internal(self.inode(id), &inode)
    }

    fn write_internal(&mut self, number: u32, inode: &Inode) -> Result<(), ExtError> {
        let bytes = inode.encode(number, self.plan.options.inode_size, self.disk.seed);
        self.disk.write_inode(number, &bytes)
    }

    /// The block for a set of extended attributes, 0 if it needs none.
    fn share(&mut self, set: u32) -> Result<u32, ExtError> {
        let placement = self.plan.xattrs.place(set, self.plan.options.inode_size);
        if !placement.needs_block() {
            return Ok(0);
        }
        let mut shared = self.shared[set as usize];
        if shared.files == MAX_SHARED {
            let full = placement.block(shared.block, MAX_SHARED, self.disk.seed);
            self.disk.write_block(shared.block, &full)?;
            shared.files = 0;
        }
        if shared.files == 0 {
            shared.block = self.disk.take()?;
        }
        shared.files += 1;
        self.shared[set as usize] = shared;
        Ok(shared.block)
    }

    fn write_shared(&mut self) -> Result<(), ExtError> {
        for (Shared { block, files }, set) in self.shared.iter().zip(0..) {
            if *files > 0 {
                let placement = self.plan.xattrs.place(set, self.plan.options.inode_size);
                let bytes = placement.block(*block, *files, self.disk.seed);
                self.disk.write_block(*block, &bytes)?;
            }
        }
        Ok(())
    }

    /// Takes the blocks of the journal, which are zeros but for the first.
    fn begin_journal(&mut self) -> Result<Option<Journal>, ExtError> {
        let blocks = self.plan.journal_blocks;
        if blocks == 0 {
            return Ok(None);
        }
        let mut map = self.map(JOURNAL_INODE);
        let first = map.place(0, &mut self.disk)?;
        for logical in 1..blocks {
            map.place(logical, &mut self.disk)?;
        }
        let mapped = map.finish(&mut self.disk)?;
        let mut inode = Inode::internal(0o100_600, self.time());
        inode.size = blocks * BLOCK_SIZE;
        inode.blocks = mapped.blocks;
        inode.flags = flags(&mapped);
        inode.map = mapped.root;
        self.write_internal(JOURNAL_INODE, &inode)?;
        Ok(Some(Journal {
            first,
            map: mapped.root,
            size: inode.size,
        }))
    }

    fn write_tables(mut self, directories: &[u32]) -> Result<Written<O>, ExtError> {
        let geometry = self.plan.geometry.clone();
        let mut descriptors = Vec::new();
        let (mut free_blocks, mut free_inodes) = (0, 0);
        for (group, directories) in (0..geometry.groups).zip(directories) {
            let descriptor = self.write_group(group, *directories)?;
            free_blocks += descriptor.free_blocks;
            free_inodes += descriptor.free_inodes;
            descriptors.extend(descriptor.encode(group, &geometry, self.disk.seed));
        }
        descriptors.resize((geometry.descriptor_blocks * BLOCK_SIZE) as usize, 0);
        let journal = self.journal;
        let summary = Summary {
            geometry: &geometry,
            options: &self.plan.options,
            free_blocks,
            free_inodes,
            journal: journal.map(|journal| (journal.map, journal.size)),
        };
        if let Some(journal) = journal {
            let blocks = journal.size / BLOCK_SIZE;
            let bytes = journal::superblock(blocks, &self.plan.options.uuid);
            self.disk.write_block(journal.first, &bytes)?;
        }
        let copies = (1..geometry.groups).filter(|group| Geometry::has_superblock(*group));
        for group in copies {
            let offset = group * BLOCKS_PER_GROUP * BLOCK_SIZE;
            self.disk.write_last(offset + BLOCK_SIZE, &descriptors)?;
            self.disk.write_last(offset, &summary.encode(group))?;
        }
        self.disk.write_last(BLOCK_SIZE, &descriptors)?;
        // Without it, nothing takes the image for a file system: it is the last to be written.
        self.disk
            .write_last(SUPERBLOCK_SIZE as u64, &summary.encode(0))?;
        let left_out = self.states.iter().filter(|state| **state == State::LeftOut);
        Ok(Written {
            free: free_blocks * BLOCK_SIZE,
            files: (self.states.len() - left_out.count()) as u64,
            output: self.disk.into_output(),
        })
    }

    /// Writes the bitmaps of a group.
    fn write_group(&mut self, group: u64, directories: u32) -> Result<Descriptor, ExtError> {
        let geometry = self.plan.geometry.clone();
        let allocator = self.disk.allocator();
        let free_blocks = allocator.free(group);
        let blocks = bitmap(allocator.used(group), allocator.size(group));
        let (inodes, used, last) = self.inode_bitmap(group);
        self.disk
            .write_block(geometry.block_bitmap(group) as u32, &blocks)?;
        self.disk
            .write_block(geometry.inode_bitmap(group) as u32, &inodes)?;
        let covered = (geometry.inodes_per_group / 8) as usize;
        Ok(Descriptor {
            free_blocks,
            free_inodes: geometry.inodes_per_group - used,
            directories,
            unused_inodes: geometry.inodes_per_group - last,
            block_sum: self.disk.seed.sum(&[&blocks]),
            inode_sum: self.disk.seed.sum(&[&inodes[..covered]]),
        })
    }

    /// The bitmap of the inodes of a group, the number of those in use, and how many there are up to the last of them.
    fn inode_bitmap(&self, group: u64) -> (Vec<u8>, u64, u64) {
        let per_group = self.plan.geometry.inodes_per_group;
        let first = group * per_group;
        // Nodes have the inodes 2 and 11 onwards, in order; the others below 11 are in use, too.
        let numbered = u64::from(FIRST_INODE) + self.plan.order.len() as u64 - 2;
        let last = numbered.saturating_sub(first).min(per_group);
        let mut bits = bitmap(last, per_group);
        let mut used = last;
        let reserved = u64::from(FIRST_INODE);
        for index in first.max(reserved)..first + last {
            let node = self.plan.order[(index - reserved + 2) as usize];
            if self.states[node.index()] == State::LeftOut {
                let bit = (index - first) as usize;
                bits[bit / 8] &= !(1 << (bit % 8));
                used -= 1;
            }
        }
        (bits, used, last)
    }

    fn map(&self, inode: u32) -> BlockMap {
        BlockMap::new(self.plan.options.file_system, inode, &self.disk)
    }

    fn inode(&self, node: NodeId) -> u32 {
        self.plan.inodes[node.index()]
    }

    fn group(&self, node: NodeId) -> usize {
        let index = u64::from(self.inode(node)) - 1;
        (index / self.plan.geometry.inodes_per_group) as usize
    }

    fn time(&self) -> Time {
        Time::from_seconds(self.plan.options.time.into())
    }

    /// Absolute path of a file, escaped where it is not ASCII. Takes time; for messages.
    pub fn path(&self, node: NodeId) -> String {
        self.plan.path(node)
    }
}

/// A block of bits: the first `used` are set, and so are those from `size` on, which mean nothing.
fn bitmap(used: u64, size: u64) -> Vec<u8> {
    let set = |index: u64| index < used || index >= size;
    (0..BLOCK_SIZE)
        .map(|byte| match byte * 8 {
            first if first + 8 <= used || first >= size => 0xff,
            first if first >= used && first + 8 <= size => 0,
            first => (0..8).fold(0, |bits, bit| bits | u8::from(set(first + bit)) << bit),
        })
        .collect()
}

fn flags(mapped: &Mapped) -> u32 {
    if mapped.extents { EXTENTS } else { 0 }
}

fn mode(kind: Kind) -> u16 {
    match kind {
        Kind::Fifo => 0o010_000,
        Kind::CharacterDevice { .. } => 0o020_000,
        Kind::Directory => 0o040_000,
        Kind::BlockDevice { .. } => 0o060_000,
        Kind::File(_) => 0o100_000,
        Kind::Symlink { .. } => 0o120_000,
        Kind::Socket => 0o140_000,
    }
}

/// The type as entries of directories have it.
fn file_type(kind: Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory => 2,
        Kind::CharacterDevice { .. } => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink { .. } => 7,
    }
}

/// The numbers of a device in place of a block map: the first field if both are below 256, otherwise the second.
fn device(major: u32, minor: u32) -> [u8; 60] {
    let mut map = NO_BLOCKS;
    let (field, value) = if major < 256 && minor < 256 {
        (0, major << 8 | minor)
    } else {
        (4, minor & 0xff | major << 8 | (minor & !0xff) << 12)
    };
    map[field..field + 4].copy_from_slice(&value.to_le_bytes());
    map
}
