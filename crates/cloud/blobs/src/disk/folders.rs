//! The directories of a store on disk.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::together::Together;
use crate::{BlobName, Folder};

#[derive(Debug)]
pub(super) struct Folders {
    /// Blobs that were kept.
    objects: PathBuf,
    /// Blobs that are being received, or that are durable and not kept yet.
    temporary: PathBuf,
    /// Those who wait for the names of `temporary` on the disk.
    syncs: Together,
}

impl Folders {
    pub(super) fn open(data_dir: &Path) -> io::Result<Self> {
        let folders = Self {
            objects: data_dir.join("objects"),
            temporary: data_dir.join("tmp"),
            syncs: Together::default(),
        };
        for folder in [&folders.objects, &folders.temporary] {
            make_private(folder)?;
        }
        // The directories themselves must be as durable as what is put into them.
        sync(data_dir)?;
        Ok(folders)
    }

    /// Where a blob is stored until it is kept.
    pub(super) fn temporary_path(&self, name: BlobName) -> PathBuf {
        self.temporary.join(name.to_string())
    }

    /// Does something with the file of a blob, wherever it is. The error is that of a missing file if there is none.
    pub(super) fn find<T>(
        &self,
        name: BlobName,
        act: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let object = self.objects.join(name.to_string());
        let kept = act(&object);
        if !is_absent(&kept) {
            return kept;
        }
        let not_kept = act(&self.temporary_path(name));
        if !is_absent(&not_kept) {
            return not_kept;
        }
        // The file may have moved from the second place to the first in between, and never moves back.
        act(&object)
    }

    /// Moves a blob that is kept to its place. One that is there already, or was deleted, is no error.
    pub(super) fn keep(&self, name: BlobName) -> io::Result<()> {
        let object = self.objects.join(name.to_string());
        existing(fs::rename(self.temporary_path(name), object)).map(drop)
    }

    /// Removes a blob, wherever it is. A missing one is not an error.
    pub(super) fn remove(&self, name: BlobName) -> io::Result<()> {
        existing(self.find(name, |path| fs::remove_file(path))).map(drop)
    }

    /// Makes the names of blobs durable that are not kept yet.
    pub(super) fn sync_temporary(&self) -> io::Result<()> {
        self.syncs.run(|| sync(&self.temporary))
    }

    pub(super) fn objects(&self) -> &Path {
        &self.objects
    }

    /// The names of blobs that were never kept.
    pub(super) fn unfinished(&self) -> io::Result<Vec<BlobName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.temporary)? {
            names.extend(name_of(&entry?));
        }
        Ok(names)
    }
}

/// The name of the blob that a file is. `None` for other files.
pub(super) fn name_of(entry: &fs::DirEntry) -> Option<BlobName> {
    BlobName::within(Folder::Root, entry.file_name().to_str()?)
}

/// `None` for what is not there, perhaps because somebody else has removed it.
pub(super) fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    if is_absent(&result) {
        return Ok(None);
    }
    result.map(Some)
}

fn is_absent<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Makes a directory, and closes it to other users whatever the umask is.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    match builder.create(folder) {
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o700)),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("cannot create {}: {error}", folder.display()),
        )),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
