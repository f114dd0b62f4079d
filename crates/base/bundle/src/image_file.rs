//! The file that a restored image becomes.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gumnut_archive::SparseFile;
use gumnut_splitter::Existing;
use tempfile::NamedTempFile;

use crate::BundleError;

/// A file that gets its name only when everything in it was found right.
///
/// Until then it has a temporary name in the same directory; dropped before that, it is gone.
#[derive(Debug)]
pub struct ImageFile {
    file: NamedTempFile,
    path: PathBuf,
    folder: PathBuf,
    existing: Existing,
}

/// Writes a small file that gets its name when all of it is on the disk, as an image does.
///
/// # Errors
///
/// As those of [`ImageFile::create`]; the file cannot be written.
pub fn write_file(path: &Path, existing: Existing, bytes: &[u8]) -> Result<(), BundleError> {
    let mut file = ImageFile::create(path, existing)?;
    let written = file.file.write_all(bytes);
    written.map_err(|source| BundleError::Output {
        path: path.to_owned(),
        source,
    })?;
    file.commit().map(drop)
}

impl ImageFile {
    /// Begins a file that will become `path`.
    ///
    /// # Errors
    ///
    /// The path exists and is not to be replaced, is a directory, or its directory cannot be written.
    pub fn create(path: &Path, existing: Existing) -> Result<Self, BundleError> {
        Self::create_in(path, existing, &folder_of(path))
    }

    /// A file that will be called `path`, and is in `temporary` until then: a directory of the same file system.
    ///
    /// # Errors
    ///
    /// The path exists and is not to be replaced, is a directory, or `temporary` cannot be written.
    pub fn create_in(
        path: &Path,
        existing: Existing,
        temporary: &Path,
    ) -> Result<Self, BundleError> {
        let failed = |source| BundleError::Output {
            path: path.to_owned(),
            source,
        };
        match fs_err::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Ok(_) if existing == Existing::Refuse => {
                return Err(BundleError::OutputExists {
                    path: path.to_owned(),
                });
            }
            _ => {}
        }
        if path.file_name().is_none() {
            return Err(failed(io::ErrorKind::InvalidFilename.into()));
        }
        let file = tempfile::Builder::new()
            .prefix(".gumnut-")
            .suffix(".tmp")
            // As for any new file: the process's file mode creation mask takes its part away.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(temporary)
            .map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            folder: folder_of(path),
            existing,
        })
    }

    /// The path that the file will get.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn output(&self) -> SparseFile<'_> {
        SparseFile::new(self.file.as_file())
    }

    /// Writes everything to the disk and gives the file its name.
    pub(crate) fn commit(self) -> Result<PathBuf, BundleError> {
        let Self {
            file,
            path,
            folder,
            existing,
        } = self;
        let failed = |source| BundleError::Output {
            path: path.clone(),
            source,
        };
        file.as_file().sync_all().map_err(failed)?;
        let file = file.into_temp_path();
        let renamed = match existing {
            Existing::Refuse => file.persist_noclobber(&path),
            Existing::Replace => file.persist(&path),
        };
        renamed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BundleError::OutputExists { path: path.clone() },
            _ => failed(error.error),
        })?;
        let folder = fs_err::File::open(folder).and_then(|folder| folder.sync_all());
        folder.map_err(failed)?;
        Ok(path)
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
