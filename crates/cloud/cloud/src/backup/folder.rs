//! The directory that backups are in.

use std::fs::TryLockError;
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::error::BackupError;
use super::manifest::Manifest;
use super::place::{make_folder, sync_folder, with_end};
use crate::data_dir::BACKUP_MANIFEST;

/// The file that says that backups are in a directory, and of which cloud; the process that makes one has locked it.
const MARK: &str = "gumnut-backups";
/// The end of the name of a backup that is not complete.
const PARTIAL: &str = ".partial";
/// Most bytes of the mark that are read.
const MOST_BYTES: u64 = 4096;

/// A directory for backups, which this process has locked.
#[derive(Debug)]
pub(super) struct Backups {
    path: PathBuf,
    mark: fs::File,
    /// The id of the cloud whose backups are there; empty before the first.
    cloud: String,
}

/// A backup that was completed.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
}

impl Backups {
    /// Opens a directory for backups, which is made if needed, and locks it.
    pub(super) fn open(path: &Path, data_dir: &Path) -> Result<Self, BackupError> {
        let writing = |doing| BackupError::writing(path, doing);
        make_folder(path).map_err(writing("create the backup directory"))?;
        let reading = BackupError::reading("read the backup directory");
        let is_empty = fs::read_dir(path).map_err(reading)?.next().is_none();
        if !is_empty && !path.join(MARK).exists() {
            return Err(BackupError::NotForBackups(path.to_owned()));
        }
        let resolved =
            |path: &Path| fs::canonicalize(path).map_err(BackupError::reading("find a directory"));
        if resolved(path)?.starts_with(resolved(data_dir)?) {
            if is_empty {
                // It may have been made here.
                let _ = fs::remove_dir(path);
            }
            return Err(BackupError::Inside {
                to: path.to_owned(),
                data_dir: data_dir.to_owned(),
            });
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mark = options.mode(0o600).open(path.join(MARK));
        let mut mark = mark.map_err(writing("create a file in the backup directory"))?;
        match mark.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy(path.to_owned())),
            Err(TryLockError::Error(source)) => {
                let doing = "lock the backup directory";
                return Err(BackupError::Files { doing, source });
            }
        }
        let mut cloud = String::new();
        let read = Read::by_ref(&mut mark)
            .take(MOST_BYTES)
            .read_to_string(&mut cloud);
        read.map_err(BackupError::reading("read the backup directory"))?;
        Ok(Self {
            path: path.to_owned(),
            mark,
            cloud: cloud.trim().to_owned(),
        })
    }

    /// Insists that backups of this cloud are here, and writes it down before the first.
    pub(super) fn are_of(&mut self, cloud: &str) -> Result<(), BackupError> {
        if self.cloud.is_empty() {
            let written = self
                .mark
                .write_all(format!("{cloud}\n").as_bytes())
                .and_then(|()| self.mark.sync_all());
            let doing = "write to the backup directory";
            written.map_err(BackupError::writing(&self.path, doing))?;
            cloud.clone_into(&mut self.cloud);
        }
        if self.cloud == cloud {
            return Ok(());
        }
        Err(BackupError::OtherCloud(self.path.clone()))
    }

    /// The last backup that was completed; `None` when there is none.
    pub(super) fn last(&self) -> Result<Option<Complete>, BackupError> {
        last(&self.path)
    }

    /// Begins a backup in a directory whose name says that it is not complete. It has the files of blobs of one that was not
    /// completed, and nothing else.
    pub(super) fn begin(&self, name: &str) -> Result<PathBuf, BackupError> {
        let begun = self.path.join(format!("{name}{PARTIAL}"));
        let doing = "clear a backup that was not completed";
        let clear = || {
            for left in partials(&self.path)? {
                if begun.exists() {
                    fs::remove_dir_all(left)?;
                } else {
                    fs::rename(left, &begun)?;
                }
            }
            make_folder(&begun)?;
            for entry in fs::read_dir(&begun)? {
                let entry = entry?;
                if entry.file_name() == "objects" {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())?;
                } else {
                    fs::remove_file(entry.path())?;
                }
            }
            make_folder(&begun.join("objects"))
        };
        clear().map_err(BackupError::writing(&self.path, doing))?;
        Ok(begun)
    }

    /// Gives a backup, all of whose files are durable, its name; that is the moment in which it is one.
    pub(super) fn complete(&self, begun: &Path, name: &str) -> Result<PathBuf, BackupError> {
        let completed = self.free_name(name);
        let doing = "give the backup its name";
        fs::rename(begun, &completed)
            .and_then(|()| sync_folder(&self.path))
            .map_err(BackupError::writing(&self.path, doing))?;
        Ok(completed)
    }

    /// A name that no backup has: of two in one second the later one has a number.
    fn free_name(&self, name: &str) -> PathBuf {
        let mut path = self.path.join(name);
        let mut number = 1;
        while path.exists() {
            number += 1;
            path = with_end(&self.path.join(name), &format!("-{number}"));
        }
        path
    }
}

/// A backup that is to be restored: the directory itself, or the last one in it.
pub(super) fn find(path: &Path) -> Result<Complete, BackupError> {
    if path
        .to_string_lossy()
        .trim_end_matches('/')
        .ends_with(PARTIAL)
    {
        return Err(BackupError::Partial(path.to_owned()));
    }
    if let Some(manifest) = Manifest::read(&path.join(BACKUP_MANIFEST))? {
        let path = path.to_owned();
        return Ok(Complete { path, manifest });
    }
    last(path)?.ok_or_else(|| BackupError::NoBackup(path.to_owned()))
}

/// The last backup in a directory that was completed, by the time in its manifest.
fn last(folder: &Path) -> Result<Option<Complete>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(BackupError::reading("read the backup directory"))?,
    };
    let mut last: Option<Complete> = None;
    for entry in entries {
        let path = entry
            .map_err(BackupError::reading("read the backup directory"))?
            .path();
        if !path.is_dir() || path.to_string_lossy().ends_with(PARTIAL) {
            continue;
        }
        let Some(manifest) = Manifest::read(&path.join(BACKUP_MANIFEST))? else {
            continue;
        };
        let key = |it: &Complete| (it.manifest.made.clone(), it.path.clone());
        let found = Complete { path, manifest };
        if last.as_ref().is_none_or(|last| key(last) < key(&found)) {
            last = Some(found);
        }
    }
    Ok(last)
}

/// Backups that were not completed.
fn partials(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(PARTIAL) {
            found.push(path);
        }
    }
    Ok(found)
}
