//! Times that the reader of file systems does not take: those before 1970, and some after 2038. Such a time says nothing about the
//! system, and must not keep its files from being read.

use std::io;
use std::ops::Range;

use gumnut_signatures::{Window, le16, le32};

const SUPERBLOCK: u64 = 1024;
const SUPERBLOCK_LENGTH: usize = 1024;
const META_BG: u32 = 0x10;
const BITS_64: u32 = 0x80;
/// Checksums of inodes, which a change would make wrong.
const METADATA_CHECKSUMS: u32 = 0x400;
/// Groups of 16 TiB; the reader keeps a record for each as well.
const MAX_GROUPS: u64 = 1 << 17;

/// Low and high fields of access, change of the inode, modification and creation.
const FIELDS: [(usize, usize); 4] = [(0x08, 0x8c), (0x0c, 0x84), (0x10, 0x88), (0x90, 0x94)];

/// Where the inodes of a file system are.
#[derive(Default)]
pub(super) struct InodeTables {
    tables: Vec<Range<u64>>,
    inode_size: usize,
}

impl InodeTables {
    /// Finds the tables. None are found if inodes have checksums, or if the descriptors are in an unusual place.
    pub(super) fn find(image: &Window) -> io::Result<Self> {
        let superblock = image.read_up_to(SUPERBLOCK, SUPERBLOCK_LENGTH)?;
        let mut found = Self {
            tables: Vec::new(),
            inode_size: 128,
        };
        let features = if superblock.len() == SUPERBLOCK_LENGTH {
            (le32(&superblock, 0x60), le32(&superblock, 0x64))
        } else {
            (META_BG, 0)
        };
        let log_block_size = le32(&superblock, 0x18);
        let per_group = u64::from(le32(&superblock, 0x20));
        if features.0 & META_BG != 0
            || features.1 & METADATA_CHECKSUMS != 0
            || log_block_size > 6
            || per_group == 0
        {
            return Ok(found);
        }
        let block_size = 1024_u64 << log_block_size;
        // Revision 0 has inodes of 128 bytes and no field for it.
        if le32(&superblock, 0x4c) > 0 {
            found.inode_size = le16(&superblock, 0x58).into();
        }
        let is_64 = features.0 & BITS_64 != 0;
        let descriptor_size = if is_64 {
            usize::from(le16(&superblock, 0xfe)).max(64)
        } else {
            32
        };
        let blocks = u64::from(le32(&superblock, 0x04));
        let first = u64::from(le32(&superblock, 0x14));
        let groups = blocks.div_ceil(per_group).min(MAX_GROUPS);
        let length = usize::try_from(groups).unwrap_or_default() * descriptor_size;
        let descriptors = image.read_up_to((first + 1) * block_size, length)?;
        let table_length = u64::from(le32(&superblock, 0x28)) * found.inode_size as u64;
        for descriptor in descriptors.chunks_exact(descriptor_size) {
            let high = if is_64 { le32(descriptor, 0x28) } else { 0 };
            let block = u64::from(le32(descriptor, 0x08)) | u64::from(high) << 32;
            if let Some(start) = block.checked_mul(block_size) {
                found.tables.push(start..start.saturating_add(table_length));
            }
        }
        Ok(found.checked())
    }

    /// Tables of a file system that can be: of inodes that are not smaller than any, and beside each other. Otherwise none.
    fn checked(mut self) -> Self {
        self.tables.sort_by_key(|table| table.start);
        let mut pairs = self.tables.windows(2);
        if self.inode_size < 128 || pairs.any(|pair| pair[1].start < pair[0].end) {
            self.tables.clear();
        }
        self
    }

    /// Replaces the times in the inodes among the bytes that were read by 1970, if the reader would not take them.
    pub(super) fn replace_times(&self, offset: u64, bytes: &mut [u8]) {
        let end = offset.saturating_add(bytes.len() as u64);
        let first = self.tables.partition_point(|table| table.end <= offset);
        let size = self.inode_size as u64;
        let tables = self.tables.iter().skip(first);
        for table in tables.take_while(|table| table.start < end) {
            // Blocks are read as a whole, and inodes do not cross them.
            let before = offset.saturating_sub(table.start).next_multiple_of(size);
            let mut at = table.start + before;
            while at + size <= end.min(table.end) {
                let start = usize::try_from(at - offset).unwrap_or(usize::MAX);
                if let Some(inode) = bytes
                    .get_mut(start..)
                    .and_then(|rest| rest.get_mut(..self.inode_size))
                {
                    replace_times(inode);
                }
                at += size;
            }
        }
    }
}

fn replace_times(inode: &mut [u8]) {
    for (low, high) in FIELDS {
        let Some(seconds) = inode.get_mut(low..low + 4) else {
            continue;
        };
        let is_negative = seconds[3] & 0x80 != 0;
        if is_negative {
            seconds.fill(0);
        }
        if let Some(extra) = inode.get_mut(high..high + 4) {
            // The upper 30 bits are nanoseconds.
            if is_negative || le32(extra, 0) >> 2 >= 1_000_000_000 {
                extra.fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inodes_that_were_read_whole_are_changed() {
        let tables = InodeTables {
            tables: vec![100 * 256..102 * 256, 200 * 256..201 * 256],
            inode_size: 256,
        };
        let read = |offset: u64, inodes: usize| {
            let mut bytes = vec![0xff; inodes * 256];
            tables.replace_times(offset, &mut bytes);
            let changed = bytes.chunks(256).map(|inode| inode[0x10..0x14] == [0; 4]);
            changed.collect::<Vec<_>>()
        };
        assert_eq!(read(99 * 256, 4), [false, true, true, false]);
        assert_eq!(read(101 * 256, 1), [true]);
        assert_eq!(read(102 * 256, 2), [false, false]);
        assert_eq!(read(100 * 256 - 128, 1), [false]);
    }

    #[test]
    fn tables_that_cannot_be_are_not_used() {
        let checked = |inode_size, tables: [Range<u64>; 2]| {
            let tables = InodeTables {
                tables: tables.to_vec(),
                inode_size,
            };
            tables.checked().tables.len()
        };
        assert_eq!(checked(128, [8192..9216, 4096..8192]), 2);
        assert_eq!(checked(128, [4096..8193, 8192..9216]), 0);
        assert_eq!(checked(0, [4096..8192, 8192..9216]), 0);
        InodeTables::default().replace_times(0, &mut [0xff; 512]);
    }

    #[test]
    fn times_that_the_reader_takes_are_kept() {
        let mut inode = vec![0; 256];
        // 2030 with nanoseconds, and 1960.
        inode[0x10..0x14].copy_from_slice(&1_900_000_000_u32.to_le_bytes());
        inode[0x88..0x8c].copy_from_slice(&(5_u32 << 2).to_le_bytes());
        inode[0x08..0x0c].copy_from_slice(&(-300_000_000_i32).to_le_bytes());
        inode[0x8c..0x90].copy_from_slice(&(7_u32 << 2).to_le_bytes());
        replace_times(&mut inode);
        assert_eq!(inode[0x10..0x14], 1_900_000_000_u32.to_le_bytes());
        assert_eq!(inode[0x88..0x8c], (5_u32 << 2).to_le_bytes());
        assert_eq!(inode[0x08..0x0c], [0; 4]);
        assert_eq!(inode[0x8c..0x90], [0; 4]);
    }
}
