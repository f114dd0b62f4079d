//! Rows of uploads in parts that have not ended.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Json, Owner};
use crate::checksum::PartsChecksum;
use crate::store::{Acl, Headers, Marks, Segment};

/// An upload in parts.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// The number of the account that will own the object.
    pub(crate) account: String,
    pub(crate) owner: Owner,
    pub(crate) acl: Acl,
    pub(crate) headers: Headers,
    pub(crate) marks: Marks,
    /// That the object is to have.
    pub(crate) checksum: Option<PartsChecksum>,
    /// Milliseconds since 1970.
    pub(crate) started: i64,
}

/// A part that has come.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) segment: Segment,
    /// MD5 in hex.
    pub(crate) etag: String,
    /// In base64, by the algorithm of the upload.
    pub(crate) checksum: Option<String>,
    pub(crate) modified: i64,
}

const COLUMNS: &str = "SELECT u.id, u.bucket, u.key, u.owner, a.canonical_id, a.name, u.acl, \
                       u.headers, u.started, u.marks, u.checksum FROM uploads u JOIN accounts a ON a.id = u.owner";

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get(0)?,
        bucket: row.get(1)?,
        key: row.get(2)?,
        account: row.get(3)?,
        owner: Owner {
            id: row.get(4)?,
            name: row.get(5)?,
        },
        acl: row.get::<_, Json<Acl>>(6)?.0,
        headers: row.get::<_, Json<Headers>>(7)?.0,
        started: row.get(8)?,
        marks: row.get::<_, Json<Marks>>(9)?.0,
        checksum: row.get::<_, Json<Option<PartsChecksum>>>(10)?.0,
    })
}

/// An upload that is to be.
#[derive(Debug)]
pub(crate) struct NewUpload<'a> {
    pub(crate) id: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) account: &'a str,
    pub(crate) acl: Acl,
    pub(crate) headers: Headers,
    pub(crate) marks: Marks,
    pub(crate) checksum: Option<PartsChecksum>,
    pub(crate) started: i64,
}

pub(crate) fn insert(connection: &Connection, upload: NewUpload<'_>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO uploads (id, bucket, key, owner, acl, headers, started, marks, checksum) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    connection
        .prepare_cached(sql)?
        .execute(params![
            upload.id,
            upload.bucket,
            upload.key,
            upload.account,
            Json(upload.acl),
            Json(upload.headers),
            upload.started,
            Json(upload.marks),
            Json(upload.checksum),
        ])
        .map(drop)
}

pub(crate) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Upload>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE u.id = ?"))?
        .query_row([id], upload)
        .optional()
}

/// At most `limit` uploads behind the pair `after` of key and id, in that order.
pub(crate) fn page(
    connection: &Connection,
    bucket: &str,
    after: (&str, &str),
    limit: usize,
) -> rusqlite::Result<Vec<Upload>> {
    connection
        .prepare_cached(&format!(
            "{COLUMNS} WHERE u.bucket = ? AND (u.key, u.id) > (?, ?) ORDER BY u.key, u.id LIMIT ?"
        ))?
        .query_map(params![bucket, after.0, after.1, limit], upload)?
        .collect()
}

/// Ends an upload; its parts go with it.
pub(crate) fn delete(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM uploads WHERE id = ?")?
        .execute([id])
        .map(drop)
}

/// Puts a part in the place of the one with its number, whose file it gives.
pub(crate) fn put_part(
    connection: &Connection,
    upload: &str,
    part: &Part,
) -> rusqlite::Result<Option<String>> {
    let old = connection
        .prepare_cached("SELECT blob FROM parts WHERE upload = ? AND number = ?")?
        .query_row(params![upload, part.number], |row| row.get(0))
        .optional()?;
    let sql = "INSERT OR REPLACE INTO parts (upload, number, blob, size, etag, checksum, modified) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        upload,
        part.number,
        part.segment.blob,
        part.segment.size,
        part.etag,
        part.checksum,
        part.modified,
    ])?;
    Ok(old)
}

/// At most `limit` parts behind the number `after`.
pub(crate) fn parts(
    connection: &Connection,
    upload: &str,
    after: u32,
    limit: usize,
) -> rusqlite::Result<Vec<Part>> {
    let sql = "SELECT number, blob, size, etag, checksum, modified FROM parts \
               WHERE upload = ? AND number > ? ORDER BY number LIMIT ?";
    connection
        .prepare_cached(sql)?
        .query_map(params![upload, after, limit], |row| {
            Ok(Part {
                number: row.get(0)?,
                segment: Segment {
                    blob: row.get(1)?,
                    size: row.get(2)?,
                },
                etag: row.get(3)?,
                checksum: row.get(4)?,
                modified: row.get(5)?,
            })
        })?
        .collect()
}

/// Ends all uploads to a bucket and gives the files of their parts.
pub(crate) fn delete_all(connection: &Connection, bucket: &str) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT p.blob FROM parts p JOIN uploads u ON u.id = p.upload WHERE u.bucket = ?";
    let blobs = connection
        .prepare_cached(sql)?
        .query_map([bucket], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    connection
        .prepare_cached("DELETE FROM uploads WHERE bucket = ?")?
        .execute([bucket])?;
    Ok(blobs)
}
