//! The image that is to be resized, and where in it the file system is.

use std::path::{Path, PathBuf};

use fs_err::File;
use gumnut_signatures::{Volume, Window};

use super::NewSize;
use super::stamp;
use crate::content::Content;
use crate::error::DiskImageError;
use crate::features::Features;
use crate::inspect::{self, Kind};
use crate::partition::{Entry, SECTOR, Table};
use crate::superblock::Superblock;

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
            Kind::Other(Content::Volume(volume)) => {
                return Err(DiskImageError::OtherFileSystem {
                    path: path.to_owned(),
                    found: volume.to_string(),
                    remedy: remedy(volume),
                });
            }
            Kind::Other(content) => {
                return Err(DiskImageError::NoFileSystem {
                    path: path.to_owned(),
                    found: content.to_string(),
                });
            }
        };
        let subject = Self {
            path: path.to_owned(),
            stamp: stamp(&file.metadata()?),
            file,
            length,
            layout,
        };
        subject.resizable()?;
        Ok(subject)
    }

    /// Refuses what resize2fs refuses whatever the size.
    fn resizable(&self) -> Result<(), DiskImageError> {
        let features = self.superblock().features;
        if features.has(Features::BIGALLOC) {
            return Err(self.not_resizable(
                "it has the feature bigalloc, which resize2fs does not resize; make a larger file system with \
                 `mke2fs -d`, without bigalloc",
            ));
        }
        if features.has(Features::JOURNAL_DEVICE) {
            return Err(self.not_resizable("it is the journal of another file system"));
        }
        Ok(())
    }

    fn not_resizable(&self, reason: &'static str) -> DiskImageError {
        DiskImageError::NotResizable {
            path: self.path.clone(),
            reason,
        }
    }

    /// Refuses a length of the file system that its features do not allow.
    fn allowed(&self, length: u64) -> Result<u64, DiskImageError> {
        let superblock = self.superblock();
        let features = superblock.features;
        if length < superblock.length() && features.has(Features::STABLE_INODES) {
            return Err(
                self.not_resizable("it has the feature stable_inodes, with which it can only grow")
            );
        }
        if !features.is_64bit() && length / superblock.block_size > u64::from(u32::MAX) {
            return Err(self.not_resizable(
                "without the feature 64bit it has at most 4,294,967,295 blocks; choose a smaller size",
            ));
        }
        Ok(length)
    }

    /// The partition table of a disk of this length in bytes whose last partition reaches its end.
    pub(super) fn table(
        &self,
        last: &Last,
        disk: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, DiskImageError> {
        let room = disk.saturating_sub(last.entry.start + last.trailer());
        let length = room - room % last.superblock.block_size.max(ALIGNMENT);
        last.table_for(length, disk)
            .ok_or_else(|| DiskImageError::Partitioned {
                path: self.path.clone(),
                table: last.table.kind(),
                reason: "its partition table cannot describe a disk of this size".to_owned(),
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
            return self.allowed(requested).map(Some);
        };
        let around = last.entry.start + last.trailer();
        let room = requested.saturating_sub(around);
        let unit = ALIGNMENT.max(last.superblock.block_size);
        let length = self.allowed(room - room % unit)?;
        if length > 0 {
            self.table(last, requested)?;
        }
        Ok(Some(length))
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

/// Refuses a file system that continues behind the end of its file or partition.
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
        let reason = format!(
            "partition {number}, the last, is an extended one, and the logical partitions in it are not resized; copy the \
             root file system into an image of its own"
        );
        return Err(refused(reason));
    }
    if let Some(reason) = table.fixed(&entry) {
        return Err(refused(reason.to_owned()));
    }
    let window = disk.part(entry.start, entry.length)?;
    let Some(superblock) = inspect::superblock_of(&window)? else {
        let reason = match Volume::recognise(&window)? {
            Some(volume) => format!(
                "partition {number}, the last, contains {volume}, and only ext2, ext3 and ext4 are resized; {}",
                remedy(volume)
            ),
            None => format!("partition {number}, the last, has no ext2, ext3 or ext4 file system"),
        };
        return Err(refused(reason));
    };
    whole(path, &superblock, window.length())?;
    Ok(Last {
        table,
        entry,
        superblock,
    })
}

/// What to do about a file system that is not resized here.
fn remedy(volume: Volume) -> String {
    match (volume, volume.grown_by()) {
        (_, Some(tool)) => format!(
            "enlarge the image with `qemu-img resize` and the partition with `growpart`, and use {tool}"
        ),
        (Volume::Swap, None) => {
            "remove it from a copy with `sfdisk --delete`, so that the root is the last".to_owned()
        }
        (_, None) => "use the tools of that file system on a copy".to_owned(),
    }
}
