//! The master boot record: four entries of 16 bytes at byte 446.

use gumnut_signatures::le32;

use super::{Entry, SECTOR};

/// A master boot record, as its 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mbr(Vec<u8>);

/// Where the four entries begin.
const TABLE: usize = 446;
const ENTRY: usize = 16;
/// Partitions that hold further ones.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];

impl Mbr {
    /// Reads the table at the start of a disk of `length` bytes; `None` where there is none.
    pub(super) fn parse(bytes: &[u8], length: u64) -> Option<Self> {
        let sector = bytes.get(..512)?;
        if sector[510..] != [0x55, 0xAA] {
            return None;
        }
        let mut used = 0;
        // A boot sector of a bare file system ends in 55 AA too; its code is hardly ever a valid table.
        for entry in sector[TABLE..510].chunks_exact(ENTRY) {
            used += usize::from(in_use(entry, length)?);
        }
        (used > 0).then(|| Self(sector.to_vec()))
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entries = self.0[TABLE..510].chunks_exact(ENTRY).zip(1..);
        let used = entries.filter(|(entry, _)| entry[4] != 0);
        used.map(|(entry, number)| Entry {
            number,
            start: u64::from(le32(entry, 8)) * SECTOR,
            length: u64::from(le32(entry, 12)) * SECTOR,
            kind: kind(entry[4]),
            name: String::new(),
            active: entry[0] == 0x80,
        })
        .collect()
    }

    /// Whether partition `number` holds further ones.
    pub(crate) fn is_extended(&self, number: u32) -> bool {
        Self::entry(number).is_some_and(|at| EXTENDED.contains(&self.0[at + 4]))
    }

    /// The sector with another length for one partition; `None` when the table cannot say it.
    pub(crate) fn with_length(&self, number: u32, length: u64) -> Option<Vec<u8>> {
        let at = Self::entry(number)?;
        let sectors = u32::try_from(length / SECTOR).ok()?;
        le32(&self.0, at + 8).checked_add(sectors)?;
        let mut sector = self.0.clone();
        // Cylinder, head and sector of the end: the value for "beyond what they can count".
        sector[at + 5..at + 8].copy_from_slice(&[0xFE, 0xFF, 0xFF]);
        sector[at + 12..at + 16].copy_from_slice(&sectors.to_le_bytes());
        Some(sector)
    }

    fn entry(number: u32) -> Option<usize> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        (index < 4).then_some(TABLE + index * ENTRY)
    }
}

/// Whether a table entry names a partition; `None` when it cannot be a table entry.
fn in_use(entry: &[u8], length: u64) -> Option<bool> {
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

fn kind(code: u8) -> String {
    let known = match code {
        0x83 => "Linux",
        0x82 => "Linux swap",
        0x8E => "Linux LVM",
        0xEF => "EFI system",
        0x07 => "NTFS",
        0x0B | 0x0C => "FAT32",
        code if EXTENDED.contains(&code) => "extended",
        code => return format!("type {code:#04x}"),
    };
    known.to_owned()
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
    fn entries_are_read() {
        let table = Mbr::parse(&mbr(2048, 1000, 0x83), LENGTH).unwrap();
        let [entry] = table.entries().try_into().unwrap();
        assert_eq!((entry.start, entry.length), (1 << 20, 512_000));
        assert_eq!((entry.number, entry.kind.as_str()), (1, "Linux"));
        assert!(entry.active && !table.is_extended(1));
        assert!(
            Mbr::parse(&mbr(2048, 1000, 5), LENGTH)
                .unwrap()
                .is_extended(1)
        );
    }

    #[test]
    fn boot_sectors_without_a_table_are_not_taken_for_one() {
        assert_eq!(Mbr::parse(&mbr(0, 0, 0), LENGTH), None);
        assert_eq!(Mbr::parse(&mbr(0, 1000, 0x83), LENGTH), None);
        assert_eq!(Mbr::parse(&mbr(0x4000_0000, 1000, 0x83), LENGTH), None);
        let mut code = mbr(2048, 1000, 0x83);
        code[462] = 0xEB;
        assert_eq!(Mbr::parse(&code, LENGTH), None);
        assert_eq!(Mbr::parse(&[0; 100], LENGTH), None);
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        let table = Mbr::parse(&mbr(2048, 1000, 0x83), LENGTH).unwrap();
        let longer = table.with_length(1, 1 << 30).unwrap();
        let longer = Mbr::parse(&longer, 2 << 30).unwrap();
        assert_eq!(longer.entries()[0].length, 1 << 30);
        assert_eq!(table.with_length(1, 2 << 40), None);
        assert_eq!(table.with_length(0, 1 << 30), None);
        assert_eq!(table.with_length(5, 1 << 30), None);
    }
}
