//! What a cloud keeps secret: its keys and those of its users, encrypted, in the catalogue.

use std::sync::Arc;

use gumnut_cloud_catalogue::Catalogue;
use zeroize::Zeroizing;

use crate::AccountsError;
use crate::master_key::{MasterKey, MasterKeyFile, Unreadable};
use crate::wait::wait;

/// The cloud's private key and its certificate, one behind the other, in PEM.
pub(crate) const CLOUD: &str = "cloud";
/// The private key of the authority for TLS and its certificate, one behind the other, in PEM.
pub(crate) const AUTHORITY: &str = "tls-authority";
/// What shows that a master key is the one that everything else is encrypted with.
const CHECK: &str = "master-key";
/// What is encrypted under that name.
const CHECK_TEXT: &[u8] = b"gumnut cloud";

/// The secrets of a cloud. Clones share the master key.
///
/// Reading and keeping them blocks.
#[derive(Clone, Debug)]
pub struct Secrets {
    catalogue: Catalogue,
    key: Arc<MasterKey>,
}

impl Secrets {
    /// Opens the secrets in a catalogue.
    ///
    /// # Errors
    /// When the master key cannot be used or is not the one that the secrets are encrypted with, or the catalogue cannot be used.
    pub(crate) fn open(catalogue: &Catalogue, file: &MasterKeyFile) -> Result<Self, AccountsError> {
        let found = wait(catalogue.secret(CHECK))?;
        let key = file.open(found.is_some())?;
        let found = match found {
            Some(found) => found,
            // Another front end may have been the first.
            None => wait(catalogue.keep_secret(CHECK, key.wrap(CHECK, CHECK_TEXT)?))?,
        };
        let secrets = Self {
            catalogue: catalogue.clone(),
            key: Arc::new(key),
        };
        secrets.read(CHECK, &found).map_err(|error| match error {
            AccountsError::DamagedSecret(_) => {
                AccountsError::WrongMasterKey(file.path().to_owned())
            }
            other => other,
        })?;
        Ok(secrets)
    }

    /// The secret of this name; `None` when there is none.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, AccountsError> {
        let wrapped = wait(self.catalogue.secret(name))?;
        wrapped.map(|wrapped| self.read(name, &wrapped)).transpose()
    }

    /// Keeps a secret unless there is one of this name, and gives the one that is kept.
    pub(crate) fn keep(
        &self,
        name: &str,
        secret: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, AccountsError> {
        let wrapped = self.key.wrap(name, secret)?;
        let kept = wait(self.catalogue.keep_secret(name, wrapped))?;
        self.read(name, &kept)
    }

    fn read(&self, name: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, AccountsError> {
        self.key
            .unwrap(name, wrapped)
            .map_err(|unreadable| match unreadable {
                Unreadable::Other => AccountsError::DamagedSecret(name.to_owned()),
                Unreadable::Later => AccountsError::LaterSecret(name.to_owned()),
            })
    }
}

/// How a certificate begins in PEM.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// The private key and the certificate that were kept one behind the other under this name.
pub(crate) fn pems<'a>(name: &str, kept: &'a [u8]) -> Result<(&'a str, &'a str), AccountsError> {
    let text = std::str::from_utf8(kept).ok();
    text.and_then(|text| text.split_at_checked(text.find(CERTIFICATE)?))
        .ok_or_else(|| AccountsError::DamagedSecret(name.to_owned()))
}

/// A private key and its certificate, one behind the other.
pub(crate) fn joined(key: &str, certificate: &str) -> Zeroizing<String> {
    Zeroizing::new([key, certificate].concat())
}

/// The name of a user's private key, which is that of the key with this fingerprint.
pub(crate) fn of_user(fingerprint: &str) -> String {
    format!("user-key {}", fingerprint.to_ascii_lowercase())
}
