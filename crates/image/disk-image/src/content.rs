//! The words for what a file can hold.

use std::fmt;

use gumnut_types::Architecture;

use crate::compression::Compression;
use crate::elf::Elf;
use crate::guest::Guest;
use crate::kernel::Kernel;
use crate::partition::{Entry, PartitionTable};
use crate::ramdisk::Ramdisk;
use crate::superblock::Superblock;
use crate::virtual_disk::VirtualDisk;

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
    Disk(Disk),
    /// A disk image that is not raw.
    VirtualDisk(VirtualDisk),
    /// A Linux kernel.
    Kernel(Kernel),
    /// An ELF file; the Xen kernels of 2009 are such. `gzipped` ones are inside a gzip file.
    Elf {
        /// What its header says.
        elf: Elf,
        /// Whether it is compressed.
        gzipped: bool,
    },
    /// A ramdisk.
    Ramdisk(Ramdisk),
    /// A tarball, such as images are handed out in.
    Tarball(Option<Compression>),
    /// A compressed file with something else inside.
    Compressed(Compression),
    /// Nothing that is known here.
    Unknown,
}

/// A file system and what is on it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileSystem {
    /// The superblock.
    pub superblock: Superblock,
    /// How many bytes of the file system lie behind the end of the file or partition; not 0 means
    /// that the image is cut short and must not be used.
    pub missing: u64,
    /// The system on it.
    pub contents: Contents,
}

/// A whole disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Disk {
    /// The kind of its partition table.
    pub table: PartitionTable,
    /// What is wrong with the table.
    pub damage: Option<String>,
    /// Whether there is boot code, or a partition for EFI.
    pub bootable: bool,
    /// The partitions, in the order of the table.
    pub partitions: Vec<Partition>,
}

/// A partition of a disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Partition {
    /// What the table says.
    pub entry: Entry,
    /// The ext2, ext3 or ext4 file system in it.
    pub file_system: Option<Box<FileSystem>>,
}

/// The files inside a file system, as far as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// They could be read.
    Read(Box<Guest>),
    /// They were not read.
    NotRead {
        /// Why.
        reason: String,
    },
}

impl FileSystem {
    /// The system on it, if its files could be read.
    pub fn guest(&self) -> Option<&Guest> {
        match &self.contents {
            Contents::Read(guest) => Some(guest),
            Contents::NotRead { .. } => None,
        }
    }
}

impl Inspection {
    /// The architecture of the system, the kernel or the program in the file, when it tells.
    pub fn architecture(&self) -> Option<Architecture> {
        match &self.content {
            Content::FileSystem(_) | Content::Disk(_) => self.root()?.guest()?.architecture,
            Content::Kernel(kernel) => kernel.architecture(),
            Content::Elf { elf, .. } => elf.architecture,
            _ => None,
        }
    }

    /// The root file system: the only one there is, or the one on a disk that a system was found on.
    pub fn root(&self) -> Option<&FileSystem> {
        match &self.content {
            Content::FileSystem(file_system) => Some(file_system),
            Content::Disk(disk) => disk.root(),
            _ => None,
        }
    }
}

impl Disk {
    fn root(&self) -> Option<&FileSystem> {
        self.file_systems()
            .find(|file_system| {
                let guest = file_system.guest();
                guest.is_some_and(|guest| guest.architecture.is_some())
            })
            .or_else(|| self.file_systems().next_back())
    }

    /// The file systems that were recognised, in the order of their partitions.
    fn file_systems(&self) -> impl DoubleEndedIterator<Item = &FileSystem> {
        self.partitions
            .iter()
            .filter_map(|partition| partition.file_system.as_deref())
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
            Self::Disk(disk) => write!(f, "a whole disk ({disk})"),
            Self::VirtualDisk(format) => write!(f, "a {format} disk image"),
            Self::Kernel(kernel) => {
                write!(f, "a Linux kernel")?;
                kernel
                    .release()
                    .map_or(Ok(()), |release| write!(f, " {release}"))
            }
            Self::Elf { gzipped: false, .. } => f.write_str("an ELF file"),
            Self::Elf { gzipped: true, .. } => f.write_str("a compressed ELF file"),
            Self::Ramdisk(ramdisk) => match ramdisk.compression {
                Some(compression) => write!(f, "a ramdisk ({compression})"),
                None => f.write_str("a ramdisk (cpio)"),
            },
            Self::Tarball(None) => f.write_str("a tarball"),
            Self::Tarball(Some(compression)) => write!(f, "a tarball ({compression})"),
            Self::Compressed(compression) => write!(f, "data compressed with {compression}"),
            Self::Unknown => f.write_str("unknown data"),
        }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partitions.len() {
            1 => write!(f, "{} with 1 partition", self.table),
            count => write!(f, "{} with {count} partitions", self.table),
        }
    }
}
