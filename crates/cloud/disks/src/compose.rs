//! The disk of an instance: what Eucalyptus made of a root file system, as one file and without loop devices.
//!
//! ```text
//! 0        1 MiB                                            swap at the end
//! │ table │ 1: the image │ 2: an empty ext3 (ephemeral) │ 3: swap │
//! ```

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_err::File;
use gumnut_disk_image::{Content, Inspection, State, inspect, replay_journal};
use gumnut_ext::{
    Attributes, ExtError, FileSystem, InodeSize, Options, Output, Plan, Size, Time, Tree,
};
use tempfile::NamedTempFile;

use crate::copy;
use crate::error::DiskError;

/// What the disk of an instance is made from.
#[derive(Clone, Copy, Debug)]
pub struct InstanceDisk<'a> {
    /// The machine image, raw: a root file system, or a whole disk, which is copied as it is.
    pub image: &'a Path,
    /// Size of the disk in bytes. A larger image gets a disk that is just large enough.
    pub size: u64,
    /// Size of the partition for swapping in bytes; it is left out when there is no room for it.
    pub swap: u64,
    /// Identifies the file system and the swap area; different for each instance.
    pub uuid: [u8; 16],
    /// When the file system is made, in seconds since 1970.
    pub time: u32,
}

/// The disk of an instance that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Composed {
    /// Where the root file system begins, in bytes. `None`: the image was a whole disk.
    pub root: Option<u64>,
    /// Size of the ephemeral file system in bytes; 0: there is none.
    pub ephemeral: u64,
    /// Size of the swap area in bytes; 0: there is none.
    pub swap: u64,
}

/// Where partitions begin: at multiples of this, so that blocks can be shared with the image.
const ALIGNMENT: u64 = 1 << 20;
/// The smallest file system that is worth a partition, in bytes.
const LEAST_EPHEMERAL: u64 = 32 << 20;
/// Sectors that a table of 2009 can count.
const MAX_SECTORS: u64 = u32::MAX as u64;
const PAGE: usize = 4096;
const SECTOR: u64 = 512;
const LINUX: u8 = 0x83;
const SWAP: u8 = 0x82;

/// Makes the disk of an instance as the new file `target`, with holes. Blocks are shared with the image where the file system can. A root
/// file system that was not left clean is checked by `e2fsck`, which replays its journal. Nothing is flushed to the disk: what is left
/// after a crash is not the disk of an instance.
///
/// # Errors
/// When the image cannot be read, the target is there or cannot be written, or the disk would be larger than a partition table can count.
/// No file is left then.
pub fn compose(disk: InstanceDisk<'_>, target: &Path) -> Result<Composed, DiskError> {
    let inspection = inspect(disk.image)?;
    let file = fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(target)
        .map_err(DiskError::system("create", target))?;
    let composed = fill(disk, &inspection, &file);
    if composed.is_err() {
        // Best effort: the error that led here is the one to report.
        let _ = fs_err::remove_file(target);
    }
    composed
}

fn fill(
    disk: InstanceDisk<'_>,
    inspection: &Inspection,
    file: &File,
) -> Result<Composed, DiskError> {
    let length = inspection.length;
    if let Content::Disk(_) = inspection.content {
        copy(disk.image, file, 0)?;
        let size = length.max(disk.size).next_multiple_of(SECTOR);
        file.set_len(size).map_err(failed(file))?;
        return Ok(Composed {
            root: None,
            ephemeral: 0,
            swap: 0,
        });
    }
    let layout = Layout::of(length, disk.size, disk.swap);
    if layout.end / SECTOR > MAX_SECTORS {
        return Err(DiskError::TooLarge(layout.end));
    }
    match &inspection.content {
        Content::FileSystem(found) if found.superblock.state != State::Clean => {
            let checked = checked_copy(disk.image, file.path())?;
            copy(checked.path(), file, ALIGNMENT)?;
        }
        _ => copy(disk.image, file, ALIGNMENT)?,
    }
    file.set_len(layout.end).map_err(failed(file))?;
    let partitions = [
        (LINUX, ALIGNMENT, layout.root),
        (LINUX, layout.ephemeral_at, layout.ephemeral),
        (SWAP, layout.swap_at, layout.swap),
    ];
    let [a, b, c, d, ..] = disk.uuid;
    write(file, &table([a, b, c, d], &partitions), 0)?;
    if layout.ephemeral > 0 {
        make_file_system(file, &layout, disk)?;
    }
    if layout.swap > 0 {
        write(file, &swap_header(layout.swap, disk.uuid), layout.swap_at)?;
    }
    Ok(Composed {
        root: Some(ALIGNMENT),
        ephemeral: layout.ephemeral,
        swap: layout.swap,
    })
}

/// Copies an image into a disk from byte `at` on.
fn copy(image: &Path, disk: &File, at: u64) -> Result<(), DiskError> {
    let from = File::open(image).map_err(DiskError::system("open", image))?;
    copy::share(&from, disk, at).map_err(failed(disk))
}

/// A copy of a file system beside the disk, whose journal was replayed and that was checked. It is removed when it is dropped.
fn checked_copy(image: &Path, disk: &Path) -> Result<NamedTempFile, DiskError> {
    let folder = disk.parent().unwrap_or(Path::new("."));
    let checked = NamedTempFile::new_in(folder).map_err(DiskError::system("write to", folder))?;
    let to = fs_err::OpenOptions::new().write(true).open(checked.path());
    let to = to.map_err(DiskError::system("write to", folder))?;
    copy(image, &to, 0)?;
    replay_journal(checked.path())?;
    Ok(checked)
}

/// Where the partitions are, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    root: u64,
    ephemeral_at: u64,
    ephemeral: u64,
    swap_at: u64,
    swap: u64,
    end: u64,
}

impl Layout {
    fn of(image: u64, size: u64, swap: u64) -> Self {
        let root = image.next_multiple_of(SECTOR);
        let behind_root = (ALIGNMENT + root).next_multiple_of(ALIGNMENT);
        let size = size / ALIGNMENT * ALIGNMENT;
        let available = size.saturating_sub(behind_root);
        let wanted = swap / ALIGNMENT * ALIGNMENT;
        let swap = if wanted <= available { wanted } else { 0 };
        let left = available - swap;
        let ephemeral = if left >= LEAST_EPHEMERAL { left } else { 0 };
        Self {
            root,
            ephemeral_at: behind_root,
            ephemeral,
            swap_at: behind_root + ephemeral,
            swap,
            end: size.max(behind_root),
        }
    }
}

/// A partition as the place of a file system.
struct Part<'a> {
    file: &'a File,
    start: u64,
}

impl Output for Part<'_> {
    fn set_size(&mut self, _: u64) -> io::Result<()> {
        // The disk has its size already.
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.file().write_all_at(bytes, self.start + offset)
    }
}

fn make_file_system(file: &File, layout: &Layout, disk: InstanceDisk<'_>) -> Result<(), DiskError> {
    let failed = |error| of_ext(file, error);
    let time = Time::from_seconds(disk.time.into());
    let tree = Tree::new(&Attributes::of_root(0o755, time)).map_err(failed)?;
    let options = Options {
        // What the kernels of 2007 can read.
        file_system: FileSystem::Ext3,
        inode_size: InodeSize::Bytes128,
        size: Size::Bytes(layout.ephemeral),
        ..Options::new(disk.uuid, disk.time)
    };
    let part = Part {
        file,
        start: layout.ephemeral_at,
    };
    let plan = Plan::new(tree, options).map_err(failed)?;
    let writer = plan.write(part).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(())
}

fn of_ext(file: &File, error: ExtError) -> DiskError {
    let source = match error {
        ExtError::Write(source) => source,
        error => io::Error::other(error),
    };
    DiskError::system("make the ephemeral file system in", file.path())(source)
}

/// A partition table of 2009, with an id of the disk, and type, start and length in bytes of up to four partitions. One of length 0 is left
/// out, and the others keep their numbers. The caller has checked that their sectors can be counted.
fn table(id: [u8; 4], partitions: &[(u8, u64, u64)]) -> Vec<u8> {
    const ID: usize = 440;
    const TABLE: usize = 446;
    const ENTRY: usize = 16;
    // Cylinder, head and sector: the value for "beyond what they can count".
    const BEYOND: [u8; 3] = [0xFE, 0xFF, 0xFF];
    let sectors = |bytes: u64| {
        u32::try_from(bytes / SECTOR)
            .unwrap_or(u32::MAX)
            .to_le_bytes()
    };
    let mut sector = vec![0; 512];
    sector[ID..ID + 4].copy_from_slice(&id);
    let entries = sector[TABLE..510].chunks_exact_mut(ENTRY);
    for (entry, (kind, start, length)) in entries.zip(partitions) {
        if *length == 0 {
            continue;
        }
        entry[1..4].copy_from_slice(&BEYOND);
        entry[4] = *kind;
        entry[5..8].copy_from_slice(&BEYOND);
        entry[8..12].copy_from_slice(&sectors(*start));
        entry[12..].copy_from_slice(&sectors(*length));
    }
    sector[510..].copy_from_slice(&[0x55, 0xAA]);
    sector
}

/// The first page of a swap area.
fn swap_header(length: u64, uuid: [u8; 16]) -> Vec<u8> {
    const VERSION: usize = 1024;
    const LAST_PAGE: usize = 1028;
    const UUID: usize = 1036;
    const MAGIC: &[u8] = b"SWAPSPACE2";
    let mut page = vec![0; PAGE];
    let last = u32::try_from(length / PAGE as u64 - 1).unwrap_or(u32::MAX);
    page[VERSION..VERSION + 4].copy_from_slice(&1_u32.to_le_bytes());
    page[LAST_PAGE..LAST_PAGE + 4].copy_from_slice(&last.to_le_bytes());
    page[UUID..UUID + 16].copy_from_slice(&uuid);
    let end = page.len();
    page[end - MAGIC.len()..].copy_from_slice(MAGIC);
    page
}

fn write(file: &File, bytes: &[u8], offset: u64) -> Result<(), DiskError> {
    file.file()
        .write_all_at(bytes, offset)
        .map_err(failed(file))
}

fn failed(file: &File) -> impl FnOnce(io::Error) -> DiskError {
    DiskError::system("write", file.path())
}

#[cfg(test)]
mod tests;
