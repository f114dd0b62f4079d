//! Files that hold keys: in a folder of mode 0700, themselves of mode 0600, never half-written.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::CloudError;

/// The cloud's private key.
pub(super) const CLOUD_KEY: &str = "cloud-pk.pem";
/// The cloud's certificate.
pub(super) const CLOUD_CERTIFICATE: &str = "cloud-cert.pem";

/// The folder of keys below the data folder; made if needed.
pub(crate) fn folder(data_dir: &Path) -> Result<PathBuf, CloudError> {
    let folder = data_dir.join("keys");
    make_folder(&folder)?;
    Ok(folder)
}

/// Makes a folder that only its owner may enter.
pub(super) fn make_folder(path: &Path) -> Result<(), CloudError> {
    let failed = |source| CloudError::Files {
        doing: "make a folder for keys",
        source,
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(path).map_err(failed)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// Writes a file under a temporary name and renames it.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), CloudError> {
    let failed = |source| CloudError::Files {
        doing: "write a file with keys",
        source,
    };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs_err::rename(&temporary, path).map_err(failed)
}

/// Reads a file whose content is zeroed afterwards.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, CloudError> {
    let text = fs_err::read_to_string(path);
    text.map(Zeroizing::new)
        .map_err(|source| CloudError::Files {
            doing: "read a file with keys",
            source,
        })
}
