//! The catalogue in a file of SQLite.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use gumnut_cloud_catalogue::{
    AccessKey, AccountName, AccountsChange, AccountsState, Bucket, BucketChange, BucketRef,
    BucketState, Caller, CatalogueError, Clock, Database, Decide, DecideEach, FoundObject,
    GroupChange, GroupsState, Image, ImageChange, ImageRef, ImageState, ImagesState, InlineObject,
    Instance, InstanceChange, InstancesState, KeyChange, KeyPairChange, KeyPairsState, KeyRef,
    KeyState, KnownAccounts, KnownBlob, ListedVersion, Mismatch, Part, ResourceTag, Row,
    SecurityGroup, Table, Transfer, Upload, UploadChange, UploadRef, UploadState,
};
use gumnut_types::{AccountId, SecretString};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::failure::Failure;
use crate::mark::{Mark, State};
use crate::readers::Readers;
use crate::reserve::{GivesRoom, Reserve};
use crate::thread::{Beside, CommitObserver, ConnectionThread};
use crate::upkeep::Upkeep;
use crate::{
    accounts, blobs, buckets, copy, groups, identity, images, instances, key_pairs, mark, objects,
    schema, secrets, transfer, units, uploads,
};

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
    accounts: Accounts,
}

/// Where the last change of accounts is written down.
#[derive(Debug)]
enum Accounts {
    /// In the mark, which other processes write too.
    InMark(Mark),
    /// Nobody else changes those of a catalogue in memory or of a copy: how often it was done.
    Counted(AtomicU64),
}

impl Accounts {
    /// Another number after each change.
    fn version(&self) -> Option<u64> {
        match self {
            Self::InMark(mark) => mark.accounts(),
            Self::Counted(changes) => Some(changes.load(Ordering::SeqCst)),
        }
    }

    /// Counts a change that was made, before anybody hears of it.
    fn changed(&self) {
        match self {
            // The thread has done so.
            Self::InMark(_) => {}
            Self::Counted(changes) => drop(changes.fetch_add(1, Ordering::SeqCst)),
        }
    }
}

impl SqliteCatalogue {
    /// Opens the catalogue in a file, which is made if needed; older tables are brought up to date. The states of units
    /// have their time from `clock`.
    ///
    /// Beside the file are its mark, `catalogue.id`, by which another catalogue or an older state of this one is noticed, and
    /// `catalogue.reserve`, room for deletions on a full disk. Only the owner may read any of them.
    ///
    /// # Errors
    /// [`CatalogueError::Mismatch`] when it is not the catalogue that was there last, or an older state of it;
    /// [`CatalogueError::Damaged`] and [`CatalogueError::Version`] for a file that is not what was written or was written
    /// by a later gumnut; others when the file cannot be used.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, CatalogueError> {
        let mark = mark::read(path).map_err(Failure::from)?;
        let mark = mark.map_err(CatalogueError::Mismatch)?;
        let has_come_far = mark.as_ref().is_some_and(|mark| mark.changes > 0);
        // Of an empty file SQLite would make a new one, and throw the log away that was beside it.
        if has_come_far {
            insist_on_content(path)?;
        }
        make_private(path).map_err(Failure::from)?;
        let mut connection = Connection::open(path).map_err(Failure::from)?;
        if has_come_far && schema::is_new(&connection)? {
            return Err(CatalogueError::Mismatch(Mismatch::Empty));
        }
        schema::prepare(&mut connection)?;
        let found = marked(&mut connection, path)?;
        let beside = Beside {
            mark: Mark::open(path, &found.id).map_err(Failure::from)?,
            reserve: Reserve::of(path),
            upkeep: Upkeep::start(path, &mut connection)?,
        };
        let mark = Mark::open(path, &found.id).map_err(Failure::from)?;
        Ok(Self {
            readers: Some(Readers::of(path)),
            accounts: Accounts::InMark(mark),
            ..Self::of(connection, Some(beside), clock)?
        })
    }

    /// Opens the catalogue in a file and takes it for the one that belongs there, whatever its mark says. The mark is made again.
    ///
    /// # Errors
    /// [`CatalogueError::Mismatch`] when there is none, or an empty one; those of [`SqliteCatalogue::open`] else.
    pub fn accept(path: &Path, clock: Clock) -> Result<Self, CatalogueError> {
        insist_on_content(path)?;
        let mut connection = Connection::open(path).map_err(Failure::from)?;
        if schema::is_new(&connection)? {
            return Err(CatalogueError::Mismatch(Mismatch::Empty));
        }
        schema::prepare(&mut connection)?;
        let found = identity::state(&connection).map_err(Failure::from)?;
        drop(connection);
        Mark::write(path, &found).map_err(Failure::from)?;
        Self::open(path, clock)
    }

    /// Opens a copy of the catalogue in a file, which is made in `directory`, and says how the file does not go with its mark. The
    /// file itself is not changed, and need not be writable. Nobody may change it meanwhile.
    ///
    /// # Errors
    /// [`CatalogueError::Mismatch`] when there is none, or an empty one; those of [`SqliteCatalogue::open`] else.
    pub fn open_copy(
        path: &Path,
        folder: &Path,
        clock: Clock,
    ) -> Result<(Self, Option<Mismatch>), CatalogueError> {
        insist_on_content(path)?;
        let copy = folder.join("catalogue.sqlite");
        fs::copy(path, &copy).map_err(Failure::from)?;
        let log = beside(path, "-wal");
        if log.exists() {
            fs::copy(log, beside(&copy, "-wal")).map_err(Failure::from)?;
        }
        let mut connection = Connection::open(&copy).map_err(Failure::from)?;
        if schema::is_new(&connection)? {
            return Err(CatalogueError::Mismatch(Mismatch::Empty));
        }
        schema::prepare(&mut connection)?;
        let found = identity::state(&connection).map_err(Failure::from)?;
        let mark = mark::read(path).map_err(Failure::from)?;
        let compared = mark.and_then(|mark| mark::compare(mark.as_ref(), &found));
        Ok((Self::of(connection, None, clock)?, compared.err()))
    }

    /// Copies the catalogue in a file, which may be in use, as it is at one moment, to a file that does not exist. The copy has its
    /// mark beside it; both are durable.
    ///
    /// # Errors
    /// [`CatalogueError::Mismatch`] when it is not the catalogue that belongs there; [`CatalogueError::Full`] when there is no room
    /// for the copy; those of [`SqliteCatalogue::open`] else. Some of the copy may be there then.
    pub fn copy(path: &Path, to: &Path) -> Result<(), CatalogueError> {
        insist_on_content(path)?;
        // First the mark, which never is ahead of the catalogue that it belongs to.
        let mark = mark::read(path).map_err(Failure::from)?;
        let mark = mark.map_err(CatalogueError::Mismatch)?;
        // Not only to read: without a cloud that runs, the log is to be made.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let original = Connection::open_with_flags(path, flags).map_err(Failure::from)?;
        if schema::is_new(&original)? {
            return Err(CatalogueError::Mismatch(Mismatch::Empty));
        }
        // An empty file is written to, and it is for its owner alone.
        make_private(to).map_err(Failure::from)?;
        copy::vacuum_into(&original, to).map_err(Failure::from)?;
        drop(original);
        let mut copied = Connection::open(to).map_err(Failure::from)?;
        schema::prepare(&mut copied)?;
        let found = identity::state(&copied).map_err(Failure::from)?;
        mark::compare(mark.as_ref(), &found).map_err(CatalogueError::Mismatch)?;
        copied.close().map_err(|(_, error)| Failure::from(error))?;
        let synced = fs::File::open(to).and_then(|file| file.sync_all());
        synced.map_err(Failure::from)?;
        Ok(Mark::write(to, &found).map_err(Failure::from)?)
    }

    /// Opens a copy that [`SqliteCatalogue::copy`] has made, to look at it: its mark is compared and not written, and there is no
    /// reserve beside it. Older tables are brought up to date.
    ///
    /// # Errors
    /// [`CatalogueError::Mismatch`] when it is not the copy that was made; those of [`SqliteCatalogue::open`] else.
    pub fn look_at_copy(path: &Path, clock: Clock) -> Result<Self, CatalogueError> {
        insist_on_content(path)?;
        let mut connection = Connection::open(path).map_err(Failure::from)?;
        if schema::is_new(&connection)? {
            return Err(CatalogueError::Mismatch(Mismatch::Empty));
        }
        schema::prepare(&mut connection)?;
        let found = identity::state(&connection).map_err(Failure::from)?;
        let mark = mark::read(path).map_err(Failure::from)?;
        let mark = mark.map_err(CatalogueError::Mismatch)?;
        mark::compare(mark.as_ref(), &found).map_err(CatalogueError::Mismatch)?;
        Self::of(connection, None, clock)
    }

    /// Lets somebody hear of commits from now on; only the first who asks does.
    pub fn observed_by(&self, observer: Arc<dyn CommitObserver>) {
        self.thread.observed_by(observer);
    }

    /// Which catalogue this is: 32 hex digits, which a copy has, too.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn id(&self) -> Result<String, CatalogueError> {
        self.read(|connection| Ok(identity::state(connection)?.id))
            .await
    }

    /// Makes a catalogue that is gone when it is dropped.
    ///
    /// # Errors
    /// When there is no memory or no thread for it.
    pub fn in_memory(clock: Clock) -> Result<Self, CatalogueError> {
        let mut connection = Connection::open_in_memory().map_err(Failure::from)?;
        schema::prepare(&mut connection)?;
        Self::of(connection, None, clock)
    }

    fn of(
        connection: Connection,
        beside: Option<Beside>,
        clock: Clock,
    ) -> Result<Self, CatalogueError> {
        let thread = ConnectionThread::start(connection, beside).map_err(Failure::of)?;
        Ok(Self {
            readers: None,
            thread,
            clock,
            accounts: Accounts::Counted(AtomicU64::new(0)),
        })
    }

    /// The time `age` ago, in milliseconds since 1970.
    fn ago(&self, age: Duration) -> i64 {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        self.clock.now_millis().saturating_sub(age)
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
            .change(move |connection, gives_room| {
                let now = clock.now_millis();
                change_key(connection, gives_room, &at, now, |state| decide(state))
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
            let given_up = self.thread.change(move |connection, gives_room| {
                let mut decide = decide.lock().unwrap_or_else(PoisonError::into_inner);
                let mut garbage = Vec::new();
                // A key that is refused has written nothing, so that the others need no savepoints.
                for (index, at) in keys.iter().enumerate() {
                    let now = clock.now_millis();
                    garbage.extend(change_key(connection, gives_room, at, now, |state| {
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
            .change(move |connection, gives_room| {
                let state = units::bucket_state(connection, &at, clock.now_millis())?;
                let Some(change) = decide(&state) else {
                    return Ok(Vec::new());
                };
                gives_room.say(change.delete);
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
            .change(move |connection, gives_room| {
                let state = units::upload_state(connection, &at, clock.now_millis())?;
                let Some(change) = decide(&state) else {
                    return Ok(Vec::new());
                };
                gives_room.say(change.abort);
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
            .change(move |connection, gives_room| {
                let state = images::load(connection, &at, clock.now_millis())?;
                decide(&state).map_or(Ok(()), |change| {
                    gives_room.say(change.insert.is_none() && goes(&change));
                    images::apply(connection, &change, state.now)
                })
            })
            .await
    }

    async fn change_instances(
        &self,
        mut decide: Decide<InstancesState, InstanceChange>,
    ) -> Result<(), CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection, gives_room| {
                let state = instances::load(connection, clock.now_millis())?;
                decide(&state).map_or(Ok(()), |change| {
                    // On a full disk instances can still be ended.
                    gives_room.say(change.insert.is_empty() && change.put_tags.is_empty());
                    instances::apply(connection, &change)
                })
            })
            .await
    }

    async fn change_accounts(
        &self,
        mut decide: Decide<AccountsState, AccountsChange>,
    ) -> Result<(), CatalogueError> {
        let clock = self.clock.clone();
        let changed = self.thread.change_accounts(move |connection, gives_room| {
            let state = accounts::load(connection, clock.now_millis())?;
            decide(&state).map_or(Ok(()), |change| {
                gives_room.say(change.revoke.is_some());
                accounts::apply(connection, &change, state.now)
            })
        });
        changed.await?;
        self.accounts.changed();
        Ok(())
    }

    async fn change_key_pairs(
        &self,
        account: AccountId,
        mut decide: Decide<KeyPairsState, KeyPairChange>,
    ) -> Result<(), CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection, gives_room| {
                let state = key_pairs::load(connection, &account, clock.now_millis())?;
                decide(&state).map_or(Ok(()), |change| {
                    gives_room.say(change.insert.is_none());
                    Ok(key_pairs::apply(connection, &account, &change)?)
                })
            })
            .await
    }

    async fn change_groups(
        &self,
        account: AccountId,
        mut decide: Decide<GroupsState, GroupChange>,
    ) -> Result<(), CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection, gives_room| {
                let state = groups::load(connection, &account, clock.now_millis())?;
                decide(&state).map_or(Ok(()), |change| {
                    gives_room.say(change.remove.is_some());
                    Ok(groups::apply(connection, &account, &change)?)
                })
            })
            .await
    }

    fn accounts_version(&self) -> Option<u64> {
        self.accounts.version()
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
        content: bool,
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
            if let Some(object) = found.object.as_ref().filter(|_| content) {
                found.content = objects::content(connection, object.id)?;
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

    async fn instances(&self, tags_of: Option<String>) -> Result<Vec<Instance>, CatalogueError> {
        self.read(move |connection| Ok(instances::all(connection, tags_of.as_deref())?))
            .await
    }

    async fn user_data(&self, instance: String) -> Result<Option<Vec<u8>>, CatalogueError> {
        self.read(move |connection| Ok(instances::user_data(connection, &instance)?))
            .await
    }

    async fn key_pairs(&self, account: AccountId) -> Result<KeyPairsState, CatalogueError> {
        let now = self.clock.now_millis();
        self.read(move |connection| Ok(key_pairs::load(connection, &account, now)?))
            .await
    }

    async fn all_groups(&self) -> Result<Vec<SecurityGroup>, CatalogueError> {
        self.read(|connection| Ok(groups::all(connection)?)).await
    }

    async fn groups(&self, account: AccountId) -> Result<GroupsState, CatalogueError> {
        let now = self.clock.now_millis();
        self.read(move |connection| Ok(groups::load(connection, &account, now)?))
            .await
    }

    async fn secret(&self, name: String) -> Result<Option<Vec<u8>>, CatalogueError> {
        self.read(move |connection| Ok(secrets::find(connection, &name)?))
            .await
    }

    async fn keep_secret(
        &self,
        name: String,
        candidate: Vec<u8>,
    ) -> Result<Vec<u8>, CatalogueError> {
        let clock = self.clock.clone();
        self.thread
            .change(move |connection, _| {
                let now = clock.now_millis();
                Ok(secrets::keep(connection, &name, &candidate, now)?)
            })
            .await
    }

    async fn lease(
        &self,
        name: String,
        owner: String,
        time: Duration,
    ) -> Result<bool, CatalogueError> {
        let clock = self.clock.clone();
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.thread
            .change(move |connection, _| {
                let now = clock.now_millis();
                let expires = now.saturating_add(time);
                Ok(secrets::lease(connection, &name, &owner, expires, now)?)
            })
            .await
    }

    async fn ready(&self) -> Result<i64, CatalogueError> {
        self.read(schema::insist).await?;
        Ok(self.clock.now_millis())
    }

    async fn garbage(&self, limit: usize) -> Result<Vec<String>, CatalogueError> {
        self.read(move |connection| Ok(blobs::garbage(connection, most(limit))?))
            .await
    }

    async fn old_garbage(
        &self,
        age: Duration,
        limit: usize,
    ) -> Result<Vec<String>, CatalogueError> {
        let until = self.ago(age);
        self.read(move |connection| Ok(blobs::old_garbage(connection, until, most(limit))?))
            .await
    }

    async fn old_uploads(
        &self,
        age: Duration,
        limit: usize,
    ) -> Result<Vec<UploadRef>, CatalogueError> {
        let until = self.ago(age);
        self.read(move |connection| blobs::old_uploads(connection, until, most(limit)))
            .await
    }

    async fn unknown_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError> {
        self.read(move |connection| Ok(blobs::unknown(connection, &blobs)?))
            .await
    }

    async fn unswept_hours(&self, hours: Vec<u32>) -> Result<Vec<u32>, CatalogueError> {
        self.read(move |connection| Ok(blobs::unswept(connection, &hours)?))
            .await
    }

    async fn keep_swept(&self, hour: u32) -> Result<(), CatalogueError> {
        self.thread
            .change(move |connection, _| Ok(blobs::keep_swept(connection, hour)?))
            .await
    }

    async fn forget_garbage(&self, blobs: Vec<String>) -> Result<(), CatalogueError> {
        self.thread
            .change(move |connection, gives_room| {
                gives_room.say(true);
                Ok(blobs::forget(connection, &blobs)?)
            })
            .await
    }

    async fn named_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError> {
        self.read(move |connection| Ok(blobs::named(connection, &blobs)?))
            .await
    }

    async fn known_blobs(
        &self,
        after: String,
        limit: usize,
    ) -> Result<Vec<KnownBlob>, CatalogueError> {
        self.read(move |connection| Ok(blobs::known(connection, &after, most(limit))?))
            .await
    }

    async fn find_blobs(&self, blobs: Vec<String>) -> Result<Vec<KnownBlob>, CatalogueError> {
        self.read(move |connection| Ok(blobs::find(connection, &blobs)?))
            .await
    }

    async fn count_old(
        &self,
        uploads: Duration,
        garbage: Duration,
    ) -> Result<(u64, u64), CatalogueError> {
        let until = [self.ago(uploads), self.ago(garbage)];
        self.read(move |connection| Ok(blobs::count_old(connection, until)?))
            .await
    }

    async fn inline_objects(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<InlineObject>, CatalogueError> {
        self.read(move |connection| Ok(objects::inline(connection, after, most(limit))?))
            .await
    }

    async fn faults(&self) -> Result<Vec<String>, CatalogueError> {
        self.thread
            .read(move |connection| Ok(blobs::faults(connection)?))
            .await
    }
}

#[async_trait]
impl Transfer for SqliteCatalogue {
    async fn rows(
        &self,
        table: Table,
        after: Option<Row>,
        limit: usize,
    ) -> Result<Vec<Row>, CatalogueError> {
        self.read(move |connection| {
            Ok(transfer::rows(
                connection,
                table,
                after.as_ref(),
                most(limit),
            )?)
        })
        .await
    }

    async fn insert_rows(&self, table: Table, rows: Vec<Row>) -> Result<(), CatalogueError> {
        self.thread
            .change(move |connection, _| Ok(transfer::insert(connection, table, &rows)?))
            .await
    }

    async fn steps(&self) -> Result<Vec<String>, CatalogueError> {
        self.read(|connection| Ok(transfer::steps(connection)?))
            .await
    }

    async fn add_step(&self, step: String) -> Result<(), CatalogueError> {
        self.thread
            .change(move |connection, _| Ok(transfer::add_step(connection, &step)?))
            .await
    }

    async fn end_steps(&self) -> Result<(), CatalogueError> {
        self.thread
            .change(|connection, _| Ok(transfer::end_steps(connection)?))
            .await
    }
}

/// Compares the catalogue with its mark, and makes the mark of a catalogue that is new.
fn marked(connection: &mut Connection, path: &Path) -> Result<State, Failure> {
    // Another process may be about to make the mark: the lock of the file gives one the turn.
    let alone = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // First the mark, which never is ahead of the catalogue that it belongs to.
    let mark = mark::read(path)??;
    let found = identity::state(&alone)?;
    if mark::compare(mark.as_ref(), &found)? {
        Mark::write(path, &found)?;
    }
    Ok(found)
}

/// Insists on a file that is there and not empty.
fn insist_on_content(path: &Path) -> Result<(), CatalogueError> {
    let mismatch = match fs::metadata(path) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => Mismatch::Empty,
        Err(error) if error.kind() == ErrorKind::NotFound => Mismatch::Missing,
        Err(error) => return Err(Failure::from(error).into()),
    };
    Err(CatalogueError::Mismatch(mismatch))
}

/// Makes the file if needed, which holds secret keys, and sees that nobody but its owner may read it and what SQLite has made beside
/// it. SQLite makes those with the mode that the file has.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(path) {
        // One that is there is not opened: when a process closes a file it gives up all its locks on it, those of SQLite too.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::metadata(&file) {
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                fs::set_permissions(&file, Permissions::from_mode(0o600))?;
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The file whose name has this at its end.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Loads a key, decides, applies what was decided, and gives the blobs that this has made garbage.
fn change_key(
    connection: &Connection,
    gives_room: &GivesRoom,
    at: &KeyRef,
    now: i64,
    decide: impl FnOnce(&KeyState) -> Option<KeyChange>,
) -> Result<Vec<String>, Failure> {
    let state = units::key_state(connection, at, now)?;
    let Some(change) = decide(&state) else {
        return Ok(Vec::new());
    };
    gives_room.say(change.insert.is_none() && !change.delete.is_empty());
    Ok(units::change_key(connection, at, &change, now)?.into_blobs())
}

/// Whether the change makes an image or its tags go.
fn goes(change: &ImageChange) -> bool {
    let hides = matches!(change.state, Some((_, ImageState::Deregistered)));
    hides || !change.remove.is_empty() || !change.delete_tags.is_empty()
}

/// A limit as SQL takes it.
fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
