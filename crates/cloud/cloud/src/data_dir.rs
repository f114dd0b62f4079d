//! The directory that a cloud keeps everything in, and the lock that gives it to one cloud at a time.

use std::fs::TryLockError;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use crate::error::CloudError;

/// The catalogue's file below the data directory.
pub(crate) const CATALOGUE: &str = "catalogue.sqlite";
/// The file beside the catalogue that says which one belongs there.
pub(crate) const CATALOGUE_MARK: &str = "catalogue.id";
/// The file that makes a directory a backup instead of a data directory.
pub(crate) const BACKUP_MANIFEST: &str = "backup.json";
/// The file that is locked.
const LOCK: &str = "lock";
/// The directories whose files a catalogue knows, below the data directory.
const KNOWN: [&str; 3] = ["objects", "tmp", "keys"];
/// How often a directory that is in use is tried again, and the wait between: who only asks whether it is in use has it for a moment, and
/// so has a program that this process is about to start.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);
/// The file that is made when the catalogue has an account, below the data directory.
const MASTER_KEY: &str = "master.key";

/// A data directory that this process has locked; the lock ends with the value, or with the process.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held for its lock alone. `None` in a directory that is only looked at and was never a cloud's.
    _lock: Option<fs::File>,
}

impl DataDir {
    /// Makes the directory if needed, closed to other users because it holds keys, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, CloudError> {
        let files = |doing| move |source| CloudError::Files { doing, source };
        if path.join(BACKUP_MANIFEST).exists() {
            return Err(CloudError::IsBackup(path.to_owned()));
        }
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        builder
            .create(path)
            .map_err(named)
            .map_err(files("create the data directory"))?;
        let private = |name: &Path, mode| {
            fs::set_permissions(name, std::fs::Permissions::from_mode(mode))
                .map_err(files("set the mode of the data directory"))
        };
        private(path, 0o700)?;
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(files("create the lock file"))?;
        private(&path.join(LOCK), 0o600)?;
        Self::lock(path, Some(lock))
    }

    /// Locks a directory to look at it. Nothing is made or changed, so that it need not be writable.
    pub(crate) fn look_at(path: &Path) -> Result<Self, CloudError> {
        match fs::File::open(path.join(LOCK)) {
            Ok(lock) => Self::lock(path, Some(lock)),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::lock(path, None),
            Err(source) => Err(CloudError::Files {
                doing: "open the lock file",
                source,
            }),
        }
    }

    fn lock(path: &Path, lock: Option<fs::File>) -> Result<Self, CloudError> {
        let mut tries = 1;
        loop {
            match lock.as_ref().map(|lock| lock.file().try_lock()) {
                None | Some(Ok(())) => {
                    return Ok(Self {
                        path: path.to_owned(),
                        _lock: lock,
                    });
                }
                Some(Err(TryLockError::WouldBlock)) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Some(Err(TryLockError::WouldBlock)) => {
                    return Err(CloudError::Locked(path.to_owned()));
                }
                Some(Err(TryLockError::Error(source))) => {
                    return Err(CloudError::Files {
                        doing: "lock the data directory",
                        source,
                    });
                }
            }
        }
    }

    /// The bytes that are left for the directory on its disk.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// How many files there are that a catalogue knows: objects, bodies that were not finished, and keys; counted up to `most`.
pub(crate) fn known_files(data_dir: &Path, most: usize) -> Result<usize, CloudError> {
    let mut count = usize::from(data_dir.join(MASTER_KEY).exists());
    for folder in KNOWN {
        match fs::read_dir(data_dir.join(folder)) {
            Ok(entries) => count += entries.take(most.saturating_sub(count)).count(),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => {
                let doing = "read the data directory";
                return Err(CloudError::Files { doing, source });
            }
        }
    }
    Ok(count)
}

/// Whether there is nothing of a cloud in the directory: neither this catalogue nor files that one would know.
pub(crate) fn is_empty(data_dir: &Path, catalogue: &Path) -> Result<bool, CloudError> {
    Ok(!catalogue.exists() && known_files(data_dir, 1)? == 0)
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
        let looked_at = DataDir::look_at(&path);
        assert!(matches!(looked_at, Err(CloudError::Locked(_))));
        drop(first);
        DataDir::open(&path).unwrap();
    }
}
