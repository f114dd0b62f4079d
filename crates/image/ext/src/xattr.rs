//! Extended attributes: in the inode where there is room, otherwise in a block, which files with equal attributes share.

use std::collections::HashMap;

use crate::checksum::Seed;
use crate::error::{ExtError, printable};
use crate::geometry::BLOCK_SIZE;
use crate::options::InodeSize;

const MAGIC: u32 = 0xea02_0000;
const ENTRY: usize = 16;
const BLOCK_HEADER: usize = 32;
/// After the last entry.
const END: usize = 4;
/// Most files that can share a block of attributes.
pub(crate) const MAX_SHARED: u32 = 1024;

const ACL_ACCESS: u8 = 2;
const ACL_DEFAULT: u8 = 3;
/// Version of ACLs in `getxattr(2)`.
const ACL_VERSION: u32 = 2;
/// Version of ACLs in ext file systems.
const EXT_ACL_VERSION: u32 = 1;
const ACL_USER: u16 = 2;
const ACL_GROUP: u16 = 8;

/// One attribute, in the order in which blocks have them: by namespace, length of the name, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Xattr {
    namespace: u8,
    length: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Xattr {
    /// Bytes that it needs in an inode or block.
    fn size(&self) -> usize {
        ENTRY + self.length.next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    fn hash(&self) -> u32 {
        let name = self
            .name
            .iter()
            .fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(name, |hash, bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Sorts attributes, and splits their names into namespace and the rest.
pub(crate) fn parse(
    file: &[u8],
    attributes: &[(Vec<u8>, Vec<u8>)],
) -> Result<Vec<Xattr>, ExtError> {
    let mut set = Vec::with_capacity(attributes.len());
    for (full, value) in attributes {
        let refused = |reason| ExtError::Xattr {
            name: printable(file),
            attribute: printable(full),
            reason,
        };
        let (namespace, name) = split(full).ok_or_else(|| {
            refused("is not in one of the namespaces user, trusted, security, and is not an ACL")
        })?;
        if name.len() > 255 || name.contains(&0) {
            return Err(refused("has a name of more than 255 bytes or with a NUL"));
        }
        let value = match namespace {
            ACL_ACCESS | ACL_DEFAULT => {
                acl(value).ok_or_else(|| refused("is not an ACL in the form of Linux"))?
            }
            _ => value.clone(),
        };
        set.push(Xattr {
            namespace,
            length: name.len(),
            name: name.to_vec(),
            value,
        });
    }
    set.sort();
    let twice = set
        .windows(2)
        .find(|pair| (pair[0].namespace, &pair[0].name) == (pair[1].namespace, &pair[1].name));
    match twice {
        Some(pair) => Err(ExtError::Xattr {
            name: printable(file),
            attribute: printable(&pair[0].name),
            reason: "is set twice",
        }),
        None => Ok(set),
    }
}

fn split(name: &[u8]) -> Option<(u8, &[u8])> {
    match name {
        b"system.posix_acl_access" => return Some((ACL_ACCESS, b"")),
        b"system.posix_acl_default" => return Some((ACL_DEFAULT, b"")),
        _ => {}
    }
    let namespaces: [(u8, &[u8]); 3] = [(1, b"user."), (4, b"trusted."), (6, b"security.")];
    namespaces.into_iter().find_map(|(namespace, prefix)| {
        let rest = name.strip_prefix(prefix)?;
        (!rest.is_empty()).then_some((namespace, rest))
    })
}

/// An ACL as ext has it, from one as `getxattr(2)` returns it.
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    let (version, entries) = value.split_first_chunk()?;
    let (entries, rest) = entries.as_chunks::<8>();
    if u32::from_le_bytes(*version) != ACL_VERSION || !rest.is_empty() {
        return None;
    }
    let mut encoded = EXT_ACL_VERSION.to_le_bytes().to_vec();
    for entry in entries {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let length = if matches!(tag, ACL_USER | ACL_GROUP) {
            8
        } else {
            4
        };
        encoded.extend(&entry[..length]);
    }
    Some(encoded)
}

/// The sets of attributes of a tree, each once. The first one is empty.
pub(crate) struct XattrSets {
    sets: Vec<Vec<Xattr>>,
    known: HashMap<Vec<Xattr>, u32>,
}

impl Default for XattrSets {
    fn default() -> Self {
        Self {
            sets: vec![Vec::new()],
            known: HashMap::from([(Vec::new(), 0)]),
        }
    }
}

impl XattrSets {
    pub(crate) fn intern(&mut self, set: Vec<Xattr>) -> u32 {
        if let Some(index) = self.known.get(&set) {
            return *index;
        }
        let index = self.sets.len() as u32;
        self.known.insert(set.clone(), index);
        self.sets.push(set);
        index
    }

    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Divides a set between inode and block.
    pub(crate) fn place(&self, set: u32, inodes: InodeSize) -> Placement<'_> {
        let mut left = match inodes {
            InodeSize::Bytes128 => 0,
            InodeSize::Bytes256 => IN_INODE - END,
        };
        let mut placement = Placement {
            in_inode: Vec::new(),
            in_block: Vec::new(),
        };
        for xattr in &self.sets[set as usize] {
            match left.checked_sub(xattr.size()) {
                Some(rest) => {
                    left = rest;
                    placement.in_inode.push(xattr);
                }
                None => placement.in_block.push(xattr),
            }
        }
        placement
    }
}

/// Bytes for attributes in an inode of 256 bytes: behind the fields of ext4 and the magic number.
const IN_INODE: usize = 256 - 128 - 32 - 4;
/// Bytes for attributes in a block, without the end.
const IN_BLOCK: usize = BLOCK_SIZE as usize - BLOCK_HEADER - END;

/// Where the attributes of a file are.
pub(crate) struct Placement<'a> {
    in_inode: Vec<&'a Xattr>,
    in_block: Vec<&'a Xattr>,
}

impl Placement<'_> {
    pub(crate) fn needs_block(&self) -> bool {
        !self.in_block.is_empty()
    }

    /// What the attributes in the block need, and what there is, if that is less.
    pub(crate) fn excess(&self) -> Option<(usize, usize)> {
        let needed = self.in_block.iter().map(|xattr| xattr.size()).sum();
        (needed > IN_BLOCK).then_some((needed, IN_BLOCK))
    }

    /// What is in the inode behind its fields; empty without attributes.
    pub(crate) fn inode(&self) -> Vec<u8> {
        if self.in_inode.is_empty() {
            return Vec::new();
        }
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        bytes.extend(encode(&self.in_inode, 0, IN_INODE, |_| 0));
        bytes
    }

    /// The block with the other attributes, which `shared` files have.
    pub(crate) fn block(&self, number: u32, shared: u32, seed: Seed) -> Vec<u8> {
        let hash = self
            .in_block
            .iter()
            .fold(0_u32, |hash, xattr| hash.rotate_left(16) ^ xattr.hash());
        let mut bytes = vec![0; BLOCK_HEADER];
        for (field, value) in [MAGIC, shared, 1, hash].into_iter().enumerate() {
            bytes[field * 4..field * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        let room = BLOCK_SIZE as usize - BLOCK_HEADER;
        bytes.extend(encode(&self.in_block, BLOCK_HEADER, room, Xattr::hash));
        let place = u64::from(number).to_le_bytes();
        if let Some(sum) = seed.sum(&[&place, &bytes]) {
            bytes[16..20].copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }
}

/// Entries from the beginning of `room` bytes, values from the end. Positions count from `base` bytes before.
fn encode(xattrs: &[&Xattr], base: usize, room: usize, hash: fn(&Xattr) -> u32) -> Vec<u8> {
    let mut bytes = vec![0; room];
    let (mut entry, mut end) = (0, room);
    for xattr in xattrs {
        let size = xattr.value.len();
        end -= size.next_multiple_of(4);
        bytes[end..end + size].copy_from_slice(&xattr.value);
        let offset = if size == 0 { 0 } else { base + end };
        let header = &mut bytes[entry..entry + ENTRY];
        header[0] = xattr.length as u8;
        header[1] = xattr.namespace;
        header[2..4].copy_from_slice(&(offset as u16).to_le_bytes());
        header[8..12].copy_from_slice(&(size as u32).to_le_bytes());
        header[12..].copy_from_slice(&hash(xattr).to_le_bytes());
        entry += ENTRY;
        bytes[entry..entry + xattr.length].copy_from_slice(&xattr.name);
        entry += xattr.length.next_multiple_of(4);
    }
    bytes
}
