//! Files of credentials: in a directory of mode 0700, themselves of mode 0600, never half-written.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use zeroize::Zeroizing;

use crate::AccountsError;

/// Makes a directory that only its owner may enter.
pub(crate) fn make_folder(path: &Path) -> Result<(), AccountsError> {
    closed_folder(path).map_err(|source| AccountsError::Files {
        doing: "create a directory for keys",
        source,
    })
}

fn closed_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Writes a file under a temporary name and renames it.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), AccountsError> {
    write_and_rename(path, content).map_err(|source| AccountsError::Files {
        doing: "write a file with keys",
        source,
    })
}

fn write_and_rename(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)
}

/// Reads a file whose content is zeroed afterwards.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, AccountsError> {
    let text = fs_err::read_to_string(path);
    text.map(Zeroizing::new)
        .map_err(|source| AccountsError::Files {
            doing: "read a file with keys",
            source,
        })
}
