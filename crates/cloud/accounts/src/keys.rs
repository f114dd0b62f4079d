//! The RSA keys of a first start, which take longer than all the rest of it.

use std::error::Error as _;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

use gumnut_cloud_catalogue::{AccountsChange, Catalogue, Clock, UserRow};
use gumnut_crypto::{Certificate, PrivateKey};

use crate::secrets::{CLOUD, pems};
use crate::wait::wait;
use crate::{AccountsError, Secrets, make};

/// The cloud's own key and certificate: bundles are made for the certificate and opened with the key.
#[derive(Debug)]
pub struct CloudKeys {
    /// The private key.
    pub key: PrivateKey,
    /// The certificate.
    pub certificate: Certificate,
}

/// The cloud's key and that of the first user, which are made while the cloud takes requests already. Clones share
/// the making.
#[derive(Clone, Debug)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    secrets: Secrets,
    catalogue: Catalogue,
    clock: Clock,
    /// Why they could not be made.
    made: OnceLock<Result<(), String>>,
}

impl Keys {
    pub(crate) fn new(secrets: Secrets, catalogue: Catalogue, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            secrets,
            catalogue,
            clock,
            made: OnceLock::new(),
        }))
    }

    /// Makes those that are missing, once; other callers wait meanwhile. It blocks.
    ///
    /// # Errors
    /// When they cannot be made or kept; all who have waited get the same error.
    pub fn make(&self) -> Result<(), AccountsError> {
        let made = self
            .0
            .made
            .get_or_init(|| self.0.make().map_err(|error| with_sources(&error)));
        made.clone().map_err(AccountsError::NoKeys)
    }

    /// What the cloud keeps secret beside them.
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// The cloud's own key and certificate, as soon as they are made.
    ///
    /// # Errors
    /// When they cannot be made or read.
    pub async fn of_cloud(&self) -> Result<CloudKeys, AccountsError> {
        let keys = self.clone();
        tokio::task::spawn_blocking(move || {
            keys.make()?;
            keys.0.read()
        })
        .await?
    }
}

impl Inner {
    fn make(&self) -> Result<(), AccountsError> {
        // All other users get their certificates in the moment in which they are made.
        let users = wait(self.catalogue.accounts())?.users;
        let first = users.first().filter(|user| !user.had_certificate);
        thread::scope(|scope| {
            let cloud = scope.spawn(|| make::cloud_keys(&self.secrets, &self.clock));
            let user = first.map_or(Ok(()), |user| self.certify(user.id, &user.name));
            cloud
                .join()
                .unwrap_or_else(|panic| resume_unwind(panic))
                .and(user)
        })
    }

    fn read(&self) -> Result<CloudKeys, AccountsError> {
        let missing = || AccountsError::DamagedSecret(CLOUD.to_owned());
        let pem = self.secrets.find(CLOUD)?.ok_or_else(missing)?;
        let (key, certificate) = pems(CLOUD, &pem)?;
        Ok(CloudKeys {
            key: PrivateKey::from_pem(key.as_bytes())?,
            certificate: Certificate::from_pem(certificate.as_bytes())?,
        })
    }

    fn certify(&self, user: i64, name: &str) -> Result<(), AccountsError> {
        let key = PrivateKey::generate(make::KEY_BITS)?;
        let certificate = make::certify(&self.secrets, name, &key, &self.clock)?;
        wait(self.catalogue.change_accounts(move |state| {
            // Another front end may have been the first; what this one has made belongs to nothing then.
            let is_first = |row: &&UserRow| row.id == user && !row.had_certificate;
            let certify = state.users.iter().find(is_first);
            let change = AccountsChange {
                certify: certify.map(|row| (row.id, certificate.clone())),
                ..AccountsChange::default()
            };
            Ok((change, ()))
        }))
    }
}

/// The error and what is behind it, for all who have waited.
fn with_sources(error: &AccountsError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
