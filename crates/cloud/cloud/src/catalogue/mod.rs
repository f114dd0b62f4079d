//! The catalogue: everything but the bytes of objects, in one SQLite file.

pub(crate) mod buckets;
pub(crate) mod identities;
mod json;
pub(crate) mod objects;
mod schema;
pub(crate) mod uploads;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::CloudError;

pub(crate) use gumnut_cloud_catalogue::Owner;
pub(crate) use json::Json;

/// The one connection to the catalogue. Clones share it.
///
/// Closures run on a thread for blocking work and one at a time, so they see and leave a state that no
/// other request has a part in. A write is on the disk when it returns.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue(Arc<Mutex<Connection>>);

impl Catalogue {
    /// Opens the catalogue, and makes it if needed.
    pub(crate) fn open(path: &Path) -> Result<Self, CloudError> {
        let mut connection = Connection::open(path)?;
        schema::prepare(&mut connection, path).map_err(|error| match error {
            CloudError::Catalogue(error) => damaged(path, error),
            error => error,
        })?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Insists that the file holds together, as far as can be told without comparing tables with their indexes.
    pub(crate) fn check(&self, path: &Path) -> Result<(), CloudError> {
        let first: String = self
            .read_blocking(|connection| {
                connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            })
            .map_err(|error| damaged(path, error))?;
        if first == "ok" {
            return Ok(());
        }
        Err(CloudError::Damaged {
            path: path.to_owned(),
            reason: first,
        })
    }

    /// Runs `work` without changing anything.
    pub(crate) async fn read<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + From<tokio::task::JoinError> + Send + 'static,
    {
        let catalogue = self.clone();
        tokio::task::spawn_blocking(move || catalogue.read_blocking(work)).await?
    }

    /// Runs `work` in a transaction, which is taken back when it fails.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<rusqlite::Error> + From<tokio::task::JoinError> + Send + 'static,
    {
        let catalogue = self.clone();
        tokio::task::spawn_blocking(move || catalogue.write_blocking(work)).await?
    }

    /// [`Catalogue::read`] for code that may block.
    pub(crate) fn read_blocking<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// [`Catalogue::write`] for code that may block.
    pub(crate) fn write_blocking<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// The error, told apart from others when it says that the file is damaged.
fn damaged(path: &Path, error: rusqlite::Error) -> CloudError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => CloudError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        },
        _ => error.into(),
    }
}
