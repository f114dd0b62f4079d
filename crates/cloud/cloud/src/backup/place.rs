//! Files that get another place, as hard links or copies.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

/// The end of names of files that are being copied.
const NEW: &str = ".new";

/// How a file has come to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is the same file.
    Linked,
    /// It is a file of its own.
    Copied,
}

/// Links a file if `may_link` and the file systems allow it, else copies it. A copy is durable, and complete once it has its name.
pub(super) fn place(from: &Path, to: &Path, may_link: bool) -> io::Result<Placed> {
    if may_link {
        match fs::hard_link(from, to) {
            Ok(()) => return Ok(Placed::Linked),
            Err(error) if !may_copy_instead(&error) => return Err(error),
            Err(_) => {}
        }
    }
    copy(from, to)?;
    Ok(Placed::Copied)
}

/// Copies a file, of which nobody but its owner can read the copy.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let new = with_end(to, NEW);
    let copied = copy_and_sync(from, &new).and_then(|()| fs::rename(&new, to));
    if copied.is_err() {
        // The error that counts is that of the copy.
        let _ = fs::remove_file(&new);
    }
    copied
}

fn copy_and_sync(from: &Path, to: &Path) -> io::Result<()> {
    // On file systems that can, the two share their blocks.
    fs::copy(from, to)?;
    fs::set_permissions(to, Permissions::from_mode(0o600))?;
    fs::File::open(to)?.sync_all()
}

/// Whether a file that could not be linked can perhaps be copied.
fn may_copy_instead(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::CrossesDevices
            | ErrorKind::PermissionDenied
            | ErrorKind::TooManyLinks
            | ErrorKind::Unsupported
    )
}

/// Makes a directory that is for its owner alone. One that is there is no error.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| {
        let message = format!("cannot create {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    })
}

/// Brings the names in a directory to the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The paths of all files in a directory and the directories in it, relative to `base`, in order. None when there is no such directory. Files
/// that are being written are left out.
pub(super) fn files_below(base: &Path, folder: &str) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(base, Path::new(folder), &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(base: &Path, relative: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(base.join(relative)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = relative.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(base, &path, files)?;
        } else if !path.as_os_str().to_string_lossy().ends_with(NEW) {
            files.push(path);
        }
    }
    Ok(())
}

/// The path whose name has this at its end.
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
