//! Rows of buckets, and units of change of one.

use futures::future::join3;
use gumnut_cloud_catalogue::{Bucket, BucketChange, BucketRef, BucketState};
use tokio_postgres::Row;

use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::values::{Sought, from_json, get, json, owner, unsigned};

/// The time of a unit, in milliseconds since 1970; `None` for that of the database's clock.
pub(crate) type Now = Option<i64>;

macro_rules! bucket_columns {
    () => {
        "b.name, b.owner, a.canonical_id, a.name, b.acl, b.created, b.settings"
    };
}

macro_rules! now {
    ($given:literal) => {
        concat!(
            "coalesce(",
            $given,
            ", floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
        )
    };
}

statements! {
    // One row, be there a bucket or none.
    FIND = concat!(
        "SELECT ", bucket_columns!(), ", ", now!("$2"), " FROM (SELECT $1::text AS name) sought \
         LEFT JOIN buckets b ON b.name = sought.name LEFT JOIN accounts a ON a.id = b.owner"
    );
    LOCK = concat!(
        "SELECT ", bucket_columns!(), " FROM buckets b JOIN accounts a ON a.id = b.owner WHERE b.name = $1 FOR UPDATE OF b"
    );
    // Objects and buckets refer to the account, which this does not hold up.
    LOCK_ACCOUNT = "SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    COUNTS = concat!(
        "SELECT (SELECT count(*) FROM buckets WHERE owner = $1), EXISTS (SELECT 1 FROM objects WHERE bucket = $2), ", now!("$3")
    );
    OF_ACCOUNT = concat!(
        "SELECT ", bucket_columns!(), " FROM buckets b JOIN accounts a ON a.id = b.owner WHERE b.owner = $1 ORDER BY b.name"
    );
    INSERT = "INSERT INTO buckets (name, owner, acl, settings, created) VALUES ($1, $2, $3, $4, $5)";
    SET_ACL = "UPDATE buckets SET acl = $1 WHERE name = $2";
    SET_SETTINGS = "UPDATE buckets SET settings = $1 WHERE name = $2";
    DELETE = "DELETE FROM buckets WHERE name = $1";
    NOW = concat!("SELECT ", now!("$1"));
    LOCK_UPLOADS = "SELECT 1 FROM uploads WHERE bucket = $1 ORDER BY id FOR UPDATE";
    GIVE_UP_UPLOADS = "INSERT INTO garbage (blob, since) \
                   SELECT p.blob, $1 FROM parts p JOIN uploads u ON u.id = p.upload WHERE u.bucket = $2 \
                   ON CONFLICT (blob) DO NOTHING RETURNING blob";
    END_UPLOADS = "DELETE FROM uploads WHERE bucket = $1";
}

/// A bucket, from this column on.
pub(crate) fn bucket(row: &Row, column: usize) -> Result<Bucket, Failure> {
    Ok(Bucket {
        name: get(row, column)?,
        account: get(row, column + 1)?,
        owner: owner(row, column + 2)?,
        acl: from_json(row, column + 4)?,
        created: get(row, column + 5)?,
        settings: from_json(row, column + 6)?,
    })
}

/// The bucket of this name, and the time.
pub(crate) async fn find(
    connection: &Connection,
    name: &str,
    now: Now,
) -> Result<(Option<Bucket>, i64), Failure> {
    let row = connection.row(FIND, &[&Sought(name), &now]).await?;
    let row = row.ok_or(Failure::Stale)?;
    let is_there = get::<Option<&str>>(&row, 0)?.is_some();
    let bucket = if is_there {
        Some(bucket(&row, 0)?)
    } else {
        None
    };
    Ok((bucket, get(&row, 7)?))
}

/// The time.
pub(crate) async fn time(connection: &Connection, now: Now) -> Result<i64, Failure> {
    let row = connection.row(NOW, &[&now]).await?;
    get(&row.ok_or(Failure::Stale)?, 0)
}

/// The buckets of an account, by name.
pub(crate) async fn of_account(
    connection: &Connection,
    account: &str,
) -> Result<Vec<Bucket>, Failure> {
    let rows = connection.rows(OF_ACCOUNT, &[&Sought(account)]).await?;
    rows.iter().map(|row| bucket(row, 0)).collect()
}

/// The statements that end all uploads to a bucket. The blobs of their parts become garbage.
fn end_uploads(bucket: &str, now: i64) -> [Write; 3] {
    let bucket = || bucket.to_owned();
    [
        // Parts that come meanwhile are waited for, so that they become garbage too.
        Write {
            sql: LOCK_UPLOADS,
            values: values![bucket()],
        },
        Write {
            sql: GIVE_UP_UPLOADS,
            values: values![now, bucket()],
        },
        Write {
            sql: END_UPLOADS,
            values: values![bucket()],
        },
    ]
}

/// A unit of change of a bucket.
#[derive(Debug)]
pub(crate) struct OneBucket {
    pub(crate) at: BucketRef,
    pub(crate) now: Now,
}

impl Unit for OneBucket {
    type State = BucketState;
    type Change = BucketChange;

    async fn load(&self, connection: &Connection) -> Result<BucketState, Failure> {
        let name = Sought(&self.at.name);
        let count_of = self.at.count_of.as_deref().map(Sought);
        // Counted behind the locks, so that what those have done who held them is seen.
        let (account, found, counts) = join3(
            connection.rows(LOCK_ACCOUNT, &[&count_of]),
            connection.row(LOCK, &[&name]),
            connection.row(COUNTS, &[&count_of, &name, &self.now]),
        )
        .await;
        account?;
        let (found, counts) = (found?, counts?.ok_or(Failure::Stale)?);
        Ok(BucketState {
            bucket: found.map(|row| bucket(&row, 0)).transpose()?,
            owned: unsigned(&counts, 0)?,
            has_objects: get(&counts, 1)?,
            now: get(&counts, 2)?,
        })
    }

    fn writes(&self, state: &BucketState, change: BucketChange) -> Result<Vec<Write>, Failure> {
        let mut writes = Vec::new();
        let name = || self.at.name.clone();
        if let Some(new) = change.create {
            let (acl, settings) = (json(&new.acl)?, json(&new.settings)?);
            writes.push(Write {
                sql: INSERT,
                values: values![name(), new.account, acl, settings, state.now],
            });
        }
        if let Some(acl) = &change.acl {
            writes.push(Write {
                sql: SET_ACL,
                values: values![json(acl)?, name()],
            });
        }
        if let Some(settings) = &change.settings {
            writes.push(Write {
                sql: SET_SETTINGS,
                values: values![json(settings)?, name()],
            });
        }
        if change.delete {
            // Uploads refer to the bucket.
            writes.extend(end_uploads(&self.at.name, state.now));
            writes.push(Write {
                sql: DELETE,
                values: values![name()],
            });
        }
        Ok(writes)
    }
}
