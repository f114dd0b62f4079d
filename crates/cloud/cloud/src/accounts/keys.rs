//! The RSA keys of a first start, which take longer than all the rest of it.

use std::error::Error as _;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;

use gumnut_crypto::{Certificate, PrivateKey};
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::files;
use super::make::{self, NewCertificate};
use crate::catalogue::Catalogue;
use crate::{Clock, CloudError};

/// The cloud's own key and certificate.
#[derive(Debug)]
pub(crate) struct CloudKeys {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
}

/// The cloud's key and that of the first user, which are made while the cloud takes requests already. Clones share
/// the making.
#[derive(Clone, Debug)]
pub(crate) struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    catalogue: Catalogue,
    clock: Clock,
    /// Why they could not be made.
    made: OnceLock<Result<(), String>>,
}

impl Keys {
    pub(crate) fn new(folder: PathBuf, catalogue: Catalogue, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            folder,
            catalogue,
            clock,
            made: OnceLock::new(),
        }))
    }

    /// Makes those that are missing, once; whoever comes meanwhile waits.
    pub(crate) fn make(&self) -> Result<(), CloudError> {
        let made = self
            .0
            .made
            .get_or_init(|| self.0.make().map_err(|error| with_sources(&error)));
        made.clone().map_err(CloudError::NoKeys)
    }

    /// The cloud's own key and certificate, as soon as they are made.
    pub(crate) async fn of_cloud(&self) -> Result<CloudKeys, CloudError> {
        let keys = self.clone();
        let read = move || {
            keys.make()?;
            keys.0.read()
        };
        tokio::task::spawn_blocking(read).await?
    }
}

impl Inner {
    fn make(&self) -> Result<(), CloudError> {
        let user = self.catalogue.read_blocking(without_certificate)?;
        thread::scope(|scope| {
            let cloud = scope.spawn(|| make::cloud_keys(&self.folder, &self.clock));
            let user = user.map_or(Ok(()), |(user, name)| self.certify(user, &name));
            let cloud = cloud.join();
            cloud.unwrap_or_else(|panic| resume_unwind(panic)).and(user)
        })
    }

    fn read(&self) -> Result<CloudKeys, CloudError> {
        let pem = |name: &str| files::read(&self.folder.join(name));
        Ok(CloudKeys {
            key: PrivateKey::from_pem(pem(files::CLOUD_KEY)?.as_bytes())?,
            certificate: Certificate::from_pem(pem(files::CLOUD_CERTIFICATE)?.as_bytes())?,
        })
    }

    fn certify(&self, user: i64, name: &str) -> Result<(), CloudError> {
        let key = PrivateKey::generate(make::KEY_BITS)?;
        let certificate = NewCertificate::make(&self.folder, name, &key, &self.clock)?;
        let insert = |tx: &Transaction<'_>| certificate.insert(tx, user);
        Ok(self.catalogue.write_blocking(insert)?)
    }
}

/// The first user, if it has never had a certificate: all others get theirs in the moment in which they are made.
fn without_certificate(connection: &Connection) -> rusqlite::Result<Option<(i64, String)>> {
    let sql = "SELECT id, name FROM users WHERE id = (SELECT min(id) FROM users) \
               AND NOT EXISTS (SELECT 1 FROM certificates WHERE user = users.id)";
    let row = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    row.optional()
}

/// The error and what is behind it, for all who have waited.
fn with_sources(error: &CloudError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
