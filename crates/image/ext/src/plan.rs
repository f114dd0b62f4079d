//! Where everything will be, before the first byte is written.

use crate::checksum::Seed;
use crate::directory::Packing;
use crate::disk::Output;
use crate::error::ExtError;
use crate::extents;
use crate::geometry::{BLOCK_SIZE, Geometry};
use crate::hash::NameHash;
use crate::indirect;
use crate::inode;
use crate::names::Sorted;
use crate::options::{FileSystem, Options};
use crate::room::{self, Needs, Room};
use crate::superblock::FIRST_INODE;
use crate::tree::{Content, Kind, Node, NodeId, Tree};
use crate::writer::Writer;
use crate::xattr::{MAX_SHARED, XattrSets};
use crate::{Attributes, Time};

const ROOT_INODE: u32 = 2;
const LOST_AND_FOUND: &[u8] = b"lost+found";
/// e2fsck wants room for names in `/lost+found` without taking blocks: 16 KiB.
const LOST_AND_FOUND_BLOCKS: usize = 4;
/// Targets of links that are shorter are in the inode.
pub(crate) const SHORT_TARGET: u16 = 60;

/// A file system that fits: every file has an inode, and there is room for all data.
pub struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: Sorted,
    pub(crate) targets: Vec<u8>,
    pub(crate) xattrs: XattrSets,
    pub(crate) options: Options,
    pub(crate) geometry: Geometry,
    pub(crate) journal_blocks: u64,
    /// Inode of each node.
    pub(crate) inodes: Vec<u32>,
    /// The nodes by their inodes.
    pub(crate) order: Vec<NodeId>,
    /// The directory in which a directory is.
    pub(crate) parents: Vec<NodeId>,
    lost_and_found: NodeId,
    size: u64,
    used: u64,
}

impl Plan {
    /// Sorts a tree, numbers its inodes and finds out whether it fits. `/lost+found` is added if it is missing.
    ///
    /// # Errors
    /// When the tree cannot be a file system of this kind, or does not fit: [`ExtError::TooSmall`] has the size that is needed.
    pub fn new(mut tree: Tree, options: Options) -> Result<Self, ExtError> {
        let time = Time::from_seconds(options.time.into());
        let lost_and_found = lost_and_found(&mut tree, time)?;
        let Tree {
            nodes,
            names,
            targets,
            xattrs,
        } = tree;
        let names = Sorted::new(names, nodes.len())?;
        let numbering = Numbering::new(&nodes, &names, lost_and_found);
        let demand = Demand {
            nodes: &nodes,
            names: &names,
            xattrs: &xattrs,
            options: &options,
        };
        let needs = Needs {
            blocks: demand.blocks(lost_and_found)?,
            inodes: u64::from(FIRST_INODE) + numbering.order.len() as u64 - 2,
        };
        let room = Room::find(needs, &options)?;
        Ok(Self {
            nodes,
            names,
            targets,
            xattrs,
            options,
            geometry: room.geometry,
            journal_blocks: room.journal_blocks,
            inodes: numbering.inodes,
            order: numbering.order,
            parents: numbering.parents,
            lost_and_found,
            size: room.size,
            used: room.used * BLOCK_SIZE,
        })
    }

    /// Size of the image in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that files, directories and the journal need at most; blocks of zeros become holes and need none.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Number of inodes of the file system.
    pub fn inodes(&self) -> u64 {
        self.geometry.inodes()
    }

    /// The regular files in order of their paths: the best order to write them.
    pub fn files(&self) -> impl Iterator<Item = NodeId> {
        let is_file = |node: &NodeId| matches!(self.nodes[node.index()].kind, Kind::File(_));
        self.order.iter().copied().filter(is_file)
    }

    /// Number of files with a time that inodes cannot store and that is replaced by the nearest one. Inodes of 128 bytes have
    /// no nanoseconds, which is not counted.
    pub fn clamped_times(&self) -> usize {
        let size = self.options.inode_size;
        let clamped = |node: &&Node| {
            let times = [node.accessed, node.modified, node.changed];
            times
                .iter()
                .any(|time| inode::clamp(*time, size).seconds != time.seconds)
        };
        self.nodes.iter().filter(clamped).count()
    }

    /// Absolute path of a file, escaped where it is not ASCII. Takes time; for messages.
    pub fn path(&self, node: NodeId) -> String {
        self.names.path(node)
    }

    /// Begins the image. It is a file system only after [`Writer::finish`].
    ///
    /// # Errors
    /// When the output cannot have the size of the image.
    pub fn write<O: Output>(self, output: O) -> Result<Writer<O>, ExtError> {
        Writer::new(self, output)
    }

    pub(crate) fn seed(&self) -> Seed {
        seed(&self.options)
    }

    pub(crate) fn packing(&self, directory: NodeId, names: &[&[u8]]) -> Result<Packing, ExtError> {
        let minimum = minimum_blocks(directory, self.lost_and_found);
        pack(names, minimum, &self.options)
            .ok_or_else(|| ExtError::DirectoryTooLarge(self.path(directory)))
    }
}

/// `/lost+found`, which is made if there is none.
fn lost_and_found(tree: &mut Tree, time: Time) -> Result<NodeId, ExtError> {
    let root = tree.root();
    match tree.names.find(root, LOST_AND_FOUND) {
        None => {
            let attributes = Attributes::of_root(0o700, time);
            tree.add(root, LOST_AND_FOUND, Content::Directory, &attributes)
        }
        Some(node) if matches!(tree.nodes[node.index()].kind, Kind::Directory) => Ok(node),
        Some(_) => Err(ExtError::LostAndFound),
    }
}

fn seed(options: &Options) -> Seed {
    match options.file_system {
        FileSystem::Ext3 | FileSystem::Ext4 => Seed::none(),
        FileSystem::Ext4Checksums => Seed::of_file_system(&options.uuid),
    }
}

fn minimum_blocks(directory: NodeId, lost_and_found: NodeId) -> usize {
    if directory == lost_and_found {
        LOST_AND_FOUND_BLOCKS
    } else {
        1
    }
}

fn pack(names: &[&[u8]], minimum: usize, options: &Options) -> Option<Packing> {
    Packing::new(
        names,
        NameHash::new(&options.hash_seed),
        minimum,
        seed(options),
    )
}

/// The inode of each node: depth first, sorted by name.
struct Numbering {
    inodes: Vec<u32>,
    order: Vec<NodeId>,
    parents: Vec<NodeId>,
}

impl Numbering {
    fn new(nodes: &[Node], names: &Sorted, lost_and_found: NodeId) -> Self {
        let root = NodeId(0);
        let mut numbering = Self {
            inodes: vec![0; nodes.len()],
            order: vec![root, lost_and_found],
            parents: vec![root; nodes.len()],
        };
        numbering.inodes[root.index()] = ROOT_INODE;
        numbering.inodes[lost_and_found.index()] = FIRST_INODE;
        let mut stack = vec![root];
        let mut next = FIRST_INODE + 1;
        while let Some(node) = stack.pop() {
            if numbering.inodes[node.index()] == 0 {
                numbering.inodes[node.index()] = next;
                numbering.order.push(node);
                next += 1;
            }
            for (_, child) in names.children(node).rev() {
                if let Kind::Directory = nodes[child.index()].kind {
                    numbering.parents[child.index()] = node;
                } else if numbering.inodes[child.index()] != 0 {
                    continue;
                }
                stack.push(child);
            }
        }
        numbering
    }
}

/// What the files need.
struct Demand<'a> {
    nodes: &'a [Node],
    names: &'a Sorted,
    xattrs: &'a XattrSets,
    options: &'a Options,
}

impl Demand<'_> {
    fn blocks(&self, lost_and_found: NodeId) -> Result<u64, ExtError> {
        let mut total = self.xattr_blocks()?;
        for (index, node) in self.nodes.iter().enumerate() {
            let id = NodeId(index as u32);
            self.check_links(id, node)?;
            let blocks = match node.kind {
                Kind::Directory => self.directory(id, lost_and_found)?,
                Kind::File(shape) => {
                    self.check_length(id, shape.length)?;
                    let (data, segments) = (shape.data_blocks, shape.segments);
                    data + room::map_blocks(self.options.file_system, data, segments, shape.tables)
                }
                Kind::Symlink { length, .. } => u64::from(length >= SHORT_TARGET),
                _ => 0,
            };
            total = total.saturating_add(blocks);
        }
        Ok(total)
    }

    fn check_length(&self, file: NodeId, length: u64) -> Result<(), ExtError> {
        let limit = match self.options.file_system {
            FileSystem::Ext3 => indirect::MAX_LENGTH,
            FileSystem::Ext4 | FileSystem::Ext4Checksums => extents::MAX_LENGTH,
        };
        if length > limit {
            let path = self.names.path(file);
            return Err(ExtError::FileTooLarge {
                path,
                length,
                limit,
            });
        }
        Ok(())
    }

    fn check_links(&self, id: NodeId, node: &Node) -> Result<(), ExtError> {
        let limit = match self.options.file_system {
            FileSystem::Ext3 => 32_000,
            // A directory with more subdirectories has a count of 1.
            _ if matches!(node.kind, Kind::Directory) => return Ok(()),
            FileSystem::Ext4 | FileSystem::Ext4Checksums => MAX_LINKS,
        };
        let links = node.links;
        if links > limit {
            let (path, links, limit) = (self.names.path(id), links.into(), limit.into());
            return Err(ExtError::TooManyLinks { path, links, limit });
        }
        Ok(())
    }

    fn directory(&self, directory: NodeId, lost_and_found: NodeId) -> Result<u64, ExtError> {
        let names: Vec<_> = self
            .names
            .children(directory)
            .map(|(name, _)| name)
            .collect();
        let packing = pack(
            &names,
            minimum_blocks(directory, lost_and_found),
            self.options,
        )
        .ok_or_else(|| ExtError::DirectoryTooLarge(self.names.path(directory)))?;
        Ok(room::whole(
            self.options.file_system,
            packing.blocks() as u64,
        ))
    }

    /// Blocks of extended attributes, which at most 1,024 files share.
    fn xattr_blocks(&self) -> Result<u64, ExtError> {
        let mut shared = vec![0_u32; self.xattrs.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let users = &mut shared[node.xattrs as usize];
            *users += 1;
            let placement =
                (*users == 1).then(|| self.xattrs.place(node.xattrs, self.options.inode_size));
            if let Some((needed, room)) = placement.and_then(|placement| placement.excess()) {
                let path = self.names.path(NodeId(index as u32));
                return Err(ExtError::XattrRoom { path, needed, room });
            }
        }
        let blocks = shared.into_iter().zip(0..).map(|(users, set)| {
            let placement = self.xattrs.place(set, self.options.inode_size);
            if placement.needs_block() {
                u64::from(users.div_ceil(MAX_SHARED))
            } else {
                0
            }
        });
        Ok(blocks.sum())
    }
}

/// Most links that an inode of ext4 can count.
pub(crate) const MAX_LINKS: u32 = 65_000;
