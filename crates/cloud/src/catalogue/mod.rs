//! The catalogue: everything but the bytes of objects, in one SQLite file.

pub(crate) mod buckets;
pub(crate) mod identities;
mod json;
pub(crate) mod objects;
mod schema;
pub(crate) mod uploads;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::CloudError;

pub(crate) use identities::Owner;
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
        schema::prepare(&mut connection, path)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
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
