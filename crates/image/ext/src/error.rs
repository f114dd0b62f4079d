//! What can go wrong while a file system is planned and written.

use std::io;

use thiserror::Error;

/// Why a file system cannot be made. Paths are absolute and escaped where they are not ASCII.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExtError {
    /// A name that no file in a directory can have.
    #[error("{name:?} cannot be the name of a file: {reason}")]
    Name {
        /// The name, escaped.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A file was to be put into something that is not a directory.
    #[error("{name:?} cannot be in {parent}, which is not a directory")]
    NotADirectory {
        /// The name, escaped.
        name: String,
        /// Path of what should be a directory.
        parent: String,
    },
    /// A second name for a directory.
    #[error("{0:?} cannot be a hard link to a directory")]
    LinkToDirectory(
        /// The name, escaped.
        String,
    ),
    /// Two files of one name in one directory.
    #[error("{0} is in the tree twice")]
    Duplicate(
        /// Path of both.
        String,
    ),
    /// More names, or more subdirectories, than the file system can count.
    #[error("{path} has {links} links, more than the {limit} that are possible")]
    TooManyLinks {
        /// Path of the file or directory.
        path: String,
        /// Number of links that it should have.
        links: u64,
        /// Number of links that it can have.
        limit: u64,
    },
    /// A symbolic link whose target is empty, too long or not text.
    #[error("the target of the symbolic link {name:?} {reason}")]
    Symlink {
        /// Name of the link, escaped.
        name: String,
        /// The rule that the target breaks.
        reason: &'static str,
    },
    /// A device whose numbers are too large: a major number has 12 bits, a minor number 20.
    #[error(
        "the device {name:?} has the numbers {major}:{minor}; at most 4095:1048575 are possible"
    )]
    Device {
        /// Name of the device, escaped.
        name: String,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// Permissions with more than 12 bits, or more nanoseconds than a second has.
    #[error("{name:?} has {what} that no file can have")]
    Attributes {
        /// Name of the file, escaped.
        name: String,
        /// The attribute.
        what: &'static str,
    },
    /// An extended attribute that an ext file system cannot have.
    #[error("the extended attribute {attribute:?} of {name:?} {reason}")]
    Xattr {
        /// Name of the file, escaped.
        name: String,
        /// Name of the attribute, escaped.
        attribute: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// More extended attributes than there is room for.
    #[error("the extended attributes of {path} need {needed} bytes, but there are {room}")]
    XattrRoom {
        /// Path of the file.
        path: String,
        /// Bytes that they need.
        needed: usize,
        /// Bytes that a file has for them.
        room: usize,
    },
    /// A file that is larger than the file system can store.
    #[error("{path} has {length} bytes, more than the {limit} that are possible")]
    FileTooLarge {
        /// Path of the file.
        path: String,
        /// Its length in bytes.
        length: u64,
        /// The largest length in bytes.
        limit: u64,
    },
    /// The data segments of a sparse file are not sorted, overlap or end behind the end of the file.
    #[error("the data segments of a sparse file are not in order")]
    Segments,
    /// More names in a directory than its index can have.
    #[error("{0} has too many files")]
    DirectoryTooLarge(
        /// Path of the directory.
        String,
    ),
    /// `/lost+found` is something else than a directory.
    #[error("/lost+found is not a directory, which e2fsck would not accept")]
    LostAndFound,
    /// The tree does not fit.
    #[error("the files need an image of {needed} bytes, but it has {size}")]
    TooSmall {
        /// Size of the image in bytes.
        size: u64,
        /// Size in bytes with which it works.
        needed: u64,
    },
    /// A file system can have 2^32 - 1 blocks of 4 KiB.
    #[error("an image of {0} bytes is larger than the 16 TiB that are possible")]
    TooLarge(
        /// Size of the image in bytes.
        u64,
    ),
    /// The requested number of inodes is too small or too large.
    #[error("{wanted} inodes are not possible: {needed} are needed, and {limit} are the maximum")]
    Inodes {
        /// The requested number.
        wanted: u64,
        /// The number that the tree needs.
        needed: u64,
        /// The largest number in an image of this size.
        limit: u64,
    },
    /// A label that is longer than 16 bytes or contains a NUL.
    #[error("{0:?} cannot be a label: it must have at most 16 bytes and no NUL")]
    Label(
        /// The label.
        String,
    ),
    /// The content of something that is no regular file, or of a file that is already written.
    #[error("{0} is not a regular file whose content is missing")]
    NotExpected(
        /// Path of the file.
        String,
    ),
    /// A file whose content was not written.
    #[error("the content of {0} was not written")]
    Missing(
        /// Path of the file.
        String,
    ),
    /// The content of a file was longer or shorter than the plan says.
    #[error("{path} should have {expected} bytes, but {found} were written")]
    Length {
        /// Path of the file.
        path: String,
        /// Its planned length in bytes.
        expected: u64,
        /// Number of bytes that were written.
        found: u64,
    },
    /// The data of sparse files turned out to be larger than the plan says.
    #[error("the image is full: files have more data than when the image was planned")]
    Full,
    /// The content of a file cannot be read.
    #[error("cannot read the content of {path}")]
    Read {
        /// Path of the file.
        path: String,
        /// Reason.
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write the image")]
    Write(
        /// Reason.
        #[source]
        io::Error,
    ),
}

/// A name as it can be printed.
pub(crate) fn printable(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}
