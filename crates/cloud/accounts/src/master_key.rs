//! The key that everything secret in a catalogue is encrypted with. It is kept in a file, outside of the catalogue.

use std::fs::Permissions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::AccountsError;

/// Bytes of a master key.
const KEY_BYTES: usize = 32;
/// The first byte of everything that is encrypted: how the rest is to be read.
const VERSION: u8 = 1;
/// What the additional data begins with, before the name of the secret.
const CONTEXT: &[u8] = b"gumnut cloud secret 1:";
/// The file below the data directory of a cloud that has everything there.
const OWN_FILE: &str = "master.key";

/// Where the master key of a cloud is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKeyFile {
    /// In the data directory, where the first start makes it.
    Own(PathBuf),
    /// In a file that several front ends have, and that none of them makes.
    Given(PathBuf),
}

impl MasterKeyFile {
    /// The file in a data directory.
    pub fn in_data_dir(data_dir: &Path) -> Self {
        Self::Own(data_dir.join(OWN_FILE))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        let (Self::Own(path) | Self::Given(path)) = self;
        path
    }

    /// Makes sure that this file has the key of another cloud's file; whether it has. In a data directory without a key it is made.
    ///
    /// # Errors
    /// When one of the files cannot be used, or there is no key in the other one.
    pub fn take_over(&self, other: &Self) -> Result<bool, AccountsError> {
        let no_key = || AccountsError::LostMasterKey(other.path().to_owned());
        let key = read(other)?.ok_or_else(no_key)?;
        if let (None, Self::Own(path)) = (read(self)?, self) {
            write(path, &key).map_err(|source| AccountsError::Files {
                doing: "create the master key",
                source,
            })?;
        }
        Ok(read(self)?.is_some_and(|own| *own.0 == *key.0))
    }

    /// Reads the key. It is made if it is the cloud's own and nothing `is_encrypted` yet.
    pub(crate) fn open(&self, is_encrypted: bool) -> Result<MasterKey, AccountsError> {
        match (read(self)?, self) {
            (Some(key), _) => Ok(key),
            (None, _) if is_encrypted => Err(AccountsError::LostMasterKey(self.path().to_owned())),
            (None, Self::Given(path)) => Err(AccountsError::NoMasterKey(path.clone())),
            (None, Self::Own(path)) => {
                make(path).map_err(|source| AccountsError::Files {
                    doing: "create the master key",
                    source,
                })?;
                // Another process may have been the first.
                read(self)?.ok_or_else(|| AccountsError::LostMasterKey(path.clone()))
            }
        }
    }
}

/// The key itself.
pub(crate) struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

/// What is encrypted cannot be read: with this key, under this name, or at all.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// Another key was used, or the bytes or the name are others.
    Other,
    /// It was written by a later gumnut.
    Later,
}

impl MasterKey {
    /// Encrypts a secret, so that it can be read under this name only.
    pub(crate) fn wrap(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, AccountsError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(AccountsError::Random)?;
        // It has the room for the tag from the beginning: what would be copied would not be zeroed.
        let mut bytes =
            Vec::with_capacity(1 + NONCE_LEN + secret.len() + CHACHA20_POLY1305.tag_len());
        bytes.push(VERSION);
        bytes.extend(nonce);
        bytes.extend(secret);
        let plain = &mut bytes[1 + NONCE_LEN..];
        let tag = self
            .cipher()
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to(name)),
                plain,
            )
            .unwrap_or_else(|_| unreachable!("a secret is shorter than what can be encrypted"));
        bytes.extend(tag.as_ref());
        Ok(bytes)
    }

    /// Decrypts what was encrypted under this name.
    pub(crate) fn unwrap(
        &self,
        name: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let (version, rest) = wrapped.split_first().ok_or(Unreadable::Other)?;
        if *version != VERSION {
            return Err(Unreadable::Later);
        }
        let (nonce, encrypted) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Unreadable::Other)?;
        let mut bytes = Zeroizing::new(encrypted.to_vec());
        let length = self
            .cipher()
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(bound_to(name)),
                &mut bytes,
            )
            .map_err(|_| Unreadable::Other)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, self.0.as_slice());
        LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has 32 bytes")))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

fn bound_to(name: &str) -> Vec<u8> {
    [CONTEXT, name.as_bytes()].concat()
}

/// Reads a master key; `None` when there is no file. A file in the data directory, which is closed to others, is closed to them too.
fn read(file: &MasterKeyFile) -> Result<Option<MasterKey>, AccountsError> {
    let path = file.path();
    let failed = |source| AccountsError::Files {
        doing: "read the master key",
        source,
    };
    let opened = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let mode = opened.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 && matches!(file, MasterKeyFile::Own(_)) {
        let private = Permissions::from_mode(0o600);
        opened.set_permissions(private).map_err(failed)?;
    } else if mode & 0o077 != 0 {
        return Err(AccountsError::OpenMasterKey {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    let most = u64::try_from(KEY_BYTES).unwrap_or(u64::MAX) + 1;
    opened.take(most).read_to_end(&mut bytes).map_err(failed)?;
    let Ok(key) = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) else {
        return Err(AccountsError::NotAMasterKey(path.to_owned()));
    };
    Ok(Some(MasterKey(Zeroizing::new(key))))
}

/// Makes a master key, unless another process makes one meanwhile.
fn make(path: &Path) -> std::io::Result<()> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut *key).map_err(std::io::Error::other)?;
    write(path, &MasterKey(key))
}

/// Writes a master key, unless there is one. It is on the disk when this returns: what is encrypted with it must not be there before.
fn write(path: &Path, key: &MasterKey) -> std::io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", HEXLOWER.encode(&random)));
    let temporary = PathBuf::from(temporary);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(&*key.0)?;
    file.sync_all()?;
    // A link takes no other's place, as renaming would.
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&temporary)?;
    linked?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey(Zeroizing::new([byte; KEY_BYTES]))
    }

    proptest! {
        #[test]
        fn a_secret_comes_back_under_its_name_only(
            name in ".{0,20}", other in ".{0,20}", secret in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let wrapped = key(1).wrap(&name, &secret).unwrap();
            let found = key(1).unwrap(&name, &wrapped).unwrap();
            prop_assert_eq!(&*found, &secret);
            prop_assert!(key(2).unwrap(&name, &wrapped).is_err());
            prop_assert_eq!(key(1).unwrap(&other, &wrapped).is_ok(), name == other);
            let mut damaged = wrapped.clone();
            damaged[at.index(wrapped.len())] ^= 1 << bit;
            prop_assert!(key(1).unwrap(&name, &damaged).is_err());
            prop_assert!(key(1).unwrap(&name, &wrapped[..at.index(wrapped.len())]).is_err());
        }
    }

    /// Made by another program, which follows RFC 8439 by the letter.
    const BY_ANOTHER: &str = "016465666768696a6b6c6d6e6f4079deeaf3c00f7294b8350b9aecf8f01ca9e750b37086c2b45ad6c69253a2d3a5d7d7c0cd562510f4cfa58bc8d081b0b0a2a27b701e44c93cc69ff377963d9e7c2b19fb6d908d997a4b4910026638884d73";

    #[test]
    fn the_cipher_is_that_of_rfc_8439() {
        let ascending = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let key = MasterKey(Zeroizing::new(ascending));
        let wrapped = HEXLOWER.decode(BY_ANOTHER.as_bytes()).unwrap();
        let secret = key.unwrap("cloud", &wrapped).unwrap();
        assert_eq!(
            *secret,
            b"the key of the cloud, more than one block of sixty-four bytes long"
        );
    }

    #[test]
    fn nonces_differ() {
        let [one, other] = [(); 2].map(|()| key(1).wrap("name", b"secret").unwrap());
        assert_ne!(one, other);
        assert_ne!(one[1..13], other[1..13]);
    }

    #[test]
    fn what_a_later_gumnut_wrote_is_told_apart() {
        let mut wrapped = key(1).wrap("name", b"secret").unwrap();
        wrapped[0] = VERSION + 1;
        let refused = key(1).unwrap("name", &wrapped);
        assert!(matches!(refused, Err(Unreadable::Later)));
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let open = || MasterKeyFile::Given(path.clone()).open(false).map(drop);
        assert!(matches!(open(), Err(AccountsError::NoMasterKey(_))));
        for (bytes, mode) in [(31, 0o600), (33, 0o600), (64, 0o600), (0, 0o600)] {
            fs::write(&path, vec![7; bytes]).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = open();
            assert!(
                matches!(refused, Err(AccountsError::NotAMasterKey(_))),
                "{bytes}"
            );
        }
        fs::write(&path, [7; 32]).unwrap();
        open().unwrap();
        for mode in [0o640, 0o604, 0o610, 0o620, 0o777] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = open().unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        open().unwrap();
    }

    #[test]
    fn several_that_start_at_once_make_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = MasterKeyFile::in_data_dir(dir.path());
        let wrapped: Vec<_> = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| {
                scope.spawn(|| file.open(false).unwrap().wrap("name", b"secret").unwrap())
            });
            threads.map(|it| it.join().unwrap()).into()
        });
        let key = file.open(true).unwrap();
        for wrapped in wrapped {
            assert_eq!(*key.unwrap("name", &wrapped).unwrap(), b"secret");
        }
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_is_lost_is_not_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let lost = MasterKeyFile::in_data_dir(dir.path()).open(true);
        assert!(matches!(lost, Err(AccountsError::LostMasterKey(_))));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
