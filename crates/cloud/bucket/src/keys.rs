//! The keys to a bucket.

use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fs_err as fs;
use gumnut_types::SecretString;
use zeroize::Zeroizing;

use crate::BucketError;

/// Most bytes of a file with keys.
const LARGEST: u64 = 4096;

/// The keys to a bucket: an access key id and its secret.
#[derive(Clone)]
pub struct BucketKeys {
    pub(crate) id: String,
    pub(crate) secret: SecretString,
}

impl BucketKeys {
    /// These keys.
    pub fn new(id: impl Into<String>, secret: SecretString) -> Self {
        Self {
            id: id.into(),
            secret,
        }
    }

    /// The keys in a file of two lines: the access key id and the secret access key. Nobody but its owner may have rights on the
    /// file.
    ///
    /// # Errors
    /// [`BucketError::KeyFile`] if it cannot be read, [`BucketError::OpenKeyFile`] if others can read or write it,
    /// [`BucketError::KeyForm`] if it is something else.
    pub fn read(path: &Path) -> Result<Self, BucketError> {
        let file = fs::File::open(path).map_err(BucketError::KeyFile)?;
        let found = file.metadata().map_err(BucketError::KeyFile)?;
        if !found.is_file() {
            return Err(BucketError::KeyForm(path.to_owned()));
        }
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(BucketError::OpenKeyFile { path, mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(4096));
        match file.take(LARGEST + 1).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(BucketError::KeyForm(path.to_owned()));
            }
            Err(error) => return Err(BucketError::KeyFile(error)),
        }
        Self::parse(&text).ok_or_else(|| BucketError::KeyForm(path.to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() as u64 > LARGEST {
            return None;
        }
        let mut lines = text.lines().map(str::trim);
        let (id, secret) = (lines.next()?, lines.next()?);
        let is_rest_empty = lines.all(str::is_empty);
        let is_key = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let is_good = is_rest_empty && is_key(id) && is_key(secret);
        is_good.then(|| Self::new(id, SecretString::new(secret)))
    }
}

impl fmt::Debug for BucketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKeys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8], mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blobs.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn two_lines_are_keys_and_are_not_shown() {
        let (_folder, path) = file(b"AKIDEXAMPLE\r\nwJalrXUtnFEMI/K7\n\n", 0o600);
        let keys = BucketKeys::read(&path).unwrap();
        assert_eq!(keys.id, "AKIDEXAMPLE");
        assert_eq!(keys.secret.expose(), "wJalrXUtnFEMI/K7");
        let shown = format!("{keys:?}");
        assert!(
            shown.contains("AKIDEXAMPLE") && !shown.contains("wJalr"),
            "{shown}"
        );
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o644, 0o620, 0o660] {
            let (_folder, path) = file(b"AKIDEXAMPLE\nwJalr\n", mode);
            let error = BucketKeys::read(&path).unwrap_err();
            assert!(matches!(error, BucketError::OpenKeyFile { mode: found, .. } if found == mode));
            assert!(!error.to_string().contains("wJalr"));
        }
        let (_folder, path) = file(b"AKIDEXAMPLE\nwJalr\n", 0o400);
        BucketKeys::read(&path).unwrap();
    }

    #[test]
    fn what_is_no_keys_is_refused_and_not_shown() {
        let long = [b'a'; 5000];
        for text in [
            b"".as_slice(),
            b"AKIDEXAMPLE",
            b"AKIDEXAMPLE\n\n",
            b"AKIDEXAMPLE\nwJalr\nthird",
            b"AKID EXAMPLE\nwJalr\n",
            b"AKIDEXAMPLE\n\xff\xfe\n",
            &long,
        ] {
            let (_folder, path) = file(text, 0o600);
            let error = BucketKeys::read(&path).unwrap_err();
            assert!(matches!(error, BucketError::KeyForm(_)), "{error:?}");
            assert!(!error.to_string().contains("wJalr"));
        }
        let (folder, path) = file(b"", 0o600);
        fs::remove_file(&path).unwrap();
        let error = BucketKeys::read(&path).unwrap_err();
        assert!(matches!(error, BucketError::KeyFile(_)), "{error:?}");
        let error = BucketKeys::read(folder.path()).unwrap_err();
        assert!(matches!(error, BucketError::KeyForm(_)), "{error:?}");
    }
}
