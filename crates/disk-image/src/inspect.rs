//! What a file is, by its content.

use std::fmt;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use fs_err::File;
use gumnut_types::Architecture;

use crate::elf::Elf;
use crate::error::DiskImageError;
use crate::guest::Guest;
use crate::gzip::{self, Inside};
use crate::kernel::{self, Kernel};
use crate::partition::{self, PartitionTable};
use crate::superblock::{self, State, Superblock};
use crate::virtual_disk::{self, VirtualDisk};

/// What was found out about a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Length of the file in bytes.
    pub length: u64,
    /// Bytes that it takes on disk, less than the length when it has holes.
    pub allocated: u64,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// Nothing.
    Empty,
    /// An ext2, ext3 or ext4 file system that fills the file.
    FileSystem(Box<FileSystem>),
    /// A whole disk with a partition table.
    Disk(PartitionTable),
    /// A disk image that is not raw.
    VirtualDisk(VirtualDisk),
    /// A Linux kernel.
    Kernel(Kernel),
    /// An ELF file; the Xen kernels of 2009 are such. `gzipped` ones are inside a gzip file.
    Elf {
        /// What its header says.
        elf: Elf,
        /// Whether gzip is around it.
        gzipped: bool,
    },
    /// A ramdisk.
    Ramdisk(RamdiskFormat),
    /// A gzip'd tarball, such as images are handed out in.
    Tarball,
    /// A gzip file with something else inside.
    Gzip,
    /// Nothing that is known here.
    Unknown,
}

/// How the cpio archive of a ramdisk is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RamdiskFormat {
    /// With gzip.
    Gzip,
    /// With zstd. What is inside is not looked at.
    Zstd,
    /// With xz. What is inside is not looked at.
    Xz,
    /// Not at all, at least not its beginning: processor microcode often comes first.
    Plain,
}

/// A file system and what is on it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileSystem {
    /// The superblock.
    pub superblock: Superblock,
    /// How many bytes of the file system lie behind the end of the file; not 0 means that the
    /// image is cut short and must not be used.
    pub missing: u64,
    /// The system on it.
    pub contents: Contents,
}

/// The files inside a file system, as far as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// They could be read.
    Read(Guest),
    /// They were not read.
    NotRead {
        /// Why.
        reason: String,
    },
}

/// A file of which only the superblock has been looked at.
pub(crate) enum Kind {
    Ext(Superblock),
    Other(Content),
}

/// The library that reads files keeps a record per block group: 2 MiB for this many, which is
/// 16 TiB in the usual groups of 128 MiB.
const MAX_GROUPS: u64 = 1 << 17;
/// Enough for every header that is looked for.
const HEAD: usize = gzip::ENOUGH;
const _: () = assert!(HEAD >= partition::HEADER && HEAD >= kernel::HEADER && HEAD >= 2048);

/// Finds out what the file at `path` holds. Reads a bounded part of it and changes nothing; the
/// file may come from anybody.
///
/// # Errors
/// When the file is not a regular one or cannot be read. Content that makes no sense is no error.
pub fn inspect(path: &Path) -> Result<Inspection, DiskImageError> {
    let (file, length) = open(path)?;
    let content = match classify(&file, length)? {
        Kind::Other(content) => content,
        Kind::Ext(superblock) => Content::FileSystem(Box::new(FileSystem {
            missing: superblock.length().saturating_sub(length),
            contents: contents(&file, &superblock, length)?,
            superblock,
        })),
    };
    let allocated = file.metadata()?.blocks().saturating_mul(512);
    Ok(Inspection {
        length,
        allocated,
        content,
    })
}

/// Opens a regular file; anything else might block or have no length.
pub(crate) fn open(path: &Path) -> Result<(File, u64), DiskImageError> {
    let not_a_file = || DiskImageError::NotAFile {
        path: path.to_owned(),
    };
    if !fs_err::metadata(path)?.is_file() {
        return Err(not_a_file());
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(not_a_file())
    }
}

/// Tells what a file of `length` bytes is.
pub(crate) fn classify(file: &File, length: u64) -> io::Result<Kind> {
    let head = read_up_to(file, 0, HEAD)?;
    let footer = length.saturating_sub(virtual_disk::FOOTER as u64);
    let footer = read_up_to(file, footer, virtual_disk::FOOTER)?;
    if head.is_empty() {
        return Ok(Kind::Other(Content::Empty));
    }
    if let Some(format) = VirtualDisk::recognise(&head, &footer) {
        return Ok(Kind::Other(Content::VirtualDisk(format)));
    }
    let version = |offset| read_up_to(file, offset, kernel::MAX_VERSION);
    if let Some(kernel) = Kernel::parse(&head, version)? {
        return Ok(Kind::Other(Content::Kernel(kernel)));
    }
    // Before the file system: a disk that was once formatted as a whole still shows the old one.
    if let Some(table) = partition::recognise(&head, length) {
        return Ok(Kind::Other(Content::Disk(table)));
    }
    let start = usize::try_from(superblock::OFFSET).unwrap_or(usize::MAX);
    if let Some(superblock) = head.get(start..).and_then(Superblock::parse) {
        return Ok(Kind::Ext(superblock));
    }
    Ok(Kind::Other(by_magic(&head)))
}

fn by_magic(head: &[u8]) -> Content {
    if head.starts_with(&[0x1F, 0x8B]) {
        match gzip::peek(head) {
            Inside::Cpio => Content::Ramdisk(RamdiskFormat::Gzip),
            Inside::Tar => Content::Tarball,
            Inside::Elf(elf) => Content::Elf { elf, gzipped: true },
            Inside::Other => Content::Gzip,
        }
    } else if head.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
        Content::Ramdisk(RamdiskFormat::Zstd)
    } else if head.starts_with(&[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) {
        Content::Ramdisk(RamdiskFormat::Xz)
    } else if head.starts_with(b"070701") || head.starts_with(b"070702") {
        Content::Ramdisk(RamdiskFormat::Plain)
    } else {
        Elf::parse(head).map_or(Content::Unknown, |elf| Content::Elf {
            elf,
            gzipped: false,
        })
    }
}

fn contents(file: &File, superblock: &Superblock, length: u64) -> io::Result<Contents> {
    let not_read = |reason: &str| Contents::NotRead {
        reason: reason.to_owned(),
    };
    if superblock.length() > length {
        return Ok(not_read("the image is cut short"));
    }
    if superblock.state == State::NeedsRecovery {
        return Ok(not_read("the journal has to be replayed first"));
    }
    if superblock.groups() > MAX_GROUPS {
        return Ok(not_read("it has too many block groups"));
    }
    Ok(match Guest::read(file.file().try_clone()?) {
        Ok(guest) => Contents::Read(guest),
        Err(error) => not_read(&error.to_string()),
    })
}

/// Up to `length` bytes at `offset`; fewer only at the end of the file.
fn read_up_to(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file
            .file()
            .read_at(&mut bytes[filled..], offset + filled as u64)
        {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", file.path().display());
                return Err(io::Error::new(error.kind(), message));
            }
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

impl Inspection {
    /// The architecture of the system, the kernel or the program in the file, when it tells.
    pub fn architecture(&self) -> Option<Architecture> {
        match &self.content {
            Content::FileSystem(file_system) => match &file_system.contents {
                Contents::Read(guest) => guest.architecture,
                Contents::NotRead { .. } => None,
            },
            Content::Kernel(kernel) => kernel.architecture(),
            Content::Elf { elf, .. } => elf.architecture,
            _ => None,
        }
    }
}

impl fmt::Display for Content {
    /// What it is in a few words, as in "the file holds ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing"),
            Self::FileSystem(file_system) => {
                write!(f, "an {} file system", file_system.superblock.kind)
            }
            Self::Disk(table) => write!(f, "a whole disk ({table})"),
            Self::VirtualDisk(format) => write!(f, "a {format} disk image"),
            Self::Kernel(kernel) => {
                write!(f, "a Linux kernel")?;
                kernel
                    .release()
                    .map_or(Ok(()), |release| write!(f, " {release}"))
            }
            Self::Elf { gzipped: false, .. } => f.write_str("an ELF file"),
            Self::Elf { gzipped: true, .. } => f.write_str("a gzip'd ELF file"),
            Self::Ramdisk(RamdiskFormat::Gzip) => f.write_str("a ramdisk (gzip)"),
            Self::Ramdisk(RamdiskFormat::Zstd) => f.write_str("a ramdisk (zstd)"),
            Self::Ramdisk(RamdiskFormat::Xz) => f.write_str("a ramdisk (xz)"),
            Self::Ramdisk(RamdiskFormat::Plain) => f.write_str("a ramdisk (cpio)"),
            Self::Tarball => f.write_str("a gzip'd tarball"),
            Self::Gzip => f.write_str("gzip'd data"),
            Self::Unknown => f.write_str("unknown data"),
        }
    }
}
