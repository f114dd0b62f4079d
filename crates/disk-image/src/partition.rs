//! Partition tables: recognised, so that a whole disk is not taken for a file system.

use std::fmt;

use crate::text::le32;

/// The kind of partition table that a disk image begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionTable {
    /// Master boot record, with the number of primary partitions in use.
    Mbr {
        /// Entries in use, 1 to 4.
        partitions: u8,
    },
    /// GUID partition table.
    Gpt,
}

const GPT: &[u8] = b"EFI PART";
/// Offset of the GPT header for 512-byte and for 4096-byte sectors.
const GPT_AT: [usize; 2] = [512, 4096];

/// How many bytes [`recognise`] looks at.
pub(crate) const HEADER: usize = 4096 + 8;

/// The table at the start of a disk image of `length` bytes.
pub(crate) fn recognise(bytes: &[u8], length: u64) -> Option<PartitionTable> {
    let gpt = |at: usize| bytes.get(at..at + GPT.len()) == Some(GPT);
    if GPT_AT.into_iter().any(gpt) {
        return Some(PartitionTable::Gpt);
    }
    let table = bytes.get(446..512)?;
    if table[64..] != [0x55, 0xAA] {
        return None;
    }
    let mut partitions = 0;
    // A boot sector of a bare file system ends in 55 AA too; its code is hardly ever a valid table.
    for entry in table[..64].chunks_exact(16) {
        match entry_in_use(entry, length) {
            Some(true) => partitions += 1,
            Some(false) => {}
            None => return None,
        }
    }
    (partitions > 0).then_some(PartitionTable::Mbr { partitions })
}

/// Whether a table entry names a partition; `None` when it cannot be a table entry.
fn entry_in_use(entry: &[u8], length: u64) -> Option<bool> {
    const SECTOR: u64 = 512;
    if !matches!(entry[0], 0 | 0x80) {
        return None;
    }
    let (start, sectors) = (u64::from(le32(entry, 8)), u64::from(le32(entry, 12)));
    if entry[4] == 0 {
        return (sectors == 0).then_some(false);
    }
    let fits = start > 0 && sectors > 0 && start < length.div_ceil(SECTOR);
    fits.then_some(true)
}

impl fmt::Display for PartitionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mbr { partitions: 1 } => f.write_str("MBR with 1 partition"),
            Self::Mbr { partitions } => write!(f, "MBR with {partitions} partitions"),
            Self::Gpt => f.write_str("GPT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 64 << 20;

    fn mbr(start: u32, sectors: u32, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[446] = 0x80;
        bytes[450] = kind;
        bytes[454..458].copy_from_slice(&start.to_le_bytes());
        bytes[458..462].copy_from_slice(&sectors.to_le_bytes());
        bytes[510..].copy_from_slice(&[0x55, 0xAA]);
        bytes
    }

    #[test]
    fn tables_are_recognised() {
        let one = Some(PartitionTable::Mbr { partitions: 1 });
        assert_eq!(recognise(&mbr(2048, 1000, 0x83), LENGTH), one);
        let mut gpt = mbr(1, u32::MAX, 0xEE);
        gpt.extend(GPT);
        assert_eq!(recognise(&gpt, LENGTH), Some(PartitionTable::Gpt));
    }

    #[test]
    fn boot_sectors_without_a_table_are_not() {
        assert_eq!(recognise(&mbr(0, 0, 0), LENGTH), None);
        assert_eq!(recognise(&mbr(0, 1000, 0x83), LENGTH), None);
        assert_eq!(recognise(&mbr(0x4000_0000, 1000, 0x83), LENGTH), None);
        let mut code = mbr(2048, 1000, 0x83);
        code[462] = 0xEB;
        assert_eq!(recognise(&code, LENGTH), None);
        assert_eq!(recognise(&[0; 100], LENGTH), None);
    }
}
