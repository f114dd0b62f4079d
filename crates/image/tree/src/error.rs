//! Why an archive is refused.

use std::io;
use std::path::PathBuf;

use gumnut_ext::ExtError;
use gumnut_types::Fault;
use thiserror::Error;

/// Why a tar archive cannot be read. Paths are escaped where they are not ASCII.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive cannot be read.
    #[error("cannot read the archive")]
    Read(
        /// Reason.
        #[source]
        io::Error,
    ),
    /// The archive ends within a member.
    #[error("the archive is truncated: it ends within {0}")]
    Truncated(
        /// Path of the member, or what ends too early.
        String,
    ),
    /// Something that is not a tar archive, or a damaged one.
    #[error("the header at byte {0} is not one of a tar archive, or is damaged")]
    Checksum(
        /// Position of the header.
        u64,
    ),
    /// A number of a header that is not a number, or out of range.
    #[error("{field} of {path} is not a number in its range")]
    Number {
        /// Path of the member.
        path: String,
        /// The field.
        field: &'static str,
    },
    /// A malformed extended header.
    #[error("the extended header at byte {0} is malformed")]
    Pax(
        /// Position of the header.
        u64,
    ),
    /// A value in an extended header that cannot be understood.
    #[error("{key} of {path} cannot be understood")]
    Value {
        /// Path of the member.
        path: String,
        /// The keyword.
        key: String,
    },
    /// A name in an ACL without a number. GNU tar writes such names with `--acls` for users that the machine knows.
    #[error("an ACL of {path} names {name:?} without a number")]
    AclName {
        /// Path of the member.
        path: String,
        /// The user or group.
        name: String,
    },
    /// A path that leads out of the tree.
    #[error("{0} contains `..`")]
    Outside(
        /// The path.
        String,
    ),
    /// The ranges of a sparse file overlap, or end behind its end.
    #[error("the map of the sparse file {0} is malformed")]
    Sparse(
        /// Path of the member.
        String,
    ),
    /// A member that is part of a file in several volumes, or of a kind that no program writes.
    #[error("{path} is of the type {kind:?}, which is not supported")]
    Kind {
        /// Path of the member.
        path: String,
        /// The type in the header.
        kind: char,
    },
    /// More than the limits allow.
    #[error("{what} of {path} exceed the limit of {limit}")]
    Limit {
        /// Path of the member.
        path: String,
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl TarError {
    /// Who can do something about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Read(_) => Fault::System,
            _ => Fault::Input,
        }
    }
}

/// Why a source cannot become a tree, or a tree no file system. Paths in trees are escaped where they are not ASCII.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A file of this machine cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// An archive cannot be read.
    #[error("cannot read the archive")]
    Read(
        /// Reason.
        #[source]
        io::Error,
    ),
    /// The content of a file cannot be copied.
    #[error("cannot write the copy of a file")]
    Copy(
        /// Reason.
        #[source]
        io::Error,
    ),
    /// An archive is refused.
    #[error("{name} cannot be read as a tar archive")]
    Archive {
        /// What it is called.
        name: String,
        /// Reason.
        source: TarError,
    },
    /// The file system cannot have such a file, or cannot be written.
    #[error(transparent)]
    Ext(
        /// Reason.
        #[from]
        ExtError,
    ),
    /// A file that the file system cannot have.
    #[error("{path} cannot be in the file system")]
    File {
        /// Path in the tree.
        path: String,
        /// Reason.
        source: ExtError,
    },
    /// A path leads through a file.
    #[error("{0} leads through a file that is not a directory")]
    NotADirectory(
        /// The path.
        String,
    ),
    /// A file should replace a directory.
    #[error("{0} is a directory and cannot be replaced by a file")]
    IsADirectory(
        /// The path.
        String,
    ),
    /// A path leads through too many links, or too many directories.
    #[error("{0} leads through more than 40 links or 2048 directories")]
    Links(
        /// The path.
        String,
    ),
    /// A hard link to a file that is not there.
    #[error("{path} is a hard link to {target}, which is not there")]
    LinkToNothing {
        /// Path of the link.
        path: String,
        /// Path of the file.
        target: String,
    },
    /// A hard link to a directory.
    #[error("{path} is a hard link to {target}, which is a directory")]
    LinkToDirectory {
        /// Path of the link.
        path: String,
        /// Path of the directory.
        target: String,
    },
    /// A hard link to its own name.
    #[error("{0} is a hard link to itself")]
    LinkToItself(
        /// Path of the link.
        String,
    ),
    /// More files than the limit.
    #[error("there are more than {0} files, the limit")]
    TooManyFiles(
        /// The limit.
        u64,
    ),
    /// More bytes than the limit.
    #[error("up to {path}, the files have more than {limit} bytes, the limit")]
    TooManyBytes {
        /// Path of the file that is too much.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// A file of a type that is not known.
    #[error("{0} is of an unknown type")]
    Unknown(
        /// The path.
        String,
    ),
    /// Extended attributes are read through `/proc`.
    #[error("extended attributes cannot be read because /proc is not mounted")]
    NoProc,
    /// A pattern of paths that cannot be understood.
    #[error("the pattern {pattern} cannot be understood")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Reason.
        source: globset::Error,
    },
    /// A file that is longer than anything of its kind.
    #[error("a file that describes an image has more than {limit} bytes, the limit")]
    TooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// An archive that unpacks to more than its members could need.
    #[error("{0} unpacks to more than the limits allow")]
    TooMuch(
        /// What it is called.
        String,
    ),
    /// A layer or a description of an image is not the one that was asked for.
    #[error("{name} has another {what} than it should have")]
    Digest {
        /// What it is called.
        name: String,
        /// The digest that was compared.
        what: &'static str,
    },
    /// A source changed between the reading of the names and that of the contents.
    #[error("{0} changed while it was read")]
    SourceChanged(
        /// Name of the archive, or path of a file in it.
        String,
    ),
    /// A file of passwords that is larger than any that a system has.
    #[error("{0} is too large to lock the passwords in it")]
    Passwords(
        /// Path in the tree.
        String,
    ),
    /// A container image that is refused.
    #[error("the container image cannot be used: {0}")]
    Container(
        /// The rule that it breaks.
        String,
    ),
    /// The caller asked to stop.
    #[error("stopped")]
    Cancelled,
    /// The content of a file that is not part of the file system.
    #[error("a file of the tree has no place in the file system")]
    NotLaidOut,
}

impl TreeError {
    /// Who can do something about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Read(_) | Self::Copy(_) | Self::NoProc | Self::Ext(ExtError::Write(_)) => {
                Fault::System
            }
            Self::Archive { source, .. } => source.fault(),
            Self::Pattern { .. } => Fault::Usage,
            Self::Cancelled => Fault::Cancelled,
            Self::NotLaidOut => Fault::Unexpected,
            _ => Fault::Input,
        }
    }
}

/// A path as it can be printed.
pub(crate) fn printable(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}
