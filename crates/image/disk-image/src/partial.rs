//! The temporary file of an image: locked while it is written, gone when the work fails.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use gumnut_types::Existing;
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::DiskImageError;

/// A file under a temporary name beside its final one, which it gets when it is complete. Dropped before that, it is removed.
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl Partial {
    /// Creates `TARGET.partial`, in place of one that an interrupted run has left; `source` is an
    /// image that must not be that file.
    ///
    /// # Errors
    /// When the file cannot be created, is `source`, or another run writes to it.
    pub fn create(target: &Path, source: Option<&File>) -> Result<Self, DiskImageError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)?;
        if let Some(source) = source
            && identity(&file.metadata()?) == identity(&source.metadata()?)
        {
            return Err(DiskImageError::SameFile { path });
        }
        match rustix::fs::flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(DiskImageError::Busy { path }),
            Err(error) => return Err(failed("lock", &path, error)),
        }
        // Another run may have renamed this very file to its target before it let go of the lock.
        let here = path.symlink_metadata().ok().as_ref().map(identity);
        if here != Some(identity(&file.metadata()?)) {
            return Err(DiskImageError::Busy { path });
        }
        let target = target.to_owned();
        let partial = Self {
            file,
            path,
            target,
            committed: false,
        };
        partial.file.set_len(0)?;
        Ok(partial)
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its temporary name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file the mode of `original`, and its owner where that is allowed.
    pub(crate) fn take_mode(&self, original: &File) -> Result<(), DiskImageError> {
        let metadata = original.metadata()?;
        // Only root may; then the mode, because a change of owner can take bits of it away.
        let _ =
            std::os::unix::fs::fchown(self.file.file(), Some(metadata.uid()), Some(metadata.gid()));
        Ok(self.file.set_permissions(metadata.permissions())?)
    }

    /// Brings the file to disk and gives it its final name.
    ///
    /// # Errors
    /// When that fails, and when there is a file with the final name that must not be replaced.
    pub fn commit(mut self, existing: Existing) -> Result<(), DiskImageError> {
        self.file.sync_all()?;
        match existing {
            Existing::Replace => fs_err::rename(&self.path, &self.target)?,
            Existing::Refuse => self.rename_to_free_name()?,
        }
        self.committed = true;
        let parent = self.target.parent().unwrap_or(Path::new("/"));
        File::open(parent)?.sync_all()?;
        Ok(())
    }

    fn rename_to_free_name(&self) -> Result<(), DiskImageError> {
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(CWD, &self.path, CWD, &self.target, flags) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(self.exists()),
            // The file system has no such rename; a link does not replace anything either.
            Err(Errno::INVAL | Errno::NOSYS) => match fs_err::hard_link(&self.path, &self.target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(self.exists()),
                linked => Ok(linked.and_then(|()| fs_err::remove_file(&self.path))?),
            },
            Err(error) => Err(failed("rename to its final name", &self.path, error)),
        }
    }

    fn exists(&self) -> DiskImageError {
        DiskImageError::Exists {
            path: self.target.clone(),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: the error that led here is the one to report.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn failed(doing: &'static str, path: &Path, error: Errno) -> DiskImageError {
    DiskImageError::System {
        doing,
        path: path.to_owned(),
        source: error.into(),
    }
}
