//! The catalogue in a file of SQLite.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gumnut_cloud_catalogue::{
    AccessKey, AccountName, AccountsChange, AccountsState, Bucket, BucketChange, BucketRef,
    BucketState, Caller, CatalogueError, Clock, Database, Decide, DecideEach, FoundObject, Image,
    ImageChange, ImageRef, ImagesState, KeyChange, KeyRef, KeyState, KnownAccounts, KnownBlob,
    ListedVersion, Part, ResourceTag, Upload, UploadChange, UploadRef, UploadState,
};
use gumnut_types::{AccountId, SecretString};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::readers::Readers;
use crate::thread::ConnectionThread;
use crate::{accounts, blobs, buckets, images, objects, schema, units, uploads};

/// Most keys that are changed in one transaction.
const KEYS_AT_ONCE: usize = 100;

/// A catalogue in one SQLite file, or in memory.
///
/// One thread owns the connection that writes. Changes that wait share a transaction, each in a savepoint, so that a hundred
/// of them wait for the disk once. Reads of a file have connections of their own and run on the thread of the caller, most
/// of them in some ten microseconds. Dropping this waits until the thread has done what it was asked for and has closed the file.
#[derive(Debug)]
pub struct SqliteCatalogue {
    // The last connection that is closed tidies up the files, and one that only reads cannot: so these come first.
    readers: Option<Readers>,
    thread: ConnectionThread,
    clock: Clock,
}

impl SqliteCatalogue {
    /// Opens the catalogue in a file, which is made if needed; older tables are brought up to date. The states of units
    /// have their time from `clock`.
    ///
    /// # Errors
    /// [`CatalogueError::Damaged`] and [`CatalogueError::Version`] for a file that is not what was written or was written
    /// by a later gumnut; others when the file cannot be used.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, CatalogueError> {
        Ok(Self {
            readers: Some(Readers::of(path)),
            ..Self::of(Connection::open(path), clock)?
        })
    }

    /// Makes a catalogue that is gone when it is dropped.
    ///
    /// # Errors
    /// When there is no memory or no thread for it.
    pub fn in_memory(clock: Clock) -> Result<Self, CatalogueError> {
        Self::of(Connection::open_in_memory(), clock)
    }

    fn of(connection: rusqlite::Result<Connection>, clock: Clock) -> Result<Self, CatalogueError> {
        let mut connection = connection.map_err(Failure::from)?;
        schema::prepare(&mut connection)?;
        let thread = ConnectionThread::start(connection).map_err(Failure::of)?;
        Ok(Self {
            readers: None,
            thread,
            clock,
        })
    }

    /// Runs a short read, all of which sees one state: that of a moment after this was called.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        match &self.readers {
            Some(readers) => Ok(readers.read(look)?),
            // No other connection sees what is in the memory of this one.
            None => self.thread.read(look).await,
        }
    }

    /// Insists that the file holds together, as far as can be told without comparing tables with their indexes. Blocks.
    ///
    /// # Errors
    /// [`CatalogueError::Damaged`] with the first thing that is wrong; others when the file cannot be used.
    pub fn check(&self) -> Result<(), CatalogueError> {
        futures::executor::block_on(self.thread.read(blobs::check))
    }
}

#[async_trait]
impl Database for SqliteCatalogue {
    async fn change_key(
        &self,
        at: KeyRef,
        mut decide: Decide<KeyState, KeyChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection| {
                change_key(connection, &at, clock.now_millis(), |state| decide(state))
            })
            .await
    }

    async fn change_keys(
        &self,
        keys: Vec<KeyRef>,
        decide: DecideEach<KeyState, KeyChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let decide = Arc::new(Mutex::new(decide));
        let mut garbage = Vec::new();
        for (chunk, keys) in keys.chunks(KEYS_AT_ONCE).enumerate() {
            let (keys, decide, clock) = (keys.to_vec(), Arc::clone(&decide), self.clock.clone());
            let given_up = self.thread.change(move |connection| {
                let mut decide = decide.lock().unwrap_or_else(PoisonError::into_inner);
                let mut garbage = Vec::new();
                // A key that is refused has written nothing, so that the others need no savepoints.
                for (index, at) in keys.iter().enumerate() {
                    garbage.extend(change_key(connection, at, clock.now_millis(), |state| {
                        decide(chunk * KEYS_AT_ONCE + index, state)
                    })?);
                }
                Ok(garbage)
            });
            garbage.extend(given_up.await?);
        }
        Ok(garbage)
    }

    async fn change_bucket(
        &self,
        at: BucketRef,
        mut decide: Decide<BucketState, BucketChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection| {
                let state = units::bucket_state(connection, &at, clock.now_millis())?;
                let Some(change) = decide(&state) else {
                    return Ok(Vec::new());
                };
                Ok(units::change_bucket(connection, &at, &change, state.now)?.into_blobs())
            })
            .await
    }

    async fn change_upload(
        &self,
        at: UploadRef,
        mut decide: Decide<UploadState, UploadChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection| {
                let state = units::upload_state(connection, &at, clock.now_millis())?;
                let Some(change) = decide(&state) else {
                    return Ok(Vec::new());
                };
                Ok(units::change_upload(connection, &at, &change, state.now)?.into_blobs())
            })
            .await
    }

    async fn change_images(
        &self,
        at: ImageRef,
        mut decide: Decide<ImagesState, ImageChange>,
    ) -> Result<(), CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection| {
                let state = images::load(connection, &at, clock.now_millis())?;
                decide(&state).map_or(Ok(()), |change| {
                    images::apply(connection, &change, state.now)
                })
            })
            .await
    }

    async fn change_accounts(
        &self,
        mut decide: Decide<AccountsState, AccountsChange>,
    ) -> Result<(), CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection| {
                let state = accounts::load(connection, clock.now_millis())?;
                decide(&state).map_or(Ok(()), |change| {
                    accounts::apply(connection, &change, state.now)
                })
            })
            .await
    }

    async fn identity(
        &self,
        access_key: String,
    ) -> Result<Option<(Caller, SecretString)>, CatalogueError> {
        self.read(move |connection| Ok(accounts::identity(connection, &access_key)?))
            .await
    }

    async fn accounts_named(
        &self,
        names: Vec<AccountName>,
    ) -> Result<KnownAccounts, CatalogueError> {
        self.read(move |connection| Ok(accounts::named(connection, names)?))
            .await
    }

    async fn accounts(&self) -> Result<AccountsState, CatalogueError> {
        let now = self.clock.now_millis();
        self.read(move |connection| Ok(accounts::load(connection, now)?))
            .await
    }

    async fn access_key(&self, user: Option<String>) -> Result<Option<AccessKey>, CatalogueError> {
        self.read(move |connection| Ok(accounts::access_key(connection, user.as_deref())?))
            .await
    }

    async fn certificates(&self, account: AccountId) -> Result<Vec<String>, CatalogueError> {
        self.read(move |connection| Ok(accounts::certificates(connection, &account)?))
            .await
    }

    async fn bucket(&self, name: String) -> Result<Option<Bucket>, CatalogueError> {
        self.read(move |connection| Ok(buckets::find(connection, &name)?))
            .await
    }

    async fn buckets(&self, account: String) -> Result<Vec<Bucket>, CatalogueError> {
        self.read(move |connection| Ok(buckets::of_account(connection, &account)?))
            .await
    }

    async fn object(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
        segments: bool,
    ) -> Result<FoundObject, CatalogueError> {
        self.read(move |connection| {
            let mut found = FoundObject {
                bucket: buckets::find(connection, &bucket)?,
                ..FoundObject::default()
            };
            if found.bucket.is_none() {
                return Ok(found);
            }
            found.object = match &version {
                Some(version) => objects::version(connection, &bucket, &key, version)?,
                None => objects::current(connection, &bucket, &key)?,
            };
            if let Some(object) = found.object.as_ref().filter(|_| segments) {
                found.segments = objects::segments(connection, object.id)?;
            }
            Ok(found)
        })
        .await
    }

    async fn list_objects(
        &self,
        bucket: String,
        from: String,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, CatalogueError> {
        self.read(move |connection| Ok(objects::list(connection, &bucket, &from, most(limit))?))
            .await
    }

    async fn list_versions(
        &self,
        bucket: String,
        from: String,
        row: i64,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, CatalogueError> {
        self.read(move |connection| {
            Ok(objects::list_versions(
                connection,
                &bucket,
                (&from, row),
                most(limit),
            )?)
        })
        .await
    }

    async fn list_uploads(
        &self,
        bucket: String,
        after: (String, String),
        limit: usize,
    ) -> Result<Vec<Upload>, CatalogueError> {
        self.read(move |connection| Ok(uploads::list(connection, &bucket, &after, most(limit))?))
            .await
    }

    async fn upload(
        &self,
        at: UploadRef,
        after: u32,
        limit: usize,
    ) -> Result<(UploadState, Vec<Part>), CatalogueError> {
        let now = self.clock.now_millis();
        self.read(move |connection| {
            let state = units::upload_state(connection, &at, now)?;
            let parts = uploads::parts(connection, &at.id, after, most(limit))?;
            Ok((state, parts))
        })
        .await
    }

    async fn images(&self, tags_of: Option<String>) -> Result<Vec<Image>, CatalogueError> {
        self.read(move |connection| Ok(images::all(connection, tags_of.as_deref())?))
            .await
    }

    async fn images_by_id(&self, at: ImageRef) -> Result<ImagesState, CatalogueError> {
        let now = self.clock.now_millis();
        self.read(move |connection| Ok(images::load(connection, &at, now)?))
            .await
    }

    async fn image_named(
        &self,
        account: AccountId,
        name: String,
    ) -> Result<Option<String>, CatalogueError> {
        self.read(move |connection| Ok(images::named(connection, &account, &name)?))
            .await
    }

    async fn tags(&self, account: String) -> Result<Vec<ResourceTag>, CatalogueError> {
        self.read(move |connection| Ok(images::tags(connection, &account)?))
            .await
    }

    async fn garbage(&self, limit: usize) -> Result<Vec<String>, CatalogueError> {
        self.read(move |connection| Ok(blobs::garbage(connection, most(limit))?))
            .await
    }

    async fn forget_garbage(&self, blobs: Vec<String>) -> Result<(), CatalogueError> {
        self.thread
            .change(move |connection| Ok(blobs::forget(connection, &blobs)?))
            .await
    }

    async fn named_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError> {
        self.read(move |connection| Ok(blobs::named(connection, &blobs)?))
            .await
    }

    async fn known_blobs(&self) -> Result<Vec<KnownBlob>, CatalogueError> {
        self.thread
            .read(move |connection| Ok(blobs::known(connection)?))
            .await
    }

    async fn faults(&self) -> Result<Vec<String>, CatalogueError> {
        self.thread
            .read(move |connection| Ok(blobs::faults(connection)?))
            .await
    }
}

/// Loads a key, decides, applies what was decided, and gives the blobs that this has made garbage.
fn change_key(
    connection: &Connection,
    at: &KeyRef,
    now: i64,
    decide: impl FnOnce(&KeyState) -> Option<KeyChange>,
) -> Result<Vec<String>, Failure> {
    let state = units::key_state(connection, at, now)?;
    let Some(change) = decide(&state) else {
        return Ok(Vec::new());
    };
    Ok(units::change_key(connection, at, &change, now)?.into_blobs())
}

/// A limit as SQL takes it.
fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
