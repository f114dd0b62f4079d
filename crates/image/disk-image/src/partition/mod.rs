//! Partition tables: MBR and GPT, read and adapted to a disk of another length.

mod gpt;
mod mbr;

use gumnut_signatures::Window;
use std::fmt;
use std::io;

pub(crate) use gpt::Gpt;
pub(crate) use mbr::Mbr;

/// The kind of partition table that a disk image begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionTable {
    /// Master boot record.
    Mbr,
    /// GUID partition table.
    Gpt,
}

/// One entry of a partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its number, from 1 on, as Linux counts.
    pub number: u32,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
    /// What it is for: a type in words, or its code.
    pub kind: String,
    /// Its name; only GPT has one.
    pub name: String,
    /// Whether an MBR marks it active.
    pub active: bool,
}

/// A partition table with all that it says.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    Mbr(Mbr),
    Gpt(Gpt),
}

/// The sector that partition tables count in unless they say otherwise, in bytes.
pub(crate) const SECTOR: u64 = 512;
/// How many bytes [`recognise`] looks at.
pub(crate) const HEADER: usize = 4096 + gpt::SIGNATURE.len();

/// The table at the start of a disk image, of which `head` are the first bytes.
pub(crate) fn read(head: &[u8], disk: &Window) -> io::Result<Option<Table>> {
    if let Some(sector) = gpt::sector(head) {
        return Ok(Some(Table::Gpt(Gpt::read(disk, sector)?)));
    }
    Ok(Mbr::parse(head, disk.length()).map(Table::Mbr))
}

impl Table {
    /// Which of the two it is.
    pub(crate) fn kind(&self) -> PartitionTable {
        match self {
            Self::Mbr(_) => PartitionTable::Mbr,
            Self::Gpt(_) => PartitionTable::Gpt,
        }
    }

    /// The entries in use.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        match self {
            Self::Mbr(mbr) => mbr.entries(),
            Self::Gpt(gpt) => gpt.entries(),
        }
    }

    /// Whether a machine could start from it as far as the table shows.
    pub(crate) fn bootable(&self, head: &[u8]) -> bool {
        // The first bytes of an MBR are code, or nothing at all.
        let code = head
            .get(..440)
            .is_some_and(|code| code.iter().any(|byte| *byte != 0));
        code || matches!(self, Self::Gpt(gpt) if gpt.has_efi_system())
    }

    /// Why this partition, the last, cannot get another length; `None` when it can.
    pub(crate) fn fixed(&self, entry: &Entry) -> Option<&'static str> {
        match self {
            Self::Mbr(_) => None,
            Self::Gpt(gpt) => gpt.fixed(entry),
        }
    }

    /// What is wrong with the table itself.
    pub(crate) fn damage(&self) -> Option<&str> {
        match self {
            Self::Mbr(_) => None,
            Self::Gpt(gpt) => gpt.damage(),
        }
    }
}

impl fmt::Display for PartitionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mbr => "MBR",
            Self::Gpt => "GPT",
        })
    }
}
