//! The words for what a file can hold.

use std::fmt;
use std::path::Path;

use gumnut_compression::Compression;
use gumnut_signatures::{Archive, Elf, Kernel, Ramdisk, Text, Volume};
use gumnut_types::Architecture;

use crate::guest::Guest;
use crate::partition::{Entry, PartitionTable};
use crate::superblock::{ExtKind, Superblock};
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
    /// Another file system, or a container of file systems, that fills the file.
    Volume(Volume),
    /// A disk image that is not raw.
    VirtualDisk(VirtualDisk),
    /// A Linux kernel.
    Kernel(Kernel),
    /// An ELF file; the Xen kernels of 2009 are such.
    Elf {
        /// What its header says.
        elf: Elf,
        /// How the whole file is compressed, if it is.
        compression: Option<Compression>,
    },
    /// A ramdisk.
    Ramdisk(Ramdisk),
    /// A tarball, such as images are distributed in.
    Tarball(Option<Compression>),
    /// A compressed file with something else inside.
    Compressed {
        /// How it is compressed.
        compression: Compression,
        /// What is inside.
        inside: Packed,
    },
    /// An archive of a kind that is not unpacked.
    Archive(Archive),
    /// A text.
    Text(Text),
    /// Nothing that is known here.
    Unknown,
}

/// What compressed bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packed {
    /// A partition table.
    Disk,
    /// A file system of this kind.
    FileSystem(ExtKind),
    /// Another file system, or a container of file systems.
    Volume(Volume),
    /// A disk image that is not raw.
    VirtualDisk(VirtualDisk),
    /// Something else.
    Unknown,
}

/// A file system and what is on it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileSystem {
    /// The superblock.
    pub superblock: Superblock,
    /// How many bytes of the file system are behind the end of the file or partition; not 0 means
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
    /// Whether it can be read as a CD, too, as installers can.
    pub iso9660: bool,
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
    /// What else is in it, which is not looked into.
    pub volume: Option<Volume>,
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
    /// The architecture of the system, the kernel or the program in the file, if known.
    pub fn architecture(&self) -> Option<Architecture> {
        match &self.content {
            Content::FileSystem(_) | Content::Disk(_) => self.root()?.guest()?.architecture,
            Content::Kernel(kernel) => kernel.architecture(),
            Content::Elf { elf, .. } => elf.architecture,
            _ => None,
        }
    }

    /// The processor that the system, the kernel or the program in the file is for, by the name that Linux distributions use; also
    /// one that manifests have no name for.
    pub fn processor(&self) -> Option<&'static str> {
        match &self.content {
            Content::Kernel(kernel) => kernel.processor,
            Content::Elf { elf, .. } => elf.processor,
            _ => self.architecture().map(Architecture::as_str),
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

impl Content {
    /// Whether a file of this name is a disk that has to be made raw first.
    pub(crate) fn is_packed_disk(&self, name: &Path) -> bool {
        match self {
            // The files that it names hold the disk.
            Self::VirtualDisk(format) => *format != VirtualDisk::VmdkDescriptor,
            Self::Compressed { inside, .. } => match inside {
                Packed::Disk | Packed::VirtualDisk(_) => true,
                Packed::FileSystem(_) => !is_called_ramdisk(name),
                Packed::Volume(volume) => volume.can_be_root() && !is_called_ramdisk(name),
                Packed::Unknown => false,
            },
            _ => false,
        }
    }

    /// Whether a file of this name is a ramdisk of the kind before Linux 2.6: a small file system, compressed or not.
    pub(crate) fn is_old_ramdisk(&self, name: &Path) -> bool {
        let has_a_form = match self {
            Self::FileSystem(_) => true,
            Self::Volume(volume) => volume.can_be_ramdisk(),
            Self::Compressed { inside, .. } => match inside {
                Packed::FileSystem(_) => true,
                Packed::Volume(volume) => volume.can_be_ramdisk(),
                _ => false,
            },
            _ => false,
        };
        has_a_form && is_called_ramdisk(name)
    }
}

/// Whether a file is called as ramdisks are: `initrd.img-2.6.18`, `initramfs.gz`, `ramdisk`.
fn is_called_ramdisk(name: &Path) -> bool {
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    ["initrd", "initramfs", "ramdisk"]
        .iter()
        .any(|start| name.starts_with(start))
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
            Self::Volume(volume) => volume.fmt(f),
            Self::VirtualDisk(format) => write!(f, "a {format} disk image"),
            Self::Kernel(kernel) => kernel.fmt(f),
            Self::Elf { elf, compression } => {
                elf.fmt(f)?;
                match compression {
                    Some(compression) => write!(f, ", compressed with {compression}"),
                    None => Ok(()),
                }
            }
            Self::Ramdisk(ramdisk) => match ramdisk.compression {
                Some(compression) => write!(f, "a ramdisk ({compression})"),
                None => f.write_str("a ramdisk (cpio)"),
            },
            Self::Tarball(None) => f.write_str("a tarball"),
            Self::Tarball(Some(compression)) => write!(f, "a tarball ({compression})"),
            Self::Compressed {
                compression,
                inside,
            } => write!(f, "{inside} compressed with {compression}"),
            Self::Archive(archive) => archive.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Unknown => f.write_str("unknown data"),
        }
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk => f.write_str("a whole disk"),
            Self::FileSystem(kind) => write!(f, "an {kind} file system"),
            Self::Volume(volume) => volume.fmt(f),
            Self::VirtualDisk(format) => write!(f, "a {format} disk image"),
            Self::Unknown => f.write_str("data"),
        }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partitions.len() {
            1 => write!(f, "{} with 1 partition", self.table)?,
            count => write!(f, "{} with {count} partitions", self.table)?,
        }
        if self.iso9660 {
            f.write_str(", and an ISO 9660 file system")?;
        }
        Ok(())
    }
}
