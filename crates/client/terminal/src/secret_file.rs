//! A new file with a secret in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit::Exit;
use crate::failure::Failure;

/// A file that is to hold a secret, and is not there yet: readable by its owner only, never in the place of another file, and never
/// incomplete under its name.
#[derive(Debug)]
pub struct NewSecretFile {
    path: PathBuf,
    /// Beside the file, and with mode 0600 from its beginning.
    temporary: NamedTempFile,
}

impl NewSecretFile {
    /// Begins a file, so that one which cannot be written is known before there is a secret.
    ///
    /// # Errors
    /// When there is a file of this name, and when none can be made in its directory.
    pub fn begin(path: &Path) -> Result<Self, Failure> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = NamedTempFile::with_prefix_in(".gumnut-", directory)
            .map_err(|error| unwritable(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
        })
    }

    /// The name that the file gets.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the secret and gives the file its name.
    ///
    /// # Errors
    /// When it cannot be written, and when there is a file of this name meanwhile. There is no new file then.
    pub fn keep(mut self, secret: &[u8]) -> Result<(), Failure> {
        let path = self.path;
        self.temporary
            .write_all(secret)
            .and_then(|()| self.temporary.as_file().sync_all())
            .map_err(|error| unwritable(&path, error))?;
        match self.temporary.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(exists(&path))
            }
            Err(error) => Err(unwritable(&path, error.error)),
        }
    }
}

fn exists(path: &Path) -> Failure {
    let message = format!("the file {} exists already", path.display());
    Failure::new(Exit::Usage, message).hint("choose another name, or move the file away")
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    let message = format!("cannot write {}", path.display());
    Failure::new(Exit::Unexpected, message).because(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_private_complete_and_never_in_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let file = NewSecretFile::begin(&path).unwrap();
        let other = NewSecretFile::begin(&path).unwrap();
        assert!(!path.exists());
        file.keep(b"secret").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"secret");
        let mode = fs_err::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(other.keep(b"another").is_err());
        assert!(NewSecretFile::begin(&path).is_err());
        assert_eq!(fs_err::read(&path).unwrap(), b"secret");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
        let absent = dir.path().join("absent/key.pem");
        assert!(NewSecretFile::begin(&absent).is_err());
    }
}
