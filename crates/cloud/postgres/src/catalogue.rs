//! The catalogue in PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use gumnut_cloud_catalogue::{
    AccessKey, AccountName, AccountsChange, AccountsState, Bucket, BucketChange, BucketRef,
    BucketState, Caller, CatalogueError, Clock, Conflict, Database, Decide, DecideEach,
    FoundObject, GroupChange, GroupsState, Image, ImageChange, ImageRef, ImagesState, InlineObject,
    Instance, InstanceChange, InstancesState, KeyChange, KeyPairChange, KeyPairsState, KeyRef,
    KeyState, KnownAccounts, KnownBlob, ListedVersion, Part, ResourceTag, SecurityGroup, Table,
    Transfer, Upload, UploadChange, UploadRef, UploadState,
};
use gumnut_types::{AccountId, SecretString};
use tokio::runtime::Handle;
use tokio_postgres::{Client, Row};

use crate::accounts::Accounts;
use crate::buckets::{Now, OneBucket};
use crate::config::PostgresConfig;
use crate::connection::{self, Connection, Pool};
use crate::error::PostgresError;
use crate::failure::Failure;
use crate::groups::Groups;
use crate::images::Images;
use crate::instances::Instances;
use crate::key_pairs::KeyPairs;
use crate::keys::{OneKey, SeveralKeys};
use crate::schema::Schema;
use crate::statistics::PostgresStatistics;
use crate::transaction::Unit;
use crate::unit::{Tries, attempt, change, taken, within};
use crate::uploads::OneUpload;
use crate::values::most;
use crate::{
    accounts, blobs, buckets, groups, images, instances, key_pairs, objects, schema, secrets,
    statements, transfer, uploads,
};

/// Most keys that are changed in one transaction.
const KEYS_AT_ONCE: usize = 100;

/// A catalogue in a PostgreSQL database, which any number of programs may use at once. Clones of a
/// [`Catalogue`](gumnut_cloud_catalogue::Catalogue) over it share a pool of connections.
///
/// Units of change are transactions at READ COMMITTED that lock the rows their decision rests on. They are tried again when another
/// unit was first. It works in the tokio runtime that it was opened in, whichever thread waits for it.
#[derive(Debug)]
pub struct PostgresCatalogue {
    pub(crate) pool: Pool,
    clock: Clock,
    runtime: Handle,
}

impl PostgresCatalogue {
    /// Connects to the database, and makes the tables when it is empty. The states of units have their time from the database's clock,
    /// unless `clock` is a fixed one.
    ///
    /// # Errors
    /// When the server cannot be used, when a setting of it would lose what was acknowledged, or when its tables and this program do
    /// not fit.
    pub async fn open(config: &PostgresConfig, clock: Clock) -> Result<Self, PostgresError> {
        let client = connection::connect(config).await?;
        if !config.allows_unsafe {
            insist_on_durability(&client).await?;
        }
        schema::prepare(&client).await?;
        Self::connected(config, clock).await
    }

    /// Connects to a database that has the tables of a catalogue, and makes none.
    ///
    /// # Errors
    /// [`PostgresError::Empty`] when it has none; when the server cannot be used, or when its tables and this program do not fit.
    pub async fn open_existing(
        config: &PostgresConfig,
        clock: Clock,
    ) -> Result<Self, PostgresError> {
        schema::insist_on_tables(&connection::connect(config).await?).await?;
        Self::connected(config, clock).await
    }

    async fn connected(config: &PostgresConfig, clock: Clock) -> Result<Self, PostgresError> {
        let pool = connection::pool(config, statements::all())?;
        // The first connection prepares all statements: tables that do not go with them are noticed here.
        drop(connection::take(&pool).await?);
        Ok(Self {
            pool,
            clock,
            runtime: Handle::current(),
        })
    }

    /// Brings older tables up to date, while programs use them, and makes the tables of an empty database. Gives the version before and
    /// after; they are the same when there was nothing to do.
    ///
    /// # Errors
    /// When the server cannot be used, when the tables need a later program, or when other transactions keep a table locked for two
    /// seconds; nothing has changed then.
    pub async fn upgrade(config: &PostgresConfig) -> Result<(i64, i64), PostgresError> {
        // Steps may read and write whole tables.
        let config = config.clone().without_time_limit();
        schema::upgrade(&connection::connect(&config).await?).await
    }

    /// The version of the tables, whether or not this program can use them.
    ///
    /// # Errors
    /// [`PostgresError::Empty`] when there are none; when the server cannot be used.
    pub async fn schema(config: &PostgresConfig) -> Result<Schema, PostgresError> {
        schema::show(&connection::connect(config).await?).await
    }

    /// How many connections to the database there are of programs that call themselves as this one does: front ends and other
    /// commands. The one that asks does not count.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn connections_of_others(config: &PostgresConfig) -> Result<u64, PostgresError> {
        let client = connection::connect(config).await?;
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                      AND application_name = current_setting('application_name')";
        let count: i64 = client.query_one(others, &[]).await?.try_get(0)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn change<U: Unit>(
        &self,
        unit: &U,
        decide: impl FnMut(&U::State) -> Option<U::Change> + Send,
    ) -> Result<Vec<Row>, CatalogueError> {
        within(&self.runtime, change(&self.pool, unit, decide)).await
    }

    async fn attempt<U: Unit>(
        &self,
        unit: &U,
        decide: &mut (impl FnMut(&U::State) -> Option<U::Change> + Send),
    ) -> Result<Vec<Row>, Failure> {
        within(&self.runtime, attempt(&self.pool, unit, decide)).await
    }

    /// What the connections of this program to the server do; it can be read as long as anybody has it.
    pub fn statistics(&self) -> PostgresStatistics {
        PostgresStatistics(self.pool.clone())
    }

    /// The time for units; `None` for the database's.
    fn now(&self) -> Now {
        self.clock.is_fixed().then(|| self.clock.now_millis())
    }
}

/// Runs a read on a connection of its own; again on another when that one is lost.
macro_rules! read {
    ($catalogue:ident, |$connection:ident| $look:expr) => {
        within(&$catalogue.runtime, async {
            let mut tries = Tries::new(&$catalogue.pool);
            loop {
                let taken = taken(&$catalogue.pool).await.map_err(Failure::give_up)?;
                let $connection: &Connection = &taken;
                match $look.await {
                    Ok(found) => break Ok::<_, CatalogueError>(found),
                    Err(failure) => tries.again(failure)?,
                }
            }
        })
        .await
    };
}

#[async_trait]
impl Database for PostgresCatalogue {
    async fn change_key(
        &self,
        at: KeyRef,
        decide: Decide<KeyState, KeyChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let now = self.now();
        let unit = OneKey { at: &at, now };
        garbage(&self.change(&unit, decide).await?)
    }

    async fn change_keys(
        &self,
        keys: Vec<KeyRef>,
        mut decide: DecideEach<KeyState, KeyChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let now = self.now();
        let mut given_up = Vec::new();
        for indexes in in_transactions(&keys) {
            let at = indexes.iter().map(|index| &keys[*index]).collect();
            let unit = SeveralKeys { at, now };
            let rows = self.change(&unit, |states: &Vec<KeyState>| {
                let decided = indexes.iter().zip(states);
                Some(
                    decided
                        .map(|(index, state)| decide(*index, state))
                        .collect(),
                )
            });
            given_up.extend(garbage(&rows.await?)?);
        }
        Ok(given_up)
    }

    async fn change_bucket(
        &self,
        at: BucketRef,
        decide: Decide<BucketState, BucketChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        let now = self.now();
        garbage(&self.change(&OneBucket { at, now }, decide).await?)
    }

    async fn change_upload(
        &self,
        at: UploadRef,
        decide: Decide<UploadState, UploadChange>,
    ) -> Result<Vec<String>, CatalogueError> {
        garbage(&self.change(&OneUpload::new(at, self.now()), decide).await?)
    }

    async fn change_images(
        &self,
        at: ImageRef,
        mut decide: Decide<ImagesState, ImageChange>,
    ) -> Result<(), CatalogueError> {
        let unit = Images {
            at,
            now: self.now(),
        };
        let mut tries = Tries::new(&self.pool);
        loop {
            let mut inserted = None;
            let mut noting = |state: &ImagesState| {
                let change = decide(state);
                inserted = change.as_ref().and_then(|change| change.insert.clone());
                change
            };
            let Err(failure) = self.attempt(&unit, &mut noting).await else {
                return Ok(());
            };
            if let (Some(_), Some(image)) = (failure.constraint(), inserted)
                && let Some(conflict) = self.conflict(&image).await?
            {
                return Err(CatalogueError::Conflict(conflict));
            }
            tries.again(failure)?;
        }
    }

    async fn change_instances(
        &self,
        decide: Decide<InstancesState, InstanceChange>,
    ) -> Result<(), CatalogueError> {
        let unit = Instances { now: self.now() };
        self.change(&unit, decide).await.map(drop)
    }

    async fn change_accounts(
        &self,
        mut decide: Decide<AccountsState, AccountsChange>,
    ) -> Result<(), CatalogueError> {
        let unit = Accounts { now: self.now() };
        let mut tries = Tries::new(&self.pool);
        loop {
            let Err(failure) = self.attempt(&unit, &mut decide).await else {
                return Ok(());
            };
            // Units of accounts come one after the other: what is taken was so when this one decided.
            if let Some(constraint) = failure.constraint() {
                return Err(CatalogueError::Conflict(accounts::conflict(constraint)));
            }
            tries.again(failure)?;
        }
    }

    async fn change_key_pairs(
        &self,
        account: AccountId,
        decide: Decide<KeyPairsState, KeyPairChange>,
    ) -> Result<(), CatalogueError> {
        let now = self.now();
        let unit = KeyPairs { account, now };
        self.change(&unit, decide).await.map(drop)
    }

    async fn change_groups(
        &self,
        account: AccountId,
        decide: Decide<GroupsState, GroupChange>,
    ) -> Result<(), CatalogueError> {
        let now = self.now();
        let unit = Groups { account, now };
        self.change(&unit, decide).await.map(drop)
    }

    async fn identity(
        &self,
        access_key: String,
    ) -> Result<Option<(Caller, SecretString)>, CatalogueError> {
        read!(self, |connection| accounts::identity(
            connection,
            &access_key
        ))
    }

    async fn accounts_named(
        &self,
        names: Vec<AccountName>,
    ) -> Result<KnownAccounts, CatalogueError> {
        read!(self, |connection| accounts::named(
            connection,
            names.clone()
        ))
    }

    async fn accounts(&self) -> Result<AccountsState, CatalogueError> {
        let now = self.now();
        read!(self, |connection| connection
            .snapshot(accounts::load(connection, now)))
    }

    async fn access_key(&self, user: Option<String>) -> Result<Option<AccessKey>, CatalogueError> {
        read!(self, |connection| accounts::access_key(
            connection,
            user.as_deref()
        ))
    }

    async fn certificates(&self, account: AccountId) -> Result<Vec<String>, CatalogueError> {
        read!(self, |connection| accounts::certificates(
            connection, &account
        ))
    }

    async fn bucket(&self, name: String) -> Result<Option<Bucket>, CatalogueError> {
        let now = self.now();
        let found = read!(self, |connection| buckets::find(connection, &name, now));
        found.map(|(bucket, _)| bucket)
    }

    async fn buckets(&self, account: String) -> Result<Vec<Bucket>, CatalogueError> {
        read!(self, |connection| buckets::of_account(connection, &account))
    }

    async fn object(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
        content: bool,
    ) -> Result<FoundObject, CatalogueError> {
        let version = version.as_deref();
        read!(self, |connection| objects::find(
            connection,
            (&bucket, &key),
            version,
            content
        ))
    }

    async fn list_objects(
        &self,
        bucket: String,
        from: String,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, CatalogueError> {
        read!(self, |connection| objects::list(
            connection,
            &bucket,
            &from,
            most(limit)
        ))
    }

    async fn list_versions(
        &self,
        bucket: String,
        from: String,
        row: i64,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, CatalogueError> {
        let from = (from.as_str(), row);
        read!(self, |connection| objects::list_versions(
            connection,
            &bucket,
            from,
            most(limit)
        ))
    }

    async fn list_uploads(
        &self,
        bucket: String,
        after: (String, String),
        limit: usize,
    ) -> Result<Vec<Upload>, CatalogueError> {
        read!(self, |connection| uploads::list(
            connection,
            &bucket,
            &after,
            most(limit)
        ))
    }

    async fn upload(
        &self,
        at: UploadRef,
        after: u32,
        limit: usize,
    ) -> Result<(UploadState, Vec<Part>), CatalogueError> {
        let (parts, now) = ((after, most(limit)), self.now());
        read!(self, |connection| connection
            .snapshot(uploads::find(connection, &at, parts, now)))
    }

    async fn images(&self, tags_of: Option<String>) -> Result<Vec<Image>, CatalogueError> {
        let tags_of = tags_of.as_deref();
        read!(self, |connection| connection
            .snapshot(images::all(connection, tags_of)))
    }

    async fn images_by_id(&self, at: ImageRef) -> Result<ImagesState, CatalogueError> {
        let now = self.now();
        read!(self, |connection| connection
            .snapshot(images::find(connection, &at, now)))
    }

    async fn image_named(
        &self,
        account: AccountId,
        name: String,
    ) -> Result<Option<String>, CatalogueError> {
        read!(self, |connection| images::named(
            connection, &account, &name
        ))
    }

    async fn tags(&self, account: String) -> Result<Vec<ResourceTag>, CatalogueError> {
        read!(self, |connection| images::tags(connection, &account))
    }

    async fn instances(&self, tags_of: Option<String>) -> Result<Vec<Instance>, CatalogueError> {
        let tags_of = tags_of.as_deref();
        read!(self, |connection| connection
            .snapshot(instances::all(connection, tags_of)))
    }

    async fn user_data(&self, instance: String) -> Result<Option<Vec<u8>>, CatalogueError> {
        read!(self, |connection| instances::user_data(
            connection, &instance
        ))
    }

    async fn key_pairs(&self, account: AccountId) -> Result<KeyPairsState, CatalogueError> {
        let now = self.now();
        read!(self, |connection| key_pairs::find(
            connection, &account, now
        ))
    }

    async fn all_groups(&self) -> Result<Vec<SecurityGroup>, CatalogueError> {
        read!(self, |connection| groups::all(connection))
    }

    async fn groups(&self, account: AccountId) -> Result<GroupsState, CatalogueError> {
        let now = self.now();
        read!(self, |connection| groups::find(connection, &account, now))
    }

    async fn secret(&self, name: String) -> Result<Option<Vec<u8>>, CatalogueError> {
        read!(self, |connection| secrets::find(connection, &name))
    }

    async fn keep_secret(
        &self,
        name: String,
        candidate: Vec<u8>,
    ) -> Result<Vec<u8>, CatalogueError> {
        let now = self.now();
        read!(self, |connection| secrets::keep(
            connection, &name, &candidate, now
        ))
    }

    async fn lease(
        &self,
        name: String,
        owner: String,
        time: Duration,
    ) -> Result<bool, CatalogueError> {
        let now = self.now();
        read!(self, |connection| secrets::lease(
            connection, &name, &owner, time, now
        ))
    }

    async fn ready(&self) -> Result<i64, CatalogueError> {
        let now = self.now();
        read!(self, |connection| secrets::ready(connection, now))
    }

    async fn inline_objects(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<InlineObject>, CatalogueError> {
        read!(self, |connection| objects::inline(
            connection,
            after,
            most(limit)
        ))
    }

    async fn garbage(&self, limit: usize) -> Result<Vec<String>, CatalogueError> {
        read!(self, |connection| blobs::garbage(connection, most(limit)))
    }

    async fn old_garbage(
        &self,
        age: Duration,
        limit: usize,
    ) -> Result<Vec<String>, CatalogueError> {
        let (limit, now) = (most(limit), self.now());
        read!(self, |connection| blobs::old_garbage(
            connection, age, limit, now
        ))
    }

    async fn old_uploads(
        &self,
        age: Duration,
        limit: usize,
    ) -> Result<Vec<UploadRef>, CatalogueError> {
        let (limit, now) = (most(limit), self.now());
        read!(self, |connection| blobs::old_uploads(
            connection, age, limit, now
        ))
    }

    async fn unknown_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError> {
        read!(self, |connection| blobs::unknown(connection, &blobs))
    }

    async fn unswept_hours(&self, hours: Vec<u32>) -> Result<Vec<u32>, CatalogueError> {
        read!(self, |connection| blobs::unswept(connection, &hours))
    }

    async fn keep_swept(&self, hour: u32) -> Result<(), CatalogueError> {
        read!(self, |connection| blobs::keep_swept(connection, hour))
    }

    async fn forget_garbage(&self, blobs: Vec<String>) -> Result<(), CatalogueError> {
        read!(self, |connection| blobs::forget(connection, &blobs))
    }

    async fn named_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError> {
        read!(self, |connection| blobs::named(connection, &blobs))
    }

    async fn known_blobs(
        &self,
        after: String,
        limit: usize,
    ) -> Result<Vec<KnownBlob>, CatalogueError> {
        read!(self, |connection| blobs::known(
            connection,
            &after,
            most(limit)
        ))
    }

    async fn find_blobs(&self, blobs: Vec<String>) -> Result<Vec<KnownBlob>, CatalogueError> {
        read!(self, |connection| blobs::find(connection, &blobs))
    }

    async fn count_old(
        &self,
        uploads: Duration,
        garbage: Duration,
    ) -> Result<(u64, u64), CatalogueError> {
        let now = self.now();
        read!(self, |connection| blobs::count_old(
            connection, uploads, garbage, now
        ))
    }

    async fn faults(&self) -> Result<Vec<String>, CatalogueError> {
        read!(self, |connection| blobs::faults(connection))
    }
}

#[async_trait]
impl Transfer for PostgresCatalogue {
    async fn rows(
        &self,
        table: Table,
        after: Option<gumnut_cloud_catalogue::Row>,
        limit: usize,
    ) -> Result<Vec<gumnut_cloud_catalogue::Row>, CatalogueError> {
        let after = after.as_ref();
        read!(self, |connection| transfer::rows(
            connection,
            table,
            after,
            most(limit)
        ))
    }

    async fn insert_rows(
        &self,
        table: Table,
        rows: Vec<gumnut_cloud_catalogue::Row>,
    ) -> Result<(), CatalogueError> {
        read!(self, |connection| transfer::insert(
            connection, table, &rows
        ))
    }

    async fn steps(&self) -> Result<Vec<String>, CatalogueError> {
        read!(self, |connection| transfer::steps(connection))
    }

    async fn add_step(&self, step: String) -> Result<(), CatalogueError> {
        read!(self, |connection| transfer::add_step(connection, &step))
    }

    async fn end_steps(&self) -> Result<(), CatalogueError> {
        read!(self, |connection| transfer::end_steps(connection))
    }
}

impl PostgresCatalogue {
    /// What is there already of an image that could not be inserted; `None` when it is gone again.
    async fn conflict(&self, image: &Image) -> Result<Option<Conflict>, CatalogueError> {
        if read!(self, |connection| images::is_taken(connection, &image.id))? {
            return Ok(Some(Conflict::ImageId(image.id.clone())));
        }
        let Some(name) = images::held_name(image) else {
            return Ok(None);
        };
        let holder = read!(self, |connection| images::holder(
            connection,
            &image.owner,
            name
        ))?;
        let name = name.to_owned();
        Ok(holder.map(|id| Conflict::ImageName { name, id }))
    }
}

fn garbage(rows: &[Row]) -> Result<Vec<String>, CatalogueError> {
    blobs::names(rows).map_err(Failure::give_up)
}

/// The indexes of keys, for each transaction those that it changes: in the order of the keys, so that two that lock the same keys do not
/// wait for each other, and none of them twice, so that each decision about a key sees what the one before has changed.
fn in_transactions(keys: &[KeyRef]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let name = |index: &usize| (&keys[*index].bucket, &keys[*index].key);
    order.sort_by(|one, other| name(one).cmp(&name(other)));
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut round = 0;
    for (place, index) in order.iter().enumerate() {
        let is_again = place > 0 && name(&order[place - 1]) == name(index);
        round = if is_again { round + 1 } else { 0 };
        if rounds.len() == round {
            rounds.push(Vec::new());
        }
        rounds[round].push(*index);
    }
    let transactions = rounds.iter().flat_map(|round| round.chunks(KEYS_AT_ONCE));
    transactions.map(<[usize]>::to_vec).collect()
}

/// Insists that the server keeps what it has acknowledged.
async fn insist_on_durability(client: &Client) -> Result<(), PostgresError> {
    // Servers that only speak the protocol do not have these settings.
    let settings =
        "SELECT current_setting('fsync', TRUE), current_setting('synchronous_commit', TRUE)";
    let row = client.query_one(settings, &[]).await?;
    for (column, setting, safe) in [
        (0, "fsync", &["on"][..]),
        (1, "synchronous_commit", &["on", "remote_apply"]),
    ] {
        let value: Option<String> = row.try_get(column)?;
        if let Some(value) = value.filter(|value| !safe.contains(&value.as_str())) {
            return Err(PostgresError::Unsafe { setting, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::Key;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_in_order_once_in_a_transaction_and_repeated_ones_one_after_the_other(
            names in proptest::collection::vec(0_u8..40, 0..300)
        ) {
            let keys: Vec<_> = names
                .iter()
                .map(|name| KeyRef {
                    key: Key::new(name.to_string()).unwrap(),
                    ..KeyRef::default()
                })
                .collect();
            let transactions = in_transactions(&keys);
            let mut all: Vec<usize> = Vec::new();
            for transaction in &transactions {
                prop_assert!(transaction.len() <= KEYS_AT_ONCE);
                let keys: Vec<_> = transaction.iter().map(|index| &keys[*index].key).collect();
                prop_assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
                all.extend(transaction);
            }
            for name in 0..40 {
                let places: Vec<_> = all.iter().filter(|index| names[**index] == name).collect();
                prop_assert!(places.is_sorted());
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..keys.len()).collect::<Vec<_>>());
        }
    }
}
