//! A bundle on this machine: its manifest and the directory of its parts.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use gumnut_manifest::UntrustedManifest;
use gumnut_types::Limits;

use crate::WorkflowError;

/// Where a bundle is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalBundle {
    manifest: PathBuf,
    parts: PathBuf,
}

impl LocalBundle {
    /// The bundle with this manifest, whose parts are next to it.
    pub fn new(manifest: impl Into<PathBuf>) -> Self {
        let manifest = manifest.into();
        let parts = match manifest.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Self { manifest, parts }
    }

    /// Looks for the parts in another directory; `None`: beside the manifest.
    #[must_use]
    pub fn parts_in(mut self, folder: Option<&Path>) -> Self {
        if let Some(folder) = folder {
            folder.clone_into(&mut self.parts);
        }
        self
    }

    /// The file of the manifest.
    pub fn path(&self) -> &Path {
        &self.manifest
    }

    /// The directory of the parts.
    pub fn parts(&self) -> &Path {
        &self.parts
    }

    /// Reads the manifest. Nothing vouches for it yet.
    ///
    /// # Errors
    /// When there is no such file, it is a directory or too large, and when it is no manifest.
    pub fn manifest(&self, limits: &Limits) -> Result<UntrustedManifest, WorkflowError> {
        let metadata = fs_err::metadata(&self.manifest)
            .map_err(|source| unreadable("manifest", &self.manifest, source))?;
        if metadata.is_dir() {
            return Err(WorkflowError::ManifestIsFolder(self.manifest.clone()));
        }
        let bytes = read_bounded("manifest", &self.manifest, limits.manifest_bytes as u64)?;
        UntrustedManifest::parse(&bytes, limits).map_err(|source| WorkflowError::LocalManifest {
            path: self.manifest.clone(),
            source: Box::new(source),
        })
    }
}

/// A file of a bundle that cannot be read.
pub(crate) fn unreadable(what: &'static str, path: &Path, source: std::io::Error) -> WorkflowError {
    WorkflowError::Unreadable {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bounded(
    what: &'static str,
    path: &Path,
    limit: u64,
) -> Result<Vec<u8>, WorkflowError> {
    let mut bytes = Vec::new();
    let read = fs_err::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|source| unreadable(what, path, source))?;
    if read as u64 > limit {
        return Err(WorkflowError::FileTooLarge {
            what,
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}
