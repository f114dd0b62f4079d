//! The GUID partition table: a header and an array of entries at the start, both again at the end.

use std::fmt::Write;
use std::io;

use gumnut_signatures::{Window, le32, le64, printable};

use super::Entry;

/// A GUID partition table: its primary header and entries as they stand in the image.
#[derive(Clone, Debug)]
pub(crate) struct Gpt {
    sector: u64,
    /// The protective master boot record.
    mbr: Vec<u8>,
    header: Vec<u8>,
    entries: Vec<u8>,
    damage: Option<String>,
}

pub(super) const SIGNATURE: &[u8] = b"EFI PART";
/// Length of the header of every version so far, in bytes.
const HEADER: usize = 92;
/// All tables in use have 128 entries of 128 bytes, 16 KiB.
const MAX_ENTRIES: usize = 1 << 20;
/// The GUID of an EFI system partition, as it stands in the table.
const EFI_SYSTEM: [u8; 16] = guid(
    0xC12A_7328,
    0xF81F,
    0x11D2,
    [0xBA, 0x4B, 0, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B],
);
const LINUX: [u8; 16] = guid(
    0x0FC6_3DAF,
    0x8483,
    0x4772,
    [0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4],
);
const LINUX_ROOT_X86_64: [u8; 16] = guid(
    0x4F68_BCE3,
    0xE8CD,
    0x4DB1,
    [0x96, 0xE7, 0xFB, 0xCA, 0xF9, 0x84, 0xB7, 0x09],
);
const LINUX_SWAP: [u8; 16] = guid(
    0x0657_FD6D,
    0xA4AB,
    0x43C4,
    [0x84, 0xE5, 0x09, 0x33, 0xC8, 0x4B, 0x4F, 0x4F],
);
const BIOS_BOOT: [u8; 16] = guid(
    0x2168_6148,
    0x6449,
    0x6E6F,
    [0x74, 0x4E, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49],
);

const fn guid(a: u32, b: u16, c: u16, d: [u8; 8]) -> [u8; 16] {
    let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6],
        d[7],
    ]
}

/// The sector size of the table that `head` shows, in bytes; `None` when it shows none.
pub(super) fn sector(head: &[u8]) -> Option<u64> {
    [512, 4096].into_iter().find(|at| {
        let at = usize::try_from(*at).unwrap_or(usize::MAX);
        head.get(at..)
            .is_some_and(|head| head.starts_with(SIGNATURE))
    })
}

impl Gpt {
    /// Reads the primary table of a disk; what is wrong with it is kept.
    pub(super) fn read(disk: &Window, sector: u64) -> io::Result<Self> {
        let mut gpt = Self {
            sector,
            mbr: disk.read_up_to(0, 512)?,
            header: disk.read_up_to(sector, HEADER)?,
            entries: Vec::new(),
            damage: None,
        };
        match gpt.array() {
            Some((at, length)) => gpt.entries = disk.read_up_to(at, length)?,
            None => gpt.damage = Some("the header of the table is invalid".to_owned()),
        }
        let damage = gpt.checked(disk);
        gpt.damage = gpt.damage.or(damage);
        Ok(gpt)
    }

    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Where the array of entries is and how long it is, in bytes, if that can be.
    fn array(&self) -> Option<(u64, usize)> {
        let size = self.entry_size()?;
        let length = usize::try_from(le32(&self.header, 80))
            .ok()?
            .checked_mul(size)?;
        let at = le64(&self.header, 72).checked_mul(self.sector)?;
        (length <= MAX_ENTRIES && le32(&self.header, 12) == 92).then_some((at, length))
    }

    fn entry_size(&self) -> Option<usize> {
        let size = usize::try_from(le32(&self.header, 84)).ok()?;
        (size.is_multiple_of(128) && (128..=4096).contains(&size)).then_some(size)
    }

    fn checked(&self, disk: &Window) -> Option<String> {
        let mut header = self.header.clone();
        header.get_mut(16..20)?.fill(0);
        if crc32fast::hash(&header) != le32(&self.header, 16) {
            return Some("the checksum of its header is wrong".to_owned());
        }
        if crc32fast::hash(&self.entries) != le32(&self.header, 88) {
            return Some("the checksum of its entries is wrong".to_owned());
        }
        let backup = le64(&self.header, 32).checked_mul(self.sector);
        if backup.is_none_or(|at| at >= disk.length()) {
            return Some("its backup is beyond the end of the image".to_owned());
        }
        None
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let size = self.entry_size().unwrap_or(128);
        let entries = self.entries.chunks_exact(size).zip(1..);
        let used = entries.filter(|(entry, _)| entry[..16] != [0; 16]);
        used.filter_map(|(entry, number)| self.entry(entry, number))
            .collect()
    }

    fn entry(&self, entry: &[u8], number: u32) -> Option<Entry> {
        let (first, last) = (le64(entry, 32), le64(entry, 40));
        let sectors = last.checked_sub(first)?.checked_add(1)?;
        let name: Vec<u16> = entry[56..128]
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        Some(Entry {
            number,
            start: first.checked_mul(self.sector)?,
            length: sectors.checked_mul(self.sector)?,
            kind: kind(&entry[..16]),
            name: printable(String::from_utf16_lossy(&name).as_bytes(), 128),
            active: false,
        })
    }

    pub(super) fn has_efi_system(&self) -> bool {
        let size = self.entry_size().unwrap_or(128);
        self.entries
            .chunks_exact(size)
            .any(|entry| entry[..16] == EFI_SYSTEM)
    }

    /// Bytes behind the last usable sector: the second array of entries and the second header.
    pub(crate) fn trailer(&self) -> u64 {
        (self.entries.len() as u64).next_multiple_of(self.sector) + self.sector
    }

    /// The table for a disk of `disk` bytes, a multiple of the sector, in which partition `number` has
    /// `length` bytes: pieces with their offsets. `None` when the table cannot say it.
    pub(crate) fn with_length(
        &self,
        number: u32,
        length: u64,
        disk: u64,
    ) -> Option<Vec<(u64, Vec<u8>)>> {
        let sectors = disk / self.sector;
        let mut entries = self.entries.clone();
        let size = self.entry_size()?;
        let at = usize::try_from(number.checked_sub(1)?)
            .ok()?
            .checked_mul(size)?;
        let entry = entries.get_mut(at..at + size)?;
        let first = le64(entry, 32);
        let last = first.checked_add(length / self.sector)?.checked_sub(1)?;
        entry[40..48].copy_from_slice(&last.to_le_bytes());

        let array = self.trailer() / self.sector - 1;
        let last_usable = sectors.checked_sub(2 + array)?;
        if last > last_usable {
            return None;
        }
        let mut header = self.header.clone();
        header[48..56].copy_from_slice(&last_usable.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let primary_array = le64(&self.header, 72);
        let primary = sealed(&header, 1, sectors - 1, primary_array);
        let backup = sealed(&header, sectors - 1, 1, sectors - 1 - array);
        Some(vec![
            (0, self.adapted_mbr(sectors, first, length / self.sector)?),
            (self.sector, primary),
            (primary_array * self.sector, entries.clone()),
            ((sectors - 1 - array) * self.sector, entries),
            ((sectors - 1) * self.sector, backup),
        ])
    }

    /// Why the master boot record would not fit a disk whose last partition, `last`, has another length. A protective one does;
    /// one that repeats partitions (hybrid) does when its protective entries are before the last partition.
    pub(super) fn fixed(&self, last: &Entry) -> Option<&'static str> {
        let start = last.start / self.sector;
        let used = || entries_of(&self.mbr).filter(|entry| entry[4] != 0);
        let is_hybrid = used().any(|entry| entry[4] != PROTECTIVE);
        let covers = |entry: &[u8]| {
            let (first, count) = (u64::from(le32(entry, 8)), u64::from(le32(entry, 12)));
            entry[4] == PROTECTIVE && first + count > start
        };
        // Anything else that reaches behind the start of the partition would overlap it or be in the middle of it.
        let overlaps = |entry: &[u8]| {
            let (first, count) = (u64::from(le32(entry, 8)), u64::from(le32(entry, 12)));
            entry[4] != PROTECTIVE && first != start && first + count > start
        };
        (is_hybrid && used().any(|entry| covers(entry) || overlaps(entry))).then_some(
            "its hybrid MBR protects the space after the last partition; make it a protective one with `sgdisk` on a copy",
        )
    }

    /// The master boot record of a disk of so many sectors, in which the partition that begins at `start` has `length` sectors. A
    /// protective entry covers the disk; in a hybrid one the copy of the partition gets its length. `None` when 32 bits cannot
    /// say it.
    fn adapted_mbr(&self, sectors: u64, start: u64, length: u64) -> Option<Vec<u8>> {
        let mut mbr = self.mbr.clone();
        let is_hybrid = entries_of(&mbr).any(|entry| !matches!(entry[4], 0 | PROTECTIVE));
        let table = mbr.get_mut(MBR_TABLE).unwrap_or_default();
        for entry in table.chunks_exact_mut(16) {
            let first = u64::from(le32(entry, 8));
            if entry[4] == PROTECTIVE && !is_hybrid {
                let all = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
                entry[12..16].copy_from_slice(&all.to_le_bytes());
            } else if !matches!(entry[4], 0 | PROTECTIVE) && first == start {
                let count = u32::try_from(length).ok()?;
                le32(entry, 8).checked_add(count)?;
                // Cylinder, head and sector of the end: the value for "beyond what they can count".
                entry[5..8].copy_from_slice(&[0xFE, 0xFF, 0xFF]);
                entry[12..16].copy_from_slice(&count.to_le_bytes());
            }
        }
        Some(mbr)
    }
}

/// Where the entries of a master boot record stand, and the type of those that only protect a GPT.
const MBR_TABLE: std::ops::Range<usize> = 446..510;
const PROTECTIVE: u8 = 0xEE;

fn entries_of(mbr: &[u8]) -> impl Iterator<Item = &[u8]> {
    mbr.get(MBR_TABLE).unwrap_or_default().chunks_exact(16)
}

/// A header for one of its two places, with its checksum.
fn sealed(header: &[u8], here: u64, there: u64, entries: u64) -> Vec<u8> {
    let mut header = header.to_vec();
    header[24..32].copy_from_slice(&here.to_le_bytes());
    header[32..40].copy_from_slice(&there.to_le_bytes());
    header[72..80].copy_from_slice(&entries.to_le_bytes());
    header[16..20].fill(0);
    let checksum = crc32fast::hash(&header);
    header[16..20].copy_from_slice(&checksum.to_le_bytes());
    header
}

fn kind(guid: &[u8]) -> String {
    let known = [
        (EFI_SYSTEM, "EFI system"),
        (LINUX, "Linux"),
        (LINUX_ROOT_X86_64, "Linux root (x86_64)"),
        (LINUX_SWAP, "Linux swap"),
        (BIOS_BOOT, "BIOS boot"),
    ];
    let name = known.iter().find(|(known, _)| known == guid);
    name.map_or_else(
        || format!("type {}", hex(guid)),
        |(_, name)| (*name).to_owned(),
    )
}

/// The GUID as tools print it: its first three numbers are little-endian.
fn hex(guid: &[u8]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (index, byte) in ORDER.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{:02X}", guid.get(byte).copied().unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_or_shown_as_tools_show_them() {
        assert_eq!(kind(&LINUX), "Linux");
        assert_eq!(hex(&EFI_SYSTEM), "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    }
}
