//! Owner, permissions, times and extended attributes of a file.

/// A point in time, in seconds and nanoseconds since 1970. Negative seconds are earlier.
///
/// Inodes of 256 bytes store the years 1901 to 2446 with nanoseconds, those of 128 bytes 1901 to 2038 without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds to add, less than 1,000,000,000.
    pub nanoseconds: u32,
}

impl Time {
    /// A time without nanoseconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self {
            seconds,
            nanoseconds: 0,
        }
    }
}

/// What a file has beside its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permissions with setuid, setgid and the sticky bit: 12 bits.
    pub permissions: u16,
    /// Number of the owner.
    pub user: u32,
    /// Number of the group.
    pub group: u32,
    /// Last access.
    pub accessed: Time,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of the content or the attributes.
    pub changed: Time,
    /// Extended attributes as Linux returns them, in any order: full names such as `security.selinux`, and values. ACLs
    /// are `system.posix_acl_access` and `system.posix_acl_default` in the binary form of `getxattr(2)`.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Attributes {
    /// A file of root, with permissions and one time.
    pub fn of_root(permissions: u16, time: Time) -> Self {
        Self {
            permissions,
            accessed: time,
            modified: time,
            changed: time,
            ..Self::default()
        }
    }
}
