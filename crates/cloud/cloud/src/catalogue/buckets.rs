//! Rows of buckets.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Json, Owner};
use crate::store::{Acl, Settings};

/// A bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// The number of the owner's account.
    pub(crate) account: String,
    pub(crate) owner: Owner,
    pub(crate) acl: Acl,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    pub(crate) settings: Settings,
}

const COLUMNS: &str = "SELECT b.name, b.owner, a.canonical_id, a.name, b.acl, b.created, b.settings \
                       FROM buckets b JOIN accounts a ON a.id = b.owner";

fn bucket(row: &Row<'_>) -> rusqlite::Result<Bucket> {
    Ok(Bucket {
        name: row.get(0)?,
        account: row.get(1)?,
        owner: Owner {
            id: row.get(2)?,
            name: row.get(3)?,
        },
        acl: row.get::<_, Json<Acl>>(4)?.0,
        created: row.get(5)?,
        settings: row.get::<_, Json<Settings>>(6)?.0,
    })
}

pub(crate) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Bucket>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE b.name = ?"))?
        .query_row([name], bucket)
        .optional()
}

/// The buckets of an account, by name.
pub(crate) fn of_account(connection: &Connection, account: &str) -> rusqlite::Result<Vec<Bucket>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE b.owner = ? ORDER BY b.name"))?
        .query_map([account], bucket)?
        .collect()
}

pub(crate) fn count(connection: &Connection, account: &str) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT count(*) FROM buckets WHERE owner = ?")?
        .query_row([account], |row| row.get(0))
}

pub(crate) fn insert(
    connection: &Connection,
    name: &str,
    account: &str,
    acl: Acl,
    settings: &Settings,
    now: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO buckets (name, owner, acl, settings, created) VALUES (?, ?, ?, ?, ?)";
    connection
        .prepare_cached(sql)?
        .execute(params![name, account, Json(acl), Json(settings), now])
        .map(drop)
}

pub(crate) fn set_acl(connection: &Connection, name: &str, acl: Acl) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE buckets SET acl = ? WHERE name = ?")?
        .execute(params![Json(acl), name])
        .map(drop)
}

pub(crate) fn set_settings(
    connection: &Connection,
    name: &str,
    settings: &Settings,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE buckets SET settings = ? WHERE name = ?")?
        .execute(params![Json(settings), name])
        .map(drop)
}

/// Whether the bucket holds a version of an object.
pub(crate) fn is_used(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?)")?
        .query_row([name], |row| row.get(0))
}

pub(crate) fn delete(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM buckets WHERE name = ?")?
        .execute([name])
        .map(drop)
}
