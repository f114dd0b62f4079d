//! Rows of buckets.

use gumnut_cloud_catalogue::{Acl, Bucket, BucketSettings, NewBucket, Owner};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::json::Json;

macro_rules! select_buckets {
    ($condition:literal) => {
        concat!(
            "SELECT b.name, b.owner, a.canonical_id, a.name, b.acl, b.created, b.settings \
             FROM buckets b JOIN accounts a ON a.id = b.owner WHERE ",
            $condition
        )
    };
}

statements! {
    FIND = select_buckets!("b.name = ?");
    OF_ACCOUNT = select_buckets!("b.owner = ? ORDER BY b.name");
    COUNT = "SELECT count(*) FROM buckets WHERE owner = ?";
    INSERT = "INSERT INTO buckets (name, owner, acl, settings, created) VALUES (?, ?, ?, ?, ?)";
    SET_ACL = "UPDATE buckets SET acl = ? WHERE name = ?";
    SET_SETTINGS = "UPDATE buckets SET settings = ? WHERE name = ?";
    DELETE = "DELETE FROM buckets WHERE name = ?";
}

fn bucket(row: &Row<'_>) -> rusqlite::Result<Bucket> {
    Ok(Bucket {
        name: row.get(0)?,
        account: row.get(1)?,
        owner: Owner {
            id: row.get(2)?,
            name: row.get(3)?,
        },
        acl: row.get::<_, Json<_>>(4)?.0,
        created: row.get(5)?,
        settings: row.get::<_, Json<_>>(6)?.0,
    })
}

/// The bucket of this name.
pub(crate) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Bucket>> {
    connection
        .prepare_cached(FIND)?
        .query_row([name], bucket)
        .optional()
}

/// The buckets of an account, by name.
pub(crate) fn of_account(connection: &Connection, account: &str) -> rusqlite::Result<Vec<Bucket>> {
    connection
        .prepare_cached(OF_ACCOUNT)?
        .query_map([account], bucket)?
        .collect()
}

/// How many buckets an account has.
pub(crate) fn count(connection: &Connection, account: &str) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(COUNT)?
        .query_row([account], |row| row.get(0))
}

/// Adds a bucket.
pub(crate) fn insert(
    connection: &Connection,
    name: &str,
    new: &NewBucket,
    now: i64,
) -> rusqlite::Result<()> {
    let (acl, settings) = (Json(&new.acl), Json(&new.settings));
    connection
        .prepare_cached(INSERT)?
        .execute(params![name, new.account, acl, settings, now])
        .map(drop)
}

/// Gives a bucket an ACL.
pub(crate) fn set_acl(connection: &Connection, name: &str, acl: &Acl) -> rusqlite::Result<()> {
    connection
        .prepare_cached(SET_ACL)?
        .execute(params![Json(acl), name])
        .map(drop)
}

/// Gives a bucket settings.
pub(crate) fn set_settings(
    connection: &Connection,
    name: &str,
    settings: &BucketSettings,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(SET_SETTINGS)?
        .execute(params![Json(settings), name])
        .map(drop)
}

/// Deletes a bucket that has neither objects nor uploads.
pub(crate) fn delete(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(DELETE)?.execute([name]).map(drop)
}
