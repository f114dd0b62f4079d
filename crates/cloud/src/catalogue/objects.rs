//! Rows of objects and of the files that make them up.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Json, Owner};
use crate::store::{Acl, Headers, Segment};

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) id: i64,
    pub(crate) owner: Owner,
    pub(crate) acl: Acl,
    /// In bytes.
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) headers: Headers,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

/// An object in a listing.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) owner: Owner,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: i64,
}

/// An object that is to be.
#[derive(Debug)]
pub(crate) struct NewObject<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    /// The number of the owner's account.
    pub(crate) account: &'a str,
    pub(crate) acl: Acl,
    pub(crate) headers: Headers,
    pub(crate) etag: &'a str,
    pub(crate) modified: i64,
}

/// A file of an object that is to be, and the MD5 of the file in hex.
#[derive(Clone, Debug)]
pub(crate) struct NewSegment {
    pub(crate) segment: Segment,
    pub(crate) etag: String,
}

fn object(row: &Row<'_>) -> rusqlite::Result<Object> {
    Ok(Object {
        id: row.get(0)?,
        owner: Owner {
            id: row.get(1)?,
            name: row.get(2)?,
        },
        acl: row.get::<_, Json<Acl>>(3)?.0,
        size: row.get(4)?,
        etag: row.get(5)?,
        headers: row.get::<_, Json<Headers>>(6)?.0,
        modified: row.get(7)?,
    })
}

pub(crate) fn find(
    connection: &Connection,
    bucket: &str,
    key: &str,
) -> rusqlite::Result<Option<Object>> {
    let sql = "SELECT o.id, a.canonical_id, a.name, o.acl, o.size, o.etag, o.headers, o.modified \
               FROM objects o JOIN accounts a ON a.id = o.owner WHERE o.bucket = ? AND o.key = ?";
    connection
        .prepare_cached(sql)?
        .query_row([bucket, key], object)
        .optional()
}

/// The files of an object in their order.
pub(crate) fn segments(connection: &Connection, id: i64) -> rusqlite::Result<Vec<Segment>> {
    connection
        .prepare_cached("SELECT blob, size FROM segments WHERE object = ? ORDER BY number")?
        .query_map([id], |row| {
            Ok(Segment {
                blob: row.get(0)?,
                size: row.get(1)?,
            })
        })?
        .collect()
}

/// Puts an object in the place of the one with its key, whose files it gives.
pub(crate) fn replace(
    connection: &Connection,
    new: NewObject<'_>,
    segments: &[NewSegment],
) -> rusqlite::Result<Vec<String>> {
    let old = delete(connection, new.bucket, new.key)?;
    let size: u64 = segments.iter().map(|new| new.segment.size).sum();
    let sql = "INSERT INTO objects (bucket, key, owner, acl, size, etag, headers, modified) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        new.bucket,
        new.key,
        new.account,
        Json(new.acl),
        size,
        new.etag,
        Json(new.headers),
        new.modified,
    ])?;
    let id = connection.last_insert_rowid();
    let sql = "INSERT INTO segments (object, number, blob, size, etag) VALUES (?, ?, ?, ?, ?)";
    let mut statement = connection.prepare_cached(sql)?;
    for (number, NewSegment { segment, etag }) in segments.iter().enumerate() {
        statement.execute(params![id, number, segment.blob, segment.size, etag])?;
    }
    Ok(old)
}

/// Deletes an object, if it is there, and gives its files.
pub(crate) fn delete(
    connection: &Connection,
    bucket: &str,
    key: &str,
) -> rusqlite::Result<Vec<String>> {
    let id: Option<i64> = connection
        .prepare_cached("SELECT id FROM objects WHERE bucket = ? AND key = ?")?
        .query_row([bucket, key], |row| row.get(0))
        .optional()?;
    let Some(id) = id else {
        return Ok(Vec::new());
    };
    let files = segments(connection, id)?;
    connection
        .prepare_cached("DELETE FROM objects WHERE id = ?")?
        .execute([id])?;
    Ok(files.into_iter().map(|segment| segment.blob).collect())
}

pub(crate) fn set_acl(connection: &Connection, id: i64, acl: Acl) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE objects SET acl = ? WHERE id = ?")?
        .execute(params![Json(acl), id])
        .map(drop)
}

/// At most `limit` objects with keys from `from` on, in the order of their bytes.
pub(crate) fn page(
    connection: &Connection,
    bucket: &str,
    from: &str,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    let sql = "SELECT o.key, a.canonical_id, a.name, o.size, o.etag, o.modified \
               FROM objects o JOIN accounts a ON a.id = o.owner \
               WHERE o.bucket = ? AND o.key >= ? ORDER BY o.key LIMIT ?";
    connection
        .prepare_cached(sql)?
        .query_map(params![bucket, from, limit], |row| {
            Ok(Listed {
                key: row.get(0)?,
                owner: Owner {
                    id: row.get(1)?,
                    name: row.get(2)?,
                },
                size: row.get(3)?,
                etag: row.get(4)?,
                modified: row.get(5)?,
            })
        })?
        .collect()
}

/// The names of all files that a row knows.
pub(crate) fn all_blobs<C: FromIterator<String>>(connection: &Connection) -> rusqlite::Result<C> {
    connection
        .prepare("SELECT blob FROM segments UNION ALL SELECT blob FROM parts")?
        .query_map([], |row| row.get(0))?
        .collect()
}
