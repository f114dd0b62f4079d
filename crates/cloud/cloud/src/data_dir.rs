//! The folder that a cloud keeps everything in, and the lock that gives it to one cloud at a time.

use std::fs::TryLockError;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::CloudError;

/// A data folder that this process has locked; the lock ends with the value, or with the process.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held for its lock alone.
    _lock: fs::File,
}

impl DataDir {
    /// Makes the folder if needed, closed to other users because it holds keys, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, CloudError> {
        let files = |doing| move |source| CloudError::Files { doing, source };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(path)
            .map_err(files("make the data folder"))?;
        fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
            .map_err(files("close the data folder to others"))?;
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(files("make the lock file"))?;
        match lock.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CloudError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => {
                return Err(files("lock the data folder")(source));
            }
        }
        let path = path.to_owned();
        Ok(Self { path, _lock: lock })
    }

    /// The bytes that are left for the folder on its disk.
    pub(crate) fn free(&self) -> std::io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cloud_at_a_time_and_no_other_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        assert!(matches!(DataDir::open(&path), Err(CloudError::Locked(_))));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(first);
        DataDir::open(&path).unwrap();
    }
}
