//! The room on the disk of the host.

use std::io;
use std::path::Path;

/// The bytes that are free for this user where a directory is.
pub(crate) fn free(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
