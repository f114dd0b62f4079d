//! What an archive says about a file.

use std::ops::Range;

/// A point in time, in seconds and nanoseconds since 1970. Negative seconds are earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds to add, less than 1,000,000,000.
    pub nanoseconds: u32,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Another name of the file with this path, which has the form of [`Member::path`].
    HardLink(Vec<u8>),
    /// A symbolic link with its target, as it is in the archive.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Names from the root, separated by slashes, without `.`, `..` and a slash at the beginning or end. Empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: MemberKind,
    /// Permissions with setuid, setgid and the sticky bit: 12 bits.
    pub permissions: u16,
    /// Number of the owner.
    pub user: u32,
    /// Number of the group.
    pub group: u32,
    /// Last change of the content.
    pub modified: Time,
    /// Last access. `None` if the archive does not say.
    pub accessed: Option<Time>,
    /// Last change of the content or the attributes. `None` if the archive does not say.
    pub changed: Option<Time>,
    /// Extended attributes by their full names, with values as `getxattr(2)` returns them; ACLs are among them.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Length of the file in bytes, holes included.
    pub length: u64,
    /// The ranges of the file that the archive has the bytes of, in order; the other ones are holes.
    pub data: Vec<Range<u64>>,
}
