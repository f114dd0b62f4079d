//! The files of a file system before it is planned.

use crate::attributes::{Attributes, Time};
use crate::error::{ExtError, printable};
use crate::names::Names;
use crate::shape::FileShape;
use crate::xattr::{self, XattrSets};

/// Longest target of a symbolic link in bytes: a block without the NUL at its end.
const MAX_TARGET: usize = 4095;
const MAX_NAME: usize = 255;

/// A file or directory of a [`Tree`]. Hard links are names of the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A directory, which is empty at first.
    Directory,
    /// A regular file; the content is written later.
    File(FileShape),
    /// A symbolic link with its target.
    Symlink(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// What a node is, with targets of links among the texts of the tree.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Directory,
    File(FileShape),
    Symlink { start: usize, length: u16 },
    Fifo,
    Socket,
    CharacterDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
}

pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) permissions: u16,
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) accessed: Time,
    pub(crate) modified: Time,
    pub(crate) changed: Time,
    /// Index among the sets of extended attributes.
    pub(crate) xattrs: u32,
    /// Number of names, or of subdirectories and 2.
    pub(crate) links: u32,
}

/// The files of a file system: names, attributes and sizes, without content. About 200 bytes of memory for each file.
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: Names,
    pub(crate) targets: Vec<u8>,
    pub(crate) xattrs: XattrSets,
}

impl Tree {
    /// A tree of one directory.
    ///
    /// # Errors
    /// When no directory can have these attributes.
    pub fn new(root: &Attributes) -> Result<Self, ExtError> {
        let mut tree = Self {
            nodes: Vec::new(),
            names: Names::default(),
            targets: Vec::new(),
            xattrs: XattrSets::default(),
        };
        tree.node(b"/", Kind::Directory, root)?;
        Ok(tree)
    }

    /// The root directory.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// Adds a file to a directory.
    ///
    /// # Errors
    /// When `parent` is not a directory, or when no file can have this name, content or attributes. Names that a directory has
    /// twice are found by [`crate::Plan::new`].
    pub fn add(
        &mut self,
        parent: NodeId,
        name: &[u8],
        content: Content<'_>,
        attributes: &Attributes,
    ) -> Result<NodeId, ExtError> {
        self.check_name(parent, name)?;
        let kind = self.kind(name, content)?;
        let node = self.node(name, kind, attributes)?;
        self.names.push(parent, name, node);
        if matches!(kind, Kind::Directory) {
            self.nodes[parent.index()].links += 1;
        }
        Ok(node)
    }

    /// Adds a hard link.
    ///
    /// # Errors
    /// When `parent` is not a directory or `node` is one, or when no file can have this name.
    pub fn link(&mut self, parent: NodeId, name: &[u8], node: NodeId) -> Result<(), ExtError> {
        self.check_name(parent, name)?;
        if self.is_directory(node) {
            return Err(ExtError::LinkToDirectory(printable(name)));
        }
        self.names.push(parent, name, node);
        self.nodes[node.index()].links += 1;
        Ok(())
    }

    fn is_directory(&self, node: NodeId) -> bool {
        matches!(self.nodes[node.index()].kind, Kind::Directory)
    }

    fn check_name(&self, parent: NodeId, name: &[u8]) -> Result<(), ExtError> {
        let reason = match name {
            b"" => "it is empty",
            b"." | b".." => "every directory has it",
            _ if name.len() > MAX_NAME => "it has more than 255 bytes",
            _ if name.contains(&b'/') => "it contains a slash",
            _ if name.contains(&0) => "it contains a NUL",
            _ if self.is_directory(parent) => return Ok(()),
            _ => {
                return Err(ExtError::NotADirectory {
                    name: printable(name),
                    parent: self.names.path(parent),
                });
            }
        };
        Err(ExtError::Name {
            name: printable(name),
            reason,
        })
    }

    fn kind(&mut self, name: &[u8], content: Content<'_>) -> Result<Kind, ExtError> {
        Ok(match content {
            Content::Directory => Kind::Directory,
            Content::File(shape) => Kind::File(shape),
            Content::Symlink(target) => self.symlink(name, target)?,
            Content::Fifo => Kind::Fifo,
            Content::Socket => Kind::Socket,
            Content::CharacterDevice { major, minor } => {
                check_device(name, major, minor)?;
                Kind::CharacterDevice { major, minor }
            }
            Content::BlockDevice { major, minor } => {
                check_device(name, major, minor)?;
                Kind::BlockDevice { major, minor }
            }
        })
    }

    fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<Kind, ExtError> {
        let reason = match target {
            b"" => "is empty",
            _ if target.len() > MAX_TARGET => "has more than 4095 bytes",
            _ if target.contains(&0) => "contains a NUL",
            _ => {
                let start = self.targets.len();
                self.targets.extend_from_slice(target);
                let length = target.len() as u16;
                return Ok(Kind::Symlink { start, length });
            }
        };
        Err(ExtError::Symlink {
            name: printable(name),
            reason,
        })
    }

    fn node(
        &mut self,
        name: &[u8],
        kind: Kind,
        attributes: &Attributes,
    ) -> Result<NodeId, ExtError> {
        check_attributes(name, attributes)?;
        let set = xattr::parse(name, &attributes.xattrs)?;
        let links = if matches!(kind, Kind::Directory) {
            2
        } else {
            1
        };
        let node = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            kind,
            permissions: attributes.permissions,
            user: attributes.user,
            group: attributes.group,
            accessed: attributes.accessed,
            modified: attributes.modified,
            changed: attributes.changed,
            xattrs: self.xattrs.intern(set),
            links,
        });
        Ok(node)
    }
}

fn check_attributes(name: &[u8], attributes: &Attributes) -> Result<(), ExtError> {
    let times = [attributes.accessed, attributes.modified, attributes.changed];
    let what = if attributes.permissions > 0o7777 {
        "permissions"
    } else if times.iter().any(|time| time.nanoseconds >= 1_000_000_000) {
        "nanoseconds"
    } else {
        return Ok(());
    };
    Err(ExtError::Attributes {
        name: printable(name),
        what,
    })
}

fn check_device(name: &[u8], major: u32, minor: u32) -> Result<(), ExtError> {
    if major > 0xfff || minor > 0xf_ffff {
        return Err(ExtError::Device {
            name: printable(name),
            major,
            minor,
        });
    }
    Ok(())
}
