//! Rows of buckets, and units of change of them.

use gumnut_cloud_catalogue::{Bucket, BucketChange, BucketRef, BucketState, Owner};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::blobs::Garbage;
use crate::json::Json;
use crate::{objects, uploads};

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

/// Loads what a decision about a bucket rests on.
pub(crate) fn load(
    connection: &Connection,
    at: &BucketRef,
    now: i64,
) -> rusqlite::Result<BucketState> {
    let mut state = BucketState {
        bucket: find(connection, &at.name)?,
        now,
        ..BucketState::default()
    };
    if let Some(account) = &at.count_of {
        state.owned = connection
            .prepare_cached(COUNT)?
            .query_row([account], |row| row.get(0))?;
    }
    if state.bucket.is_some() {
        state.has_objects = objects::are_in(connection, &at.name)?;
    }
    Ok(state)
}

/// Changes the row of a bucket.
pub(crate) fn apply(
    connection: &Connection,
    at: &BucketRef,
    change: &BucketChange,
    now: i64,
) -> rusqlite::Result<Garbage> {
    let mut garbage = Garbage::new(now);
    let name = &at.name;
    if let Some(new) = &change.create {
        connection.prepare_cached(INSERT)?.execute(params![
            name,
            new.account,
            Json(&new.acl),
            Json(&new.settings),
            now
        ])?;
    }
    if let Some(acl) = &change.acl {
        connection
            .prepare_cached(SET_ACL)?
            .execute(params![Json(acl), name])?;
    }
    if let Some(settings) = &change.settings {
        connection
            .prepare_cached(SET_SETTINGS)?
            .execute(params![Json(settings), name])?;
    }
    if change.delete {
        uploads::end_all(connection, name, &mut garbage)?;
        connection.prepare_cached(DELETE)?.execute([name])?;
    }
    Ok(garbage)
}
