//! What can go wrong with a disk image.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gumnut_archive::ArchiveError;
use gumnut_compression::Compression;
use gumnut_types::{ByteSize, Fault, ImageClass};

use crate::partition::PartitionTable;
use crate::virtual_disk::VirtualDisk;

/// Why a disk image could not be inspected or resized.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskImageError {
    /// A directory, a device or a pipe.
    #[error("`{path}` is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Input or output failed; the message names the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Input or output failed in a call that does not name the file itself.
    #[error("cannot {doing} `{path}`")]
    System {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds no file system.
    #[error("`{path}` contains {found}, not an ext2, ext3 or ext4 file system")]
    NoFileSystem {
        /// The image.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// The file is certainly no image of the kind that is wanted.
    #[error("`{path}` is {found}, not {}", wanted(*.class))]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it should be.
        class: ImageClass,
    },
    /// The file has a file system that is known, and cannot be resized here.
    #[error("`{path}` contains {found}, and only ext2, ext3 and ext4 are resized; {remedy}")]
    OtherFileSystem {
        /// The image.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// A compressed file is damaged, cut short or followed by something else.
    #[error("`{path}` cannot be decompressed with {compression}")]
    Compressed {
        /// The file.
        path: PathBuf,
        /// How it is compressed.
        compression: Compression,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// A file is compressed again and again.
    #[error("`{path}` is compressed in too many layers; decompress it first")]
    Layers {
        /// The file.
        path: PathBuf,
    },
    /// The image is a whole disk that cannot be resized.
    #[error("`{path}` is a whole disk ({table}) that cannot be resized: {reason}")]
    Partitioned {
        /// The image.
        path: PathBuf,
        /// Its partition table.
        table: PartitionTable,
        /// Why not.
        reason: String,
    },
    /// A virtual disk that `qemu-img` must not open.
    #[error("`{path}` is a {format} image that cannot be opened: {reason}")]
    NamesOthers {
        /// The image.
        path: PathBuf,
        /// Its format.
        format: VirtualDisk,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A virtual disk of an absurd size.
    #[error("`{path}` declares a disk of {size} bytes; the limit is {limit}")]
    TooLarge {
        /// The image.
        path: PathBuf,
        /// What it claims, in bytes.
        size: u64,
        /// The bound in bytes.
        limit: u64,
    },
    /// The file has lost its end.
    #[error(
        "`{path}` is truncated: its file system has {file_system} bytes, the file {length}; download or copy \
         the image again"
    )]
    Truncated {
        /// The image.
        path: PathBuf,
        /// Length of the file in bytes.
        length: u64,
        /// Length of the file system in bytes.
        file_system: u64,
    },
    /// The content does not fit into the new size.
    #[error(
        "the content of `{path}` needs {}, more than the {} asked for",
        ByteSize(*minimum),
        ByteSize(*requested)
    )]
    TooSmall {
        /// The image.
        path: PathBuf,
        /// The size asked for, in bytes.
        requested: u64,
        /// The least that it needs, in bytes.
        minimum: u64,
    },
    /// The file system has a feature with which it cannot get the new size.
    #[error("the file system in `{path}` cannot be resized: {reason}")]
    NotResizable {
        /// The image.
        path: PathBuf,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// The directory does not take files of this length.
    #[error(
        "`{path}` cannot have {length} bytes: the file system of its directory does not support files of this size"
    )]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The length in bytes.
        length: u64,
    },
    /// There is not enough free space for the copy.
    #[error(
        "no space for `{path}`: {} are needed, {} are free",
        ByteSize(*needed),
        ByteSize(*free)
    )]
    NoRoom {
        /// The temporary file.
        path: PathBuf,
        /// Bytes that the copy takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Somebody wrote to the image meanwhile.
    #[error("`{path}` changed while it was copied; nothing was replaced")]
    Changed {
        /// The image.
        path: PathBuf,
    },
    /// The new size is no whole number of blocks.
    #[error("{requested} bytes are not a whole number of blocks of {block_size} bytes")]
    Unaligned {
        /// The size asked for, in bytes.
        requested: u64,
        /// Bytes per block of the file system.
        block_size: u64,
        /// The next larger size that fits.
        next: u64,
    },
    /// The target is there already.
    #[error("`{path}` exists already")]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// Source and target are one file.
    #[error("`{path}` is the image itself, which is never changed; choose another name")]
    SameFile {
        /// The target.
        path: PathBuf,
    },
    /// The e2fsprogs would misread the name.
    #[error("e2fsprogs treat the `?` in `{path}` as the start of options; choose another name")]
    QuestionMark {
        /// The target.
        path: PathBuf,
    },
    /// Another run is writing to the same target.
    #[error("another run is writing `{path}`")]
    Busy {
        /// The temporary file.
        path: PathBuf,
    },
    /// A program is not installed.
    #[error("`{tool}` is not installed; get it with: apt-get install {package}")]
    ToolMissing {
        /// The program.
        tool: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A program refused the image.
    #[error("{0}")]
    Tool(Box<ToolFailure>),
    /// The programs were content, and yet the result is not what was asked for.
    #[error("the result for `{path}` is wrong: {problem}")]
    WrongResult {
        /// The image.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// A tarball is damaged or none.
    #[error("`{path}` is not a tarball, or it is damaged")]
    Tarball {
        /// The tarball.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ArchiveError,
    },
    /// The file is something else than a tarball.
    #[error("`{path}` is {found}, not a tarball")]
    NotATarball {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// A member of a tarball is refused.
    #[error("`{path}` cannot be unpacked because of its member {member:?}: {reason}")]
    Member {
        /// The tarball.
        path: PathBuf,
        /// The member's name.
        member: String,
        /// Why.
        reason: &'static str,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl DiskImageError {
    /// Whose fault it is. An image that cannot be opened, and an image for whose copy there is no space, are faults of
    /// the input: another image or another place helps.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Cancelled => Fault::Cancelled,
            Self::Io(source) => match source.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::StorageFull => Fault::Input,
                _ => Fault::System,
            },
            Self::System { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Fault::Input
            }
            Self::System { .. } | Self::ToolMissing { .. } | Self::Busy { .. } => Fault::System,
            Self::WrongResult { .. } => Fault::Unexpected,
            _ => Fault::Input,
        }
    }

    /// The error of a disk in a tarball, with its name in there.
    pub(crate) fn of_member(self, member: &Path) -> Self {
        let path = member.to_owned();
        match self {
            Self::NamesOthers { format, reason, .. } => Self::NamesOthers {
                path,
                format,
                reason,
            },
            Self::Compressed {
                compression,
                source,
                ..
            } => Self::Compressed {
                path,
                compression,
                source,
            },
            Self::TooLarge { size, limit, .. } => Self::TooLarge { path, size, limit },
            Self::Layers { .. } => Self::Layers { path },
            Self::Tool(failure) => Self::Tool(Box::new(ToolFailure { path, ..*failure })),
            other => other,
        }
    }

    /// The error with the tarball in which it came up.
    pub(crate) fn within(self, tarball: &Path) -> Self {
        let path = tarball.to_owned();
        match self {
            Self::Member { member, reason, .. } => Self::Member {
                path,
                member,
                reason,
            },
            Self::Tarball { source, .. } => Self::Tarball { path, source },
            other => other,
        }
    }
}

fn wanted(class: ImageClass) -> &'static str {
    match class {
        ImageClass::Kernel => "a kernel",
        ImageClass::Ramdisk => "a ramdisk",
        ImageClass::Machine => "the image of a disk",
    }
}

/// How a program ended, and what it said.
#[derive(Debug)]
#[non_exhaustive]
pub struct ToolFailure {
    /// The program with its options.
    pub command: String,
    /// The image that was being worked on, or a copy of it.
    pub path: PathBuf,
    /// The exit status in words, for `e2fsck` with the meaning of each bit.
    pub status: String,
    /// The end of what it printed.
    pub output: String,
}

impl fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            path,
            status,
            output,
        } = self;
        write!(
            f,
            "`{command}` for `{}` ended with {status}",
            path.display()
        )?;
        if output.trim().is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = output.trim().lines().collect();
        write!(f, "; it said: {}", lines.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_the_machine_and_gumnut_are_told_apart() {
        let path = PathBuf::from("disk.img");
        let io = |kind: io::ErrorKind| DiskImageError::Io(kind.into());
        let system = |kind: io::ErrorKind| DiskImageError::System {
            doing: "write",
            path: path.clone(),
            source: kind.into(),
        };
        for (error, fault) in [
            (DiskImageError::Cancelled, Fault::Cancelled),
            (io(io::ErrorKind::NotFound), Fault::Input),
            (io(io::ErrorKind::StorageFull), Fault::Input),
            (io(io::ErrorKind::BrokenPipe), Fault::System),
            (system(io::ErrorKind::StorageFull), Fault::Input),
            (system(io::ErrorKind::PermissionDenied), Fault::System),
            (DiskImageError::Busy { path: path.clone() }, Fault::System),
            (
                DiskImageError::SameFile { path: path.clone() },
                Fault::Input,
            ),
            (
                DiskImageError::ToolMissing {
                    tool: "resize2fs",
                    package: "e2fsprogs",
                },
                Fault::System,
            ),
            (
                DiskImageError::WrongResult {
                    path: path.clone(),
                    problem: String::new(),
                },
                Fault::Unexpected,
            ),
        ] {
            assert_eq!(error.fault(), fault, "{error:?}");
        }
    }
}
