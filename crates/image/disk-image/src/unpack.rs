//! Unpacking a tarball: whole or not at all, and never outside of the directory.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use tempfile::TempDir;

use crate::check::Hypervisor;
use crate::error::DiskImageError;
use crate::resize::StepProgress;
use crate::tarball::{self, Visitor};

/// What was unpacked.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Unpacked {
    /// The files, with their lengths in bytes.
    pub files: Vec<(PathBuf, u64)>,
    /// Members that are neither files nor directories, and were left out.
    pub left_out: Vec<PathBuf>,
}

/// Unpacks `tarball` into `folder`; of directories for hypervisors only the one for `hypervisor`, when one is
/// given. Holes and zeroes become holes. Everything appears under its name when all of it is unpacked
/// and on disk; until then it is in a directory of its own.
///
/// # Errors
/// When the file is no tarball, is damaged or cut short, when a member's name leads out of the directory,
/// when something of that name is there, and when reading or writing fails.
pub fn unpack(
    tarball: &Path,
    folder: &Path,
    hypervisor: Option<Hypervisor>,
    progress: &dyn StepProgress,
) -> Result<Unpacked, DiskImageError> {
    let staging = tempfile::Builder::new()
        .prefix(".gumnut-")
        .tempdir_in(folder)?;
    let mut writer = Writer {
        staging: &staging,
        folder,
        hypervisor,
        tops: BTreeSet::new(),
        unpacked: Unpacked::default(),
    };
    tarball::read(tarball, progress, &mut writer)?;
    let Writer { tops, unpacked, .. } = writer;
    if unpacked.files.is_empty() {
        return Err(DiskImageError::Member {
            path: tarball.to_owned(),
            member: "all of them".to_owned(),
            reason: "it has no file that was requested",
        });
    }
    publish(&staging, folder, &tops)?;
    Ok(unpacked)
}

struct Writer<'a> {
    staging: &'a TempDir,
    folder: &'a Path,
    hypervisor: Option<Hypervisor>,
    /// First components of all paths.
    tops: BTreeSet<OsString>,
    unpacked: Unpacked,
}

impl Writer<'_> {
    /// Notes where a member goes and refuses what is there already, before anything is written.
    fn place(&mut self, path: &Path) -> Result<PathBuf, DiskImageError> {
        let top = path.iter().next().unwrap_or_default();
        if !self.tops.contains(top) {
            let target = self.folder.join(top);
            if target.symlink_metadata().is_ok() {
                return Err(DiskImageError::Exists { path: target });
            }
            self.tops.insert(top.to_owned());
        }
        let place = self.staging.path().join(path);
        if let Some(parent) = place.parent() {
            fs_err::create_dir_all(parent)?;
        }
        Ok(place)
    }
}

impl Visitor for Writer<'_> {
    fn file(
        &mut self,
        path: &Path,
        _length: u64,
        write: &mut dyn FnMut(&File) -> Result<(), DiskImageError>,
    ) -> Result<(), DiskImageError> {
        let place = self.place(path)?;
        let file = fs_err::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o666)
            .open(&place)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory => {
                    DiskImageError::Member {
                        path: PathBuf::new(),
                        member: path.display().to_string(),
                        reason: "it occurs twice",
                    }
                }
                _ => error.into(),
            })?;
        write(file.file()).map_err(|error| match error {
            DiskImageError::Io(source) => DiskImageError::System {
                doing: "write",
                path: self.folder.join(path),
                source,
            },
            error => error,
        })?;
        file.sync_all()?;
        let length = file.metadata()?.len();
        self.unpacked.files.push((self.folder.join(path), length));
        Ok(())
    }

    fn folder(&mut self, path: &Path) -> Result<(), DiskImageError> {
        let place = self.place(path)?;
        Ok(fs_err::create_dir_all(place)?)
    }

    fn other(&mut self, path: &Path, _kind: char) {
        self.unpacked.left_out.push(path.to_owned());
    }

    fn wants(&self, path: &Path) -> bool {
        tarball::for_hypervisor(path, self.hypervisor)
    }
}

/// Gives everything its name. Should one of several be taken meanwhile, the others go again.
fn publish(
    staging: &TempDir,
    folder: &Path,
    tops: &BTreeSet<OsString>,
) -> Result<(), DiskImageError> {
    let mut done = Vec::new();
    for top in tops {
        let (from, to) = (staging.path().join(top), folder.join(top));
        if let Err(error) = rename_to_free_name(&from, &to) {
            for (from, to) in done {
                // Best effort: the error that led here is the one to report.
                let _ = fs_err::rename(to, from);
            }
            return Err(error);
        }
        done.push((from, to));
    }
    Ok(fs_err::File::open(folder)?.sync_all()?)
}

fn rename_to_free_name(from: &Path, to: &Path) -> Result<(), DiskImageError> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // A file system without such a rename: one of a directory never replaces a file or a full directory.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_err() => {
            Ok(fs_err::rename(from, to)?)
        }
        Err(Errno::EXIST | Errno::INVAL | Errno::NOSYS) => Err(DiskImageError::Exists {
            path: to.to_owned(),
        }),
        Err(error) => Err(DiskImageError::System {
            doing: "give its name to",
            path: to.to_owned(),
            source: error.into(),
        }),
    }
}
