//! What a file is, by its content.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use fs_err::File;
use gumnut_compression::{Compression, Decompressed};
use gumnut_signatures::{Archive, Drivers, Elf, Kernel, Ramdisk, Text, Volume, Window};

use crate::content::{Content, Contents, Disk, FileSystem, Inspection, Packed, Partition};
use crate::error::DiskImageError;
use crate::guest::Guest;
use crate::partition::{self, Table};
use crate::superblock::{self, State, Superblock};
use crate::virtual_disk::{self, VirtualDisk};

/// A file of which only the headers have been looked at.
pub(crate) enum Kind {
    Ext(Superblock),
    Disk(Table),
    Other(Content),
}

/// The library that reads files keeps a record per block group: 2 MiB for this many, which is
/// 16 TiB in the usual groups of 128 MiB.
const MAX_GROUPS: u64 = 1 << 17;
/// Partitions that are looked into.
const MAX_PARTITIONS: usize = 32;
/// Enough for every header that is looked for.
const HEAD: usize = 16 << 10;
const _: () = assert!(HEAD >= partition::HEADER && HEAD >= Kernel::HEADER && HEAD >= 2048);
/// How much of what is compressed is looked at, in bytes.
const PACKED_HEAD: u64 = 128 << 10;
const _: () = assert!(PACKED_HEAD >= Volume::REACH as u64);

/// Finds out what the file at `path` holds. Reads a bounded part of it and changes nothing; the
/// file may come from anybody.
///
/// # Errors
/// When the file is neither a regular one nor a block device, or cannot be read. Content that makes
/// no sense is no error.
pub fn inspect(path: &Path) -> Result<Inspection, DiskImageError> {
    let (file, length) = open(path)?;
    let window = Window::whole(&file, length)?;
    let content = match classify(&window)? {
        Kind::Other(content) => content,
        Kind::Ext(superblock) => Content::FileSystem(Box::new(file_system(&window, superblock)?)),
        Kind::Disk(table) => Content::Disk(disk(&window, &table)?),
    };
    let metadata = file.metadata()?;
    let allocated = if metadata.is_file() {
        metadata.blocks().saturating_mul(512)
    } else {
        length
    };
    Ok(Inspection {
        length,
        allocated,
        content,
    })
}

/// The drivers that are built into the kernel at `path`; `None` when its form does not show it. It decompresses the kernel.
///
/// # Errors
/// When the file cannot be read.
pub fn built_in_drivers(path: &Path) -> Result<Option<Drivers>, DiskImageError> {
    let (file, length) = open(path)?;
    Ok(Drivers::built_in(&Window::whole(&file, length)?)?)
}

/// Opens a regular file or a block device; anything else might block or have no length.
pub(crate) fn open(path: &Path) -> Result<(File, u64), DiskImageError> {
    // Before it is opened, because opening a pipe waits; and after, because it may be another file by then.
    insist_on_length(path, &fs_err::metadata(path)?)?;
    let mut file = File::open(path)?;
    insist_on_length(path, &file.metadata()?)?;
    // The length of a block device stands nowhere else.
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    Ok((file, length))
}

fn insist_on_length(path: &Path, metadata: &std::fs::Metadata) -> Result<(), DiskImageError> {
    if metadata.is_file() || metadata.file_type().is_block_device() {
        return Ok(());
    }
    Err(DiskImageError::NotAFile {
        path: path.to_owned(),
    })
}

/// Detects what a file or partition is from its headers.
pub(crate) fn classify(window: &Window) -> io::Result<Kind> {
    let head = window.read_up_to(0, HEAD)?;
    let last = window.length().saturating_sub(virtual_disk::FOOTER as u64);
    let footer = window.read_up_to(last, virtual_disk::FOOTER)?;
    if head.is_empty() {
        return Ok(Kind::Other(Content::Empty));
    }
    if let Some(format) = VirtualDisk::recognise(&head, &footer) {
        return Ok(Kind::Other(Content::VirtualDisk(format)));
    }
    match headers(window, &head)? {
        Some(kind) => Ok(kind),
        None => Ok(Kind::Other(by_magic(window, &head)?)),
    }
}

/// What a file is by the headers that have a fixed place; `None` when it has none of them.
fn headers(window: &Window, head: &[u8]) -> io::Result<Option<Kind>> {
    if let Some(kernel) = Kernel::recognise(window, head)? {
        return Ok(Some(Kind::Other(Content::Kernel(kernel))));
    }
    // Before the file system: a disk that was once formatted as a whole still shows the old one.
    if let Some(table) = partition::read(head, window)? {
        return Ok(Some(Kind::Disk(table)));
    }
    if let Some(superblock) = superblock_in(head) {
        return Ok(Some(Kind::Ext(superblock)));
    }
    let volume = Volume::recognise(window)?;
    Ok(volume.map(|volume| Kind::Other(Content::Volume(volume))))
}

/// The superblock of a partition, of which nothing but a file system is expected.
pub(crate) fn superblock_of(window: &Window) -> io::Result<Option<Superblock>> {
    Ok(superblock_in(&window.read_up_to(0, HEAD)?))
}

fn superblock_in(head: &[u8]) -> Option<Superblock> {
    let start = usize::try_from(superblock::OFFSET).unwrap_or(usize::MAX);
    head.get(start..).and_then(Superblock::parse)
}

fn by_magic(window: &Window, head: &[u8]) -> io::Result<Content> {
    if let Some(compression) = Compression::recognise(head) {
        return compressed(window, compression);
    }
    // Linux skips zeroes in front of an archive.
    let zeros = head.iter().take_while(|byte| **byte == 0).count();
    if zeros.is_multiple_of(4) && Ramdisk::begins(&head[zeros..]) {
        return Ok(Content::Ramdisk(Ramdisk::read(window.reader())));
    }
    if is_tar(head) {
        return Ok(Content::Tarball(None));
    }
    if let Some(elf) = Elf::recognise(window, head)? {
        return Ok(Content::Elf {
            elf,
            compression: None,
        });
    }
    let archive = Archive::recognise(head).map(Content::Archive);
    Ok(archive
        .or_else(|| Text::recognise(head).map(Content::Text))
        .unwrap_or(Content::Unknown))
}

/// Whether a tar header is there: by its magic, or in the form before POSIX, which has none, by its checksum.
fn is_tar(head: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    if head.get(257..262) == Some(b"ustar") {
        return true;
    }
    let Some(header) = head.get(..512).filter(|header| header[0] != 0) else {
        return false;
    };
    let digits = header[CHECKSUM].trim_ascii_start();
    let count = digits
        .iter()
        .take_while(|digit| matches!(digit, b'0'..=b'7'))
        .count();
    let said = std::str::from_utf8(&digits[..count])
        .ok()
        .and_then(|digits| u32::from_str_radix(digits, 8).ok());
    // The checksum counts as blanks in itself.
    let sum = header
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if CHECKSUM.contains(&at) {
                u32::from(b' ')
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    said == Some(sum)
}

/// What the plain bytes of a compressed file begin with.
fn compressed(window: &Window, compression: Compression) -> io::Result<Content> {
    let stream = Decompressed::new(compression, BufReader::new(window.reader()))?;
    let mut plain = Vec::new();
    // An error only means that less came out.
    let _ = stream.take(PACKED_HEAD).read_to_end(&mut plain);
    let head = &plain[..plain.len().min(HEAD)];
    if Ramdisk::begins(head) {
        return Ok(Content::Ramdisk(Ramdisk::read(window.reader())));
    }
    if is_tar(head) {
        return Ok(Content::Tarball(Some(compression)));
    }
    let inside = Window::in_memory(plain.as_slice());
    if let Some(elf) = Elf::recognise(&inside, head)? {
        return Ok(Content::Elf {
            elf,
            compression: Some(compression),
        });
    }
    let inside = match (VirtualDisk::recognise(head, &[]), headers(&inside, head)?) {
        (Some(format), _) => Packed::VirtualDisk(format),
        (None, Some(Kind::Ext(superblock))) => Packed::FileSystem(superblock.kind),
        (None, Some(Kind::Disk(_))) => Packed::Disk,
        (None, Some(Kind::Other(Content::Volume(volume)))) => Packed::Volume(volume),
        (None, Some(Kind::Other(Content::Kernel(kernel)))) => {
            return Ok(Content::Kernel(kernel.compressed_with(compression)));
        }
        _ => Packed::Unknown,
    };
    Ok(Content::Compressed {
        compression,
        inside,
    })
}

fn file_system(window: &Window, superblock: Superblock) -> io::Result<FileSystem> {
    Ok(FileSystem {
        missing: superblock.length().saturating_sub(window.length()),
        contents: contents(window, &superblock)?,
        superblock,
    })
}

fn disk(window: &Window, table: &Table) -> io::Result<Disk> {
    let head = window.read_up_to(0, HEAD)?;
    let mut partitions = Vec::new();
    for (index, entry) in table.entries().into_iter().enumerate() {
        let part = window.part(entry.start, entry.length)?;
        let superblock = superblock_of(&part)?.filter(|_| index < MAX_PARTITIONS);
        let file_system = superblock.map(|superblock| file_system(&part, superblock));
        let volume = match &file_system {
            None if index < MAX_PARTITIONS => Volume::recognise(&part)?,
            _ => None,
        };
        partitions.push(Partition {
            entry,
            file_system: file_system.transpose()?.map(Box::new),
            volume,
        });
    }
    Ok(Disk {
        table: table.kind(),
        damage: table.damage().map(str::to_owned),
        bootable: table.bootable(&head),
        iso9660: Volume::recognise(window)? == Some(Volume::Iso9660),
        partitions,
    })
}

fn contents(window: &Window, superblock: &Superblock) -> io::Result<Contents> {
    if superblock.length() > window.length() {
        return Ok(not_read("the image is truncated"));
    }
    if superblock.state == State::NeedsRecovery {
        return Ok(not_read("the journal has to be replayed first"));
    }
    if superblock.groups() > MAX_GROUPS {
        return Ok(not_read("it has too many block groups"));
    }
    Ok(match Guest::read(window.part(0, window.length())?) {
        Ok(guest) => Contents::Read(Box::new(guest)),
        Err(error) => not_read(&error.to_string()),
    })
}

fn not_read(reason: &str) -> Contents {
    Contents::NotRead {
        reason: reason.to_owned(),
    }
}
