//! Writing a bundle into a directory.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gumnut_types::{Existing, PartIndex, PartName};
use tempfile::NamedTempFile;

use crate::sync::{Staged, SyncFailed, Syncer, stage};
use crate::{BundleNames, PartRecord, PartSink, SplitterError};

/// Writes a bundle into a directory, all or nothing.
///
/// Parts are written under temporary names; [`FolderSink::commit`] gives them their names and then
/// writes the manifest, so that a manifest is never beside parts that are missing. Dropped before
/// that, the sink leaves nothing.
#[derive(Debug)]
pub struct FolderSink {
    folder: PathBuf,
    names: BundleNames,
    existing: Existing,
    current: Option<NamedTempFile>,
    syncer: Option<Syncer>,
}

/// A bundle that has its final names, on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Committed {
    /// The manifest.
    pub manifest: PathBuf,
    /// The parts, in order.
    pub parts: Vec<PathBuf>,
}

impl FolderSink {
    /// A sink into an existing directory.
    ///
    /// # Errors
    ///
    /// It is no directory; the manifest exists and is not to be replaced.
    pub fn create(
        folder: &Path,
        names: BundleNames,
        existing: Existing,
    ) -> Result<Self, SplitterError> {
        let used = |source| SplitterError::Folder {
            path: folder.to_owned(),
            source,
        };
        let metadata = fs_err::metadata(folder).map_err(used)?;
        if !metadata.is_dir() {
            return Err(used(io::ErrorKind::NotADirectory.into()));
        }
        let syncer = Syncer::start().map_err(SplitterError::Io)?;
        let sink = Self {
            folder: folder.to_owned(),
            names,
            existing,
            current: None,
            syncer: Some(syncer),
        };
        sink.check(sink.names.manifest())?;
        Ok(sink)
    }

    /// Gives all parts their names, then writes the manifest under its own.
    ///
    /// When this returns, everything is on the disk. If it fails, no file of the new bundle is left;
    /// files that were to be replaced may be gone.
    ///
    /// # Errors
    ///
    /// A file cannot be written or exists meanwhile.
    pub fn commit(mut self, manifest: &[u8]) -> Result<Committed, SplitterError> {
        if self.current.is_some() {
            return Err(SplitterError::Unfinished);
        }
        let mut staged = self.staged()?;
        let path = self.path(self.names.manifest());
        let mut file = self.temporary(&path)?;
        let written = file.write_all(manifest);
        written.map_err(|source| SplitterError::File {
            path: path.clone(),
            source,
        })?;
        staged.push(stage(file, path)?);
        if self.existing == Existing::Replace {
            // Until the new manifest is there, the old one must not be beside the new parts.
            self.remove_old_manifest()?;
        }
        self.rename(staged)
    }

    fn staged(&mut self) -> Result<Vec<Staged>, SplitterError> {
        self.syncer
            .take()
            .map_or(Err(SplitterError::Unfinished), Syncer::finish)
    }

    fn rename(&self, staged: Vec<Staged>) -> Result<Committed, SplitterError> {
        let count = staged.len();
        let mut named = Named(Vec::with_capacity(count));
        for (number, file) in staged.into_iter().enumerate() {
            if number + 1 == count {
                self.sync()?;
            }
            self.persist(&file.path, file.temporary)?;
            named.0.push(file.path);
        }
        self.sync()?;
        let mut parts = std::mem::take(&mut named.0);
        let manifest = parts.pop().ok_or(SplitterError::Unfinished)?;
        Ok(Committed { manifest, parts })
    }

    fn persist(&self, path: &Path, file: tempfile::TempPath) -> Result<(), SplitterError> {
        let renamed = match self.existing {
            Existing::Refuse => file.persist_noclobber(path),
            Existing::Replace => file.persist(path),
        };
        renamed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => SplitterError::Exists {
                path: path.to_owned(),
            },
            _ => SplitterError::File {
                path: path.to_owned(),
                source: error.error,
            },
        })
    }

    fn remove_old_manifest(&self) -> Result<(), SplitterError> {
        let path = self.path(self.names.manifest());
        match fs_err::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(SplitterError::File { path, source })
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), SplitterError> {
        let synced = fs_err::File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| SplitterError::Folder {
            path: self.folder.clone(),
            source,
        })
    }

    fn path(&self, name: &PartName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// Fails now, not after minutes of work, if a name is taken.
    fn check(&self, name: &PartName) -> Result<(), SplitterError> {
        let path = self.path(name);
        if self.existing == Existing::Refuse && fs_err::symlink_metadata(&path).is_ok() {
            return Err(SplitterError::Exists { path });
        }
        Ok(())
    }

    fn temporary(&self, path: &Path) -> Result<NamedTempFile, SplitterError> {
        tempfile::Builder::new()
            .prefix(".gumnut-")
            .suffix(".tmp")
            // As for any new file: the process's file mode creation mask takes its part away.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.folder)
            .map_err(|source| SplitterError::File {
                path: path.to_owned(),
                source,
            })
    }
}

impl PartSink for FolderSink {
    fn start(&mut self, _index: PartIndex, name: &PartName) -> io::Result<()> {
        self.check(name)?;
        self.current = Some(self.temporary(&self.path(name))?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.current {
            Some(file) => file.as_file_mut().write_all(bytes),
            None => Err(SplitterError::Unfinished.into()),
        }
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        let (Some(file), Some(syncer)) = (self.current.take(), &self.syncer) else {
            return Err(SplitterError::Unfinished.into());
        };
        if let Err(SyncFailed) = syncer.send(file, self.path(&part.name)) {
            // The thread takes no more files only after an error, which waiting for it shows.
            let error = self.staged().err().unwrap_or(SplitterError::Unfinished);
            return Err(error.into());
        }
        Ok(())
    }
}

/// Files that go again if the bundle does not become complete.
struct Named(Vec<PathBuf>);

impl Drop for Named {
    fn drop(&mut self) {
        for path in &self.0 {
            // The failure that is being reported matters more than this one.
            let _ = fs_err::remove_file(path);
        }
    }
}
