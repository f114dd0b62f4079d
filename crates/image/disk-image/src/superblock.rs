//! The superblock of ext2, ext3 and ext4: 1024 bytes at byte 1024, little-endian.

use std::fmt;

use gumnut_signatures::{le16, le32, printable};

use crate::features::Features;

/// Where the superblock begins, and how long it is, in bytes.
pub(crate) const OFFSET: u64 = 1024;
pub(crate) const LENGTH: usize = 1024;

const MAGIC: u16 = 0xEF53;
/// 64 KiB blocks, the largest that Linux knows.
const MAX_LOG_BLOCK_SIZE: u32 = 6;

/// Which of the three file systems it is; the superblock does not say, its features do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtKind {
    /// No journal.
    Ext2,
    /// A journal, and nothing that a kernel of 2009 does not know.
    Ext3,
    /// Extents, 64-bit block numbers, flexible groups or huge files.
    Ext4,
}

/// What the superblock says about the last use of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Unmounted, or never mounted.
    Clean,
    /// Copied while mounted or after a crash: the journal has to be replayed.
    NeedsRecovery,
    /// Not unmounted properly, and there is no journal to replay.
    Dirty,
    /// The kernel found errors.
    Errors,
}

/// The 16 bytes that name a file system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Uuid(pub [u8; 16]);

/// A superblock whose sizes are within what Linux knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Superblock {
    /// ext2, ext3 or ext4.
    pub kind: ExtKind,
    /// The UUID.
    pub uuid: Uuid,
    /// The label; empty when there is none.
    pub label: String,
    /// The features.
    pub features: Features,
    /// Whether it was left clean.
    pub state: State,
    /// Bytes per block.
    pub block_size: u64,
    /// Number of blocks.
    pub block_count: u64,
    /// Number of free blocks.
    pub free_blocks: u64,
    /// Number of inodes.
    pub inode_count: u32,
    /// Bytes per inode.
    pub inode_size: u16,
    /// Where it was mounted last, when the superblock says so.
    pub last_mounted: Option<String>,
    /// Seconds since 1970 of the last mount; 0 when there was none.
    pub last_mount: u32,
    /// Seconds since 1970 of the last write to the superblock.
    pub last_write: u32,
    groups: u64,
}

impl Superblock {
    /// Reads the 1024 bytes of a superblock; `None` when they hold none that Linux would take.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < LENGTH || le16(bytes, 0x38) != MAGIC {
            return None;
        }
        let log_block_size = le32(bytes, 0x18);
        if log_block_size > MAX_LOG_BLOCK_SIZE {
            return None;
        }
        let features = features(bytes);
        let block_size = 1024 << log_block_size;
        let block_count = wide(bytes, features, 0x04, 0x150);
        let blocks_per_group = u64::from(le32(bytes, 0x20));
        if block_count == 0
            || blocks_per_group == 0
            || block_count.checked_mul(block_size).is_none()
        {
            return None;
        }
        let dynamic = le32(bytes, 0x4C) > 0;
        let mounted = printable(&bytes[0x88..0x88 + 64], 64);
        Some(Self {
            kind: kind(features),
            uuid: Uuid(bytes[0x68..0x78].try_into().ok()?),
            label: printable(&bytes[0x78..0x88], 16),
            features,
            state: state(bytes, features),
            block_size,
            block_count,
            free_blocks: wide(bytes, features, 0x0C, 0x158).min(block_count),
            inode_count: le32(bytes, 0x00),
            inode_size: if dynamic { le16(bytes, 0x58) } else { 128 },
            last_mounted: Some(mounted).filter(|path| !path.is_empty()),
            last_mount: le32(bytes, 0x2C),
            last_write: le32(bytes, 0x30),
            // With the high word whether it counts or not: the library that reads files takes it.
            groups: full(bytes, 0x04, 0x150).div_ceil(blocks_per_group),
        })
    }

    /// Length of the file system in bytes; a file shorter than this has lost its end.
    pub fn length(&self) -> u64 {
        // `parse` checked the product.
        self.block_count * self.block_size
    }

    /// Free space in bytes, the part reserved for the super user included.
    pub fn free(&self) -> u64 {
        self.free_blocks * self.block_size
    }

    /// Number of block groups.
    pub(crate) fn groups(&self) -> u64 {
        self.groups
    }
}

fn features(bytes: &[u8]) -> Features {
    // Revision 0 has no feature words; what stands there is not meant as such.
    if le32(bytes, 0x4C) == 0 {
        return Features {
            compatible: 0,
            incompatible: 0,
            read_only_compatible: 0,
        };
    }
    Features {
        compatible: le32(bytes, 0x5C),
        incompatible: le32(bytes, 0x60),
        read_only_compatible: le32(bytes, 0x64),
    }
}

fn wide(bytes: &[u8], features: Features, low: usize, high: usize) -> u64 {
    if features.is_64bit() {
        full(bytes, low, high)
    } else {
        le32(bytes, low).into()
    }
}

fn full(bytes: &[u8], low: usize, high: usize) -> u64 {
    u64::from(le32(bytes, high)) << 32 | u64::from(le32(bytes, low))
}

fn kind(features: Features) -> ExtKind {
    if features.beyond_ext3() {
        ExtKind::Ext4
    } else if features.compatible & Features::HAS_JOURNAL != 0 {
        ExtKind::Ext3
    } else {
        ExtKind::Ext2
    }
}

fn state(bytes: &[u8], features: Features) -> State {
    const CLEAN: u16 = 1;
    const ERRORS: u16 = 2;
    let state = le16(bytes, 0x3A);
    if state & ERRORS != 0 {
        State::Errors
    } else if features.incompatible & Features::NEEDS_RECOVERY != 0 {
        State::NeedsRecovery
    } else if state & CLEAN == 0 {
        State::Dirty
    } else {
        State::Clean
    }
}

impl fmt::Display for ExtKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clean => "clean",
            Self::NeedsRecovery => "needs recovery",
            Self::Dirty => "not clean",
            Self::Errors => "has errors",
        })
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> Vec<u8> {
        let mut bytes = vec![0; LENGTH];
        bytes[0x04..0x08].copy_from_slice(&256_256_u32.to_le_bytes());
        bytes[0x18] = 2;
        bytes[0x20..0x24].copy_from_slice(&32_768_u32.to_le_bytes());
        bytes[0x38..0x3A].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[0x3A] = 1;
        bytes
    }

    #[test]
    fn revision_0_has_no_features() {
        let mut bytes = minimal();
        bytes[0x5C..0x68].fill(0xff);
        let superblock = Superblock::parse(&bytes).unwrap();
        assert_eq!(superblock.length(), 1_049_624_576);
        assert_eq!(superblock.kind, ExtKind::Ext2);
        assert_eq!(superblock.inode_size, 128);
        assert_eq!(superblock.state, State::Clean);
        assert!(superblock.features.names().is_empty());
    }

    #[test]
    fn impossible_sizes_are_no_superblock() {
        for (offset, value) in [(0x18, 7_u32), (0x18, u32::MAX), (0x04, 0), (0x20, 0)] {
            let mut bytes = minimal();
            bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(Superblock::parse(&bytes), None, "{offset:#x} = {value}");
        }
        let mut bytes = minimal();
        bytes[0x4C] = 1;
        bytes[0x60] = 0x80;
        bytes[0x150..0x154].fill(0xff);
        assert_eq!(Superblock::parse(&bytes), None, "length overflows");
        assert_eq!(Superblock::parse(&minimal()[..LENGTH - 1]), None);
    }

    #[test]
    fn the_uuid_prints_as_blkid_prints_it() {
        let uuid = Uuid([
            0x6d, 0x1b, 0x1b, 0x1e, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 2,
        ]);
        assert_eq!(uuid.to_string(), "6d1b1b1e-0000-4000-8000-000000000002");
    }
}
