//! Whether there is room for the copy, asked before it is begun.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::subject::{Layout, Subject};
use crate::error::DiskImageError;

/// Refuses a directory with less free space than the image has data.
pub(super) fn check(subject: &Subject, path: &Path) -> Result<(), DiskImageError> {
    let superblock = subject.superblock();
    let used = superblock.length() - superblock.free();
    let allocated = subject.file().metadata()?.blocks().saturating_mul(512);
    // Holes and blocks of zeroes are not written; a block in use may be either.
    let copy = used.min(allocated);
    let needed = match subject.layout() {
        Layout::Bare(_) => copy,
        // The partition on its own, and the disk.
        Layout::Partition(_) => copy.saturating_mul(2),
    };
    // A file system that cannot be asked will report when it is full.
    let Ok(folder) = rustix::fs::statvfs(path) else {
        return Ok(());
    };
    let free = folder.f_bavail.saturating_mul(folder.f_frsize);
    if needed > free && !shares_blocks(subject, path) {
        return Err(DiskImageError::NoRoom {
            path: path.to_owned(),
            needed,
            free,
        });
    }
    Ok(())
}

/// Whether a copy might share its blocks with the original and need no room at all: on one file system
/// only, which may be able to or not.
fn shares_blocks(subject: &Subject, path: &Path) -> bool {
    const BTRFS: i64 = 0x9123_683E;
    const XFS: i64 = 0x5846_5342;
    let source = subject.file().metadata().ok();
    let target = path.metadata().ok();
    let kind = rustix::fs::statfs(path).ok();
    source.map(|metadata| metadata.dev()) == target.map(|metadata| metadata.dev())
        && kind.is_some_and(|kind| matches!(kind.f_type, BTRFS | XFS))
}
