//! Keeping all blobs of a data directory while they are copied.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::folders::Folders;
use crate::BlobName;

/// The file that is locked, below the data directory.
const FILE: &str = "hold";

/// Keeps all blobs of a data directory from being deleted, by whatever process, until it is dropped or the process ends.
///
/// Blobs that rows name in the moment after it was taken are there as long as it lasts: a store looks for a hold when it
/// is asked to delete a blob, which is after the commit that gave the blob up. Several holds may be there at once.
#[derive(Debug)]
pub struct DiskHold {
    folders: Folders,
    /// Held for its lock alone.
    _lock: fs::File,
}

/// Whether somebody holds the blobs of a data directory.
#[derive(Debug)]
pub(super) struct Holds(fs::File);

impl DiskHold {
    /// Holds the blobs in the directories `objects` and `tmp` below `data_dir`, which may be in use.
    ///
    /// # Errors
    /// If the directories or the file of the lock cannot be used; the error names the path.
    pub fn take(data_dir: &Path) -> io::Result<Self> {
        let lock = open(data_dir)?;
        // A store that looks for holds has the lock for a moment.
        lock.file().lock_shared()?;
        Ok(Self {
            folders: Folders::open(data_dir)?,
            _lock: lock,
        })
    }

    /// Does something with the file of a blob, which may be renamed meanwhile but not removed.
    ///
    /// # Errors
    /// That of `act`; [`io::ErrorKind::NotFound`] when there is no such blob.
    pub fn with_file<T>(
        &self,
        name: BlobName,
        act: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        self.folders.find(name, act)
    }
}

impl Holds {
    pub(super) fn of(data_dir: &Path) -> io::Result<Self> {
        open(data_dir).map(Self)
    }

    /// Whether blobs must be kept whatever rows say.
    pub(super) fn any(&self) -> io::Result<bool> {
        match self.0.file().try_lock() {
            Ok(()) => {
                self.0.file().unlock()?;
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn open(data_dir: &Path) -> io::Result<fs::File> {
    let path: PathBuf = data_dir.join(FILE);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_seen_until_the_last_is_dropped() {
        let guard = tempfile::tempdir().unwrap();
        let holds = Holds::of(guard.path()).unwrap();
        assert!(!holds.any().unwrap());
        let [first, second] = [(); 2].map(|()| DiskHold::take(guard.path()).unwrap());
        assert!(holds.any().unwrap());
        drop(first);
        assert!(holds.any().unwrap());
        drop(second);
        assert!(!holds.any().unwrap());
    }
}
