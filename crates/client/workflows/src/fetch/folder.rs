//! The directory beside the target in which parts wait until the image is complete.
//!
//! A part's file is called after its digest, and has that name only when the digest has matched. A run that was killed
//! leaves such files for the next one, which looks at every byte of them again.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use gumnut_manifest::Part;
use gumnut_types::Sha1Digest;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::{WorkflowError, digest_of_file};

/// What files that are being written begin with, in this crate and in those that write the image.
const TEMPORARY: &str = ".gumnut-";
/// What the names of verified parts end with.
const PART: &str = ".part";

/// A directory of verified parts that belongs to one run at a time.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// The directory of a target: `TARGET.gumnut-fetch`.
    pub fn beside(target: &Path) -> PathBuf {
        let mut path = target.as_os_str().to_owned();
        path.push(".gumnut-fetch");
        PathBuf::from(path)
    }

    /// Opens the directory, which is made when it is missing, and takes away what an earlier run left half-written.
    ///
    /// # Errors
    /// When it cannot be made, is of another account or something else, or another run uses it.
    pub fn open(path: &Path) -> Result<Self, WorkflowError> {
        let failed = |source: io::Error| WorkflowError::Folder {
            path: path.to_owned(),
            source,
        };
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let folder = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(not_ours(path)),
            Err(error) => return Err(failed(error.into())),
        };
        match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(busy(path)),
            Err(error) => return Err(failed(error.into())),
        }
        let lock = File::from(folder);
        let opened = lock.metadata().map_err(failed)?;
        // Another run may have removed this very directory at its end.
        let here = fs_err::symlink_metadata(path).ok();
        if here.as_ref().map(identity) != Some(identity(&opened)) {
            return Err(busy(path));
        }
        if opened.uid() != rustix::process::geteuid().as_raw() {
            return Err(not_ours(path));
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        folder
            .clear(|name| name.starts_with(TEMPORARY))
            .map_err(failed)?;
        Ok(folder)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a part that the next run need not fetch.
    pub fn has_parts(&self) -> bool {
        let entries = fs_err::read_dir(&self.path).into_iter().flatten().flatten();
        let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.any(|name| is_part(&name))
    }

    /// The path of a verified part.
    pub(super) fn part(&self, digest: Sha1Digest) -> PathBuf {
        self.path.join(format!("{digest}{PART}"))
    }

    /// A file for a part that comes.
    pub(super) fn begin(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::with_prefix_in(TEMPORARY, &self.path)
    }

    /// Takes away verified parts of another bundle.
    pub(super) fn keep_only(&self, parts: &[Part]) -> io::Result<()> {
        let wanted: Vec<String> = parts
            .iter()
            .map(|part| format!("{}{PART}", part.digest))
            .collect();
        self.clear(|name| is_part(name) && !wanted.iter().any(|part| part == name))
    }

    /// Takes the directory away with all parts.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(self) -> Result<(), WorkflowError> {
        let cleared = self.clear(|name| is_part(name) || name.starts_with(TEMPORARY));
        cleared.map_err(|source| WorkflowError::Folder {
            path: self.path.clone(),
            source,
        })
        // Dropping takes the directory away where it is empty now.
    }

    /// Removes what is ours and has such a name, and nothing else that somebody may have put there.
    fn clear(&self, goes: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs_err::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(&goes) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs_err::remove_dir_all(entry.path())?;
            } else {
                fs_err::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Only where nothing in it is worth keeping.
        let _ = fs_err::remove_dir(&self.path);
    }
}

/// The size in bytes of the part in a file, if it is there and right. A file that is not right goes.
pub(super) fn kept(path: &Path, digest: Sha1Digest) -> io::Result<Option<u64>> {
    match digest_of_file(path) {
        Ok((found, size)) if found == digest => Ok(Some(size)),
        Ok(_) => fs_err::remove_file(path).map(|()| None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_part(name: &str) -> bool {
    name.strip_suffix(PART)
        .is_some_and(|digest| digest.parse::<Sha1Digest>().is_ok())
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn not_ours(path: &Path) -> WorkflowError {
    WorkflowError::NotOurs {
        path: path.to_owned(),
    }
}

fn busy(path: &Path) -> WorkflowError {
    WorkflowError::Busy {
        path: path.to_owned(),
    }
}
