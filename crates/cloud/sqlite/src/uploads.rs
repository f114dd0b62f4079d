//! Rows of multipart uploads and their parts.

use gumnut_cloud_catalogue::{Initiator, NewUpload, Owner, Part, Segment, Upload, UploadRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::blobs::Garbage;
use crate::json::Json;

macro_rules! select_uploads {
    ($condition:literal) => {
        concat!(
            "SELECT u.id, u.bucket, u.key, u.owner, a.canonical_id, a.name, u.acl, u.headers, u.started, u.marks, \
             u.checksum, u.initiator, ia.canonical_id, ia.name FROM uploads u JOIN accounts a ON a.id = u.owner \
             LEFT JOIN users i ON i.id = u.initiator LEFT JOIN accounts ia ON ia.id = i.account WHERE ",
            $condition
        )
    };
}

statements! {
    FIND = select_uploads!("u.id = ?");
    LIST = select_uploads!("u.bucket = ? AND (u.key, u.id) > (?, ?) ORDER BY u.key, u.id LIMIT ?");
    PARTS = "SELECT number, blob, size, etag, checksum, modified FROM parts \
             WHERE upload = ? AND number > ? ORDER BY number LIMIT ?";
    INSERT = "INSERT INTO uploads (id, bucket, key, owner, acl, headers, started, marks, checksum, \
              initiator) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    GIVE_UP_PART = "INSERT OR IGNORE INTO garbage \
                    SELECT blob, ?1 FROM parts WHERE upload = ?2 AND number = ?3 AND blob <> ?4 \
                    RETURNING blob";
    PUT_PART = "INSERT INTO parts (upload, number, blob, size, etag, checksum, modified) VALUES (?, ?, ?, ?, ?, ?, ?) \
                ON CONFLICT (upload, number) DO UPDATE SET blob = excluded.blob, size = excluded.size, \
                etag = excluded.etag, checksum = excluded.checksum, modified = excluded.modified";
    GIVE_UP = "INSERT OR IGNORE INTO garbage SELECT blob, ? FROM parts WHERE upload = ? \
               AND NOT EXISTS (SELECT 1 FROM segments WHERE segments.blob = parts.blob) RETURNING blob";
    END = "DELETE FROM uploads WHERE id = ?";
    GIVE_UP_ALL = "INSERT OR IGNORE INTO garbage \
                   SELECT p.blob, ? FROM parts p JOIN uploads u ON u.id = p.upload WHERE u.bucket = ? RETURNING blob";
    END_ALL = "DELETE FROM uploads WHERE bucket = ?";
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let initiator = match row.get(11)? {
        Some(user_id) => Some(Initiator {
            user_id,
            account: Owner {
                id: row.get(12)?,
                name: row.get(13)?,
            },
        }),
        None => None,
    };
    Ok(Upload {
        initiator,
        id: row.get(0)?,
        bucket: row.get(1)?,
        key: row.get(2)?,
        account: row.get(3)?,
        owner: Owner {
            id: row.get(4)?,
            name: row.get(5)?,
        },
        acl: row.get::<_, Json<_>>(6)?.0,
        headers: row.get::<_, Json<_>>(7)?.0,
        started: row.get(8)?,
        tags_and_lock: row.get::<_, Json<_>>(9)?.0,
        checksum: row.get::<_, Json<_>>(10)?.0,
    })
}

/// The upload of this id.
pub(crate) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Upload>> {
    connection
        .prepare_cached(FIND)?
        .query_row([id], upload)
        .optional()
}

/// At most `limit` uploads behind the pair `after` of key and id, in that order.
pub(crate) fn list(
    connection: &Connection,
    bucket: &str,
    after: &(String, String),
    limit: i64,
) -> rusqlite::Result<Vec<Upload>> {
    connection
        .prepare_cached(LIST)?
        .query_map(params![bucket, after.0, after.1, limit], upload)?
        .collect()
}

/// At most `limit` parts behind the number `after`.
pub(crate) fn parts(
    connection: &Connection,
    upload: &str,
    after: u32,
    limit: i64,
) -> rusqlite::Result<Vec<Part>> {
    connection
        .prepare_cached(PARTS)?
        .query_map(params![upload, after, limit], |row| {
            Ok(Part {
                number: row.get(0)?,
                segment: Segment {
                    blob: row.get(1)?,
                    size: row.get(2)?,
                    md5: row.get(3)?,
                    checksum: row.get(4)?,
                },
                modified: row.get(5)?,
            })
        })?
        .collect()
}

/// Adds an upload.
pub(crate) fn insert(
    connection: &Connection,
    at: &UploadRef,
    new: &NewUpload,
    now: i64,
) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![
        at.id,
        at.bucket,
        at.key.as_str(),
        new.account,
        Json(&new.acl),
        Json(&new.headers),
        now,
        Json(&new.tags_and_lock),
        Json(new.checksum),
        new.initiator,
    ])?;
    Ok(())
}

/// Puts a part in the place of the one with its number, whose blob becomes garbage.
pub(crate) fn put_part(
    connection: &Connection,
    upload: &str,
    part: &Part,
    garbage: &mut Garbage,
) -> rusqlite::Result<()> {
    let Segment {
        blob,
        size,
        md5,
        checksum,
    } = &part.segment;
    let now = garbage.now;
    garbage.add(
        connection,
        GIVE_UP_PART,
        params![now, upload, part.number, blob],
    )?;
    connection.prepare_cached(PUT_PART)?.execute(params![
        upload,
        part.number,
        blob,
        size,
        md5,
        checksum,
        part.modified,
    ])?;
    Ok(())
}

/// Ends an upload. Blobs of its parts that no version has taken over become garbage.
pub(crate) fn end(
    connection: &Connection,
    id: &str,
    garbage: &mut Garbage,
) -> rusqlite::Result<()> {
    let now = garbage.now;
    garbage.add(connection, GIVE_UP, params![now, id])?;
    connection.prepare_cached(END)?.execute([id]).map(drop)
}

/// Ends all uploads to a bucket. The blobs of their parts become garbage.
pub(crate) fn end_all(
    connection: &Connection,
    bucket: &str,
    garbage: &mut Garbage,
) -> rusqlite::Result<()> {
    let now = garbage.now;
    garbage.add(connection, GIVE_UP_ALL, params![now, bucket])?;
    connection
        .prepare_cached(END_ALL)?
        .execute([bucket])
        .map(drop)
}
