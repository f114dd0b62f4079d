//! Rows of objects, of which a bucket may keep several versions, and of the files that make them up.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Json, Owner};
use crate::store::{Acl, Headers, Marks, Segment};

/// The version of objects that were made without versioning.
pub(crate) const NULL_VERSION: &str = "null";

/// A version of an object, or the marker of a deletion.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) id: i64,
    pub(crate) version: String,
    /// Whether it stands for a deletion.
    pub(crate) marker: bool,
    pub(crate) owner: Owner,
    pub(crate) acl: Acl,
    /// In bytes.
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) headers: Headers,
    pub(crate) marks: Marks,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

impl Object {
    /// Whether it came in parts: its tag then tells how many.
    pub(crate) fn is_of_parts(&self) -> bool {
        self.etag.contains('-')
    }
}

/// A version of an object in a listing.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) version: String,
    pub(crate) current: bool,
    pub(crate) marker: bool,
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
    pub(crate) version: &'a str,
    pub(crate) marker: bool,
    /// The number of the owner's account.
    pub(crate) account: &'a str,
    pub(crate) acl: Acl,
    pub(crate) headers: Headers,
    pub(crate) marks: Marks,
    pub(crate) etag: &'a str,
    pub(crate) modified: i64,
    /// The upload in parts that it comes of.
    pub(crate) upload: Option<&'a str>,
}

/// A file of an object that is to be, and the MD5 of the file in hex.
#[derive(Clone, Debug)]
pub(crate) struct NewSegment {
    pub(crate) segment: Segment,
    pub(crate) etag: String,
    /// In base64, of a part that has one.
    pub(crate) checksum: Option<String>,
}

/// A part of an object, or all of one that came at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartOf {
    pub(crate) size: u64,
    /// In base64.
    pub(crate) checksum: Option<String>,
}

const COLUMNS: &str = "SELECT o.id, o.version, o.marker, a.canonical_id, a.name, o.acl, o.size, \
                       o.etag, o.headers, o.marks, o.modified \
                       FROM objects o JOIN accounts a ON a.id = o.owner";

fn object(row: &Row<'_>) -> rusqlite::Result<Object> {
    Ok(Object {
        id: row.get(0)?,
        version: row.get(1)?,
        marker: row.get(2)?,
        owner: Owner {
            id: row.get(3)?,
            name: row.get(4)?,
        },
        acl: row.get::<_, Json<Acl>>(5)?.0,
        size: row.get(6)?,
        etag: row.get(7)?,
        headers: row.get::<_, Json<Headers>>(8)?.0,
        marks: row.get::<_, Json<Marks>>(9)?.0,
        modified: row.get(10)?,
    })
}

/// The newest version of an object, which may be a marker.
pub(crate) fn find(
    connection: &Connection,
    bucket: &str,
    key: &str,
) -> rusqlite::Result<Option<Object>> {
    connection
        .prepare_cached(&format!(
            "{COLUMNS} WHERE o.bucket = ? AND o.key = ? AND o.current = 1"
        ))?
        .query_row([bucket, key], object)
        .optional()
}

/// A version of an object, which may be a marker.
pub(crate) fn find_version(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version: &str,
) -> rusqlite::Result<Option<Object>> {
    connection
        .prepare_cached(&format!(
            "{COLUMNS} WHERE o.bucket = ? AND o.key = ? AND o.version = ?"
        ))?
        .query_row([bucket, key, version], object)
        .optional()
}

/// The version of an object that an upload in parts has made.
pub(crate) fn find_of_upload(
    connection: &Connection,
    bucket: &str,
    key: &str,
    upload: &str,
) -> rusqlite::Result<Option<Object>> {
    connection
        .prepare_cached(&format!(
            "{COLUMNS} WHERE o.bucket = ? AND o.key = ? AND o.upload = ?"
        ))?
        .query_row([bucket, key, upload], object)
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

/// The same as parts.
pub(crate) fn parts(connection: &Connection, id: i64) -> rusqlite::Result<Vec<PartOf>> {
    connection
        .prepare_cached("SELECT size, checksum FROM segments WHERE object = ? ORDER BY number")?
        .query_map([id], |row| {
            Ok(PartOf {
                size: row.get(0)?,
                checksum: row.get(1)?,
            })
        })?
        .collect()
}

/// Adds an object as the newest version of its key, in the place of that with the same name, whose files it gives.
pub(crate) fn insert(
    connection: &Connection,
    new: NewObject<'_>,
    segments: &[NewSegment],
) -> rusqlite::Result<Vec<String>> {
    let old = delete(connection, new.bucket, new.key, new.version)?;
    connection
        .prepare_cached(
            "UPDATE objects SET current = 0 WHERE bucket = ? AND key = ? AND current = 1",
        )?
        .execute([new.bucket, new.key])?;
    let size: u64 = segments.iter().map(|new| new.segment.size).sum();
    let sql = "INSERT INTO objects (bucket, key, version, current, marker, owner, acl, size, etag, \
               headers, marks, modified, upload) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(sql)?.execute(params![
        new.bucket,
        new.key,
        new.version,
        new.marker,
        new.account,
        Json(new.acl),
        size,
        new.etag,
        Json(new.headers),
        Json(new.marks),
        new.modified,
        new.upload,
    ])?;
    let id = connection.last_insert_rowid();
    let sql = "INSERT INTO segments (object, number, blob, size, etag, checksum) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let mut statement = connection.prepare_cached(sql)?;
    for (number, new) in segments.iter().enumerate() {
        let Segment { blob, size } = &new.segment;
        statement.execute(params![id, number, blob, size, new.etag, new.checksum])?;
    }
    Ok(old)
}

/// Deletes a version, if it is there, and gives its files. The newest of the others becomes the current one.
pub(crate) fn delete(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version: &str,
) -> rusqlite::Result<Vec<String>> {
    let found: Option<(i64, bool)> = connection
        .prepare_cached(
            "SELECT id, current FROM objects WHERE bucket = ? AND key = ? AND version = ?",
        )?
        .query_row([bucket, key, version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, current)) = found else {
        return Ok(Vec::new());
    };
    let files = segments(connection, id)?;
    connection
        .prepare_cached("DELETE FROM objects WHERE id = ?")?
        .execute([id])?;
    if current {
        let sql = "UPDATE objects SET current = 1 WHERE id = \
                   (SELECT max(id) FROM objects WHERE bucket = ? AND key = ?)";
        connection.prepare_cached(sql)?.execute([bucket, key])?;
    }
    Ok(files.into_iter().map(|segment| segment.blob).collect())
}

pub(crate) fn set_acl(connection: &Connection, id: i64, acl: Acl) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE objects SET acl = ? WHERE id = ?")?
        .execute(params![Json(acl), id])
        .map(drop)
}

pub(crate) fn set_marks(connection: &Connection, id: i64, marks: &Marks) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE objects SET marks = ? WHERE id = ?")?
        .execute(params![Json(marks), id])
        .map(drop)
}

const LISTED: &str = "SELECT o.id, o.key, o.version, o.current, o.marker, a.canonical_id, a.name, \
                      o.size, o.etag, o.modified FROM objects o JOIN accounts a ON a.id = o.owner";

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        id: row.get(0)?,
        key: row.get(1)?,
        version: row.get(2)?,
        current: row.get(3)?,
        marker: row.get(4)?,
        owner: Owner {
            id: row.get(5)?,
            name: row.get(6)?,
        },
        size: row.get(7)?,
        etag: row.get(8)?,
        modified: row.get(9)?,
    })
}

/// At most `limit` objects with keys from `from` on, in the order of their bytes.
pub(crate) fn page(
    connection: &Connection,
    bucket: &str,
    from: &str,
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    connection
        .prepare_cached(&format!(
            "{LISTED} WHERE o.bucket = ? AND o.key >= ? AND o.current = 1 AND o.marker = 0 \
             ORDER BY o.key LIMIT ?"
        ))?
        .query_map(params![bucket, from, limit], listed)?
        .collect()
}

/// At most `limit` versions from that of `from` on: by key, and of a key the newest first, which have the larger ids.
pub(crate) fn versions_page(
    connection: &Connection,
    bucket: &str,
    from: (&str, i64),
    limit: usize,
) -> rusqlite::Result<Vec<Listed>> {
    connection
        .prepare_cached(&format!(
            "{LISTED} WHERE o.bucket = ?1 AND o.key >= ?2 AND (o.key > ?2 OR o.id <= ?3) \
             ORDER BY o.key, o.id DESC LIMIT ?4"
        ))?
        .query_map(params![bucket, from.0, from.1, limit], listed)?
        .collect()
}

/// The names of all files that a row knows.
pub(crate) fn all_blobs<C: FromIterator<String>>(connection: &Connection) -> rusqlite::Result<C> {
    connection
        .prepare("SELECT blob FROM segments UNION ALL SELECT blob FROM parts")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// A file that a row knows.
#[derive(Clone, Debug)]
pub(crate) struct KnownBlob {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// In hex.
    pub(crate) md5: String,
    /// Bucket and key, for messages.
    pub(crate) object: String,
}

/// All files that a row knows, with what they must be.
pub(crate) fn known_blobs(connection: &Connection) -> rusqlite::Result<Vec<KnownBlob>> {
    let sql = "SELECT s.blob, s.size, s.etag, o.bucket || '/' || o.key FROM segments s \
               JOIN objects o ON o.id = s.object \
               UNION ALL SELECT p.blob, p.size, p.etag, u.bucket || '/' || u.key FROM parts p \
               JOIN uploads u ON u.id = p.upload";
    connection
        .prepare(sql)?
        .query_map([], |row| {
            Ok(KnownBlob {
                name: row.get(0)?,
                size: row.get(1)?,
                md5: row.get(2)?,
                object: row.get(3)?,
            })
        })?
        .collect()
}
