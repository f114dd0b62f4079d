//! The image that is to be resized, and where in it the file system is.

use std::path::{Path, PathBuf};

use fs_err::File;

use super::NewSize;
use super::stamp;
use crate::error::DiskImageError;
use crate::inspect::{self, Kind};
use crate::partition::{Entry, SECTOR, Table};
use crate::superblock::Superblock;
use crate::window::Window;

/// An open image with one file system that can be resized.
pub(super) struct Subject {
    path: PathBuf,
    file: File,
    length: u64,
    stamp: (u64, i64, i64),
    layout: Layout,
}

pub(super) enum Layout {
    /// The file system is the image.
    Bare(Superblock),
    /// It is in the last partition.
    Partition(Last),
}

/// The last partition of a disk.
pub(super) struct Last {
    pub(super) table: Table,
    pub(super) entry: Entry,
    pub(super) superblock: Superblock,
}

/// Partitions end at multiples of this, the block of most file systems and disks, in bytes.
const ALIGNMENT: u64 = 4096;

impl Subject {
    pub(super) fn open(path: &Path) -> Result<Self, DiskImageError> {
        let (file, length) = inspect::open(path)?;
        let window = Window::whole(&file, length)?;
        let layout = match inspect::classify(&window)? {
            Kind::Ext(superblock) => {
                whole(path, &superblock, length)?;
                Layout::Bare(superblock)
            }
            Kind::Disk(table) => Layout::Partition(last(path, &window, table)?),
            Kind::Other(content) => {
                return Err(DiskImageError::NoFileSystem {
                    path: path.to_owned(),
                    found: content.to_string(),
                });
            }
        };
        Ok(Self {
            path: path.to_owned(),
            stamp: stamp(&file.metadata()?),
            file,
            length,
            layout,
        })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn superblock(&self) -> &Superblock {
        match &self.layout {
            Layout::Bare(superblock) => superblock,
            Layout::Partition(last) => &last.superblock,
        }
    }

    /// Where the file system begins, in bytes.
    pub(super) fn start(&self) -> u64 {
        match &self.layout {
            Layout::Bare(_) => 0,
            Layout::Partition(last) => last.entry.start,
        }
    }

    pub(super) fn partition(&self) -> Option<u32> {
        match &self.layout {
            Layout::Bare(_) => None,
            Layout::Partition(last) => Some(last.entry.number),
        }
    }

    /// Length of an image whose file system has `length` bytes.
    pub(super) fn image_size(&self, length: u64) -> u64 {
        match &self.layout {
            Layout::Bare(_) => length,
            Layout::Partition(last) => {
                last.entry.start + length.next_multiple_of(ALIGNMENT) + last.trailer()
            }
        }
    }

    /// Length of the file system in an image of that size; `None` when it is to be found out.
    pub(super) fn file_system_size(&self, size: NewSize) -> Result<Option<u64>, DiskImageError> {
        let NewSize::Bytes(requested) = size else {
            return Ok(None);
        };
        let block = match &self.layout {
            Layout::Bare(superblock) => superblock.block_size,
            Layout::Partition(_) => SECTOR,
        };
        if !requested.is_multiple_of(block) {
            return Err(DiskImageError::Unaligned {
                requested,
                block_size: block,
                next: requested.div_ceil(block).saturating_mul(block),
            });
        }
        let Layout::Partition(last) = &self.layout else {
            return Ok(Some(requested));
        };
        let around = last.entry.start + last.trailer();
        let room = requested.saturating_sub(around);
        let unit = ALIGNMENT.max(last.superblock.block_size);
        Ok(Some(room - room % unit))
    }

    /// An error if somebody wrote to the image since it was opened.
    pub(super) fn unchanged(&self) -> Result<(), DiskImageError> {
        if stamp(&self.file.metadata()?) == self.stamp {
            return Ok(());
        }
        Err(DiskImageError::Changed {
            path: self.path.clone(),
        })
    }
}

impl Last {
    /// Bytes that the table needs behind the partition.
    pub(super) fn trailer(&self) -> u64 {
        match &self.table {
            Table::Mbr(_) => 0,
            Table::Gpt(gpt) => gpt.trailer(),
        }
    }

    /// The table for a disk of `disk` bytes in which the partition has `length`.
    pub(super) fn table_for(&self, length: u64, disk: u64) -> Option<Vec<(u64, Vec<u8>)>> {
        match &self.table {
            Table::Mbr(mbr) => Some(vec![(0, mbr.with_length(self.entry.number, length)?)]),
            Table::Gpt(gpt) => gpt.with_length(self.entry.number, length, disk),
        }
    }
}

/// Refuses a file system that goes on behind the end of its file or partition.
fn whole(path: &Path, superblock: &Superblock, length: u64) -> Result<(), DiskImageError> {
    let file_system = superblock.length();
    if file_system <= length {
        return Ok(());
    }
    Err(DiskImageError::Truncated {
        path: path.to_owned(),
        length,
        file_system,
    })
}

/// The last partition of a disk, if it can be resized.
fn last(path: &Path, disk: &Window, table: Table) -> Result<Last, DiskImageError> {
    let refused = |reason: String| DiskImageError::Partitioned {
        path: path.to_owned(),
        table: table.kind(),
        reason,
    };
    if let Some(damage) = table.damage() {
        return Err(refused(damage.to_owned()));
    }
    let mut entries = table.entries();
    entries.sort_by_key(|entry| entry.start);
    if entries
        .windows(2)
        .any(|pair| pair[0].start.saturating_add(pair[0].length) > pair[1].start)
    {
        return Err(refused("its partitions overlap".to_owned()));
    }
    let Some(entry) = entries.pop() else {
        return Err(refused("it has no partition".to_owned()));
    };
    let number = entry.number;
    if matches!(&table, Table::Mbr(mbr) if mbr.is_extended(number)) {
        let reason = format!("partition {number}, the last, holds others");
        return Err(refused(reason));
    }
    let window = disk.part(entry.start, entry.length)?;
    let Some(superblock) = inspect::superblock_of(&window)? else {
        let reason = format!("partition {number}, the last, holds no ext2, ext3 or ext4");
        return Err(refused(reason));
    };
    whole(path, &superblock, window.length())?;
    Ok(Last {
        table,
        entry,
        superblock,
    })
}
