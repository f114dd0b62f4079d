//! Rows of objects, of which a key may have several versions, and of the bytes or the segments that make them up.

use gumnut_cloud_catalogue::{
    Acl, Content, InlineObject, ListedVersion, NewVersion, ObjectVersion, Owner, Segment,
    TagsAndLock,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::blobs::Garbage;
use crate::json::Json;

macro_rules! select_objects {
    ($condition:literal) => {
        concat!(
            "SELECT o.id, o.version, o.current, o.marker, a.canonical_id, a.name, o.acl, o.size, o.etag, o.headers, \
             o.marks, o.modified FROM objects o JOIN accounts a ON a.id = o.owner WHERE ",
            $condition
        )
    };
}

macro_rules! list_objects {
    ($condition:literal) => {
        concat!(
            "SELECT o.id, o.key, o.version, o.current, o.marker, a.canonical_id, a.name, o.size, o.etag, o.modified \
             FROM objects o JOIN accounts a ON a.id = o.owner WHERE ",
            $condition
        )
    };
}

statements! {
    CURRENT = select_objects!("o.bucket = ? AND o.key = ? AND o.current = 1");
    VERSION = select_objects!("o.bucket = ? AND o.key = ? AND o.version = ?");
    OF_UPLOAD = select_objects!("o.bucket = ? AND o.key = ? AND o.upload = ?");
    BYTES = "SELECT bytes FROM small WHERE object = ?";
    INLINE = "SELECT o.id, s.bytes, o.etag, o.bucket || '/' || o.key FROM small s \
              JOIN objects o ON o.id = s.object WHERE s.object > ? ORDER BY s.object LIMIT ?";
    SEGMENTS = "SELECT blob, size, etag, checksum FROM segments WHERE object = ? ORDER BY number";
    LIST = list_objects!(
        "o.bucket = ? AND o.key >= ? AND o.current = 1 AND o.marker = 0 ORDER BY o.key LIMIT ?"
    );
    LIST_VERSIONS = list_objects!(
        "o.bucket = ?1 AND o.key >= ?2 AND (o.key > ?2 OR o.id <= ?3) ORDER BY o.key, o.id DESC LIMIT ?4"
    );
    IN_BUCKET = "SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?)";
    SUPERSEDE = "UPDATE objects SET current = 0 WHERE bucket = ? AND key = ? AND current = 1";
    INSERT = "INSERT INTO objects (bucket, key, version, current, marker, owner, acl, size, etag, headers, marks, \
              modified, upload) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    REPLACE_BYTES = "UPDATE small SET bytes = ? WHERE object = (SELECT id FROM objects WHERE id = ? AND bucket = ? \
                     AND key = ? AND version = ? AND current = 1)";
    REPLACE = "UPDATE objects SET owner = ?, acl = ?, size = ?, etag = ?, headers = ?, marks = ?, modified = ?, \
               upload = ? WHERE id = ?";
    INSERT_BYTES = "INSERT INTO small (object, bytes) VALUES (?, ?)";
    INSERT_SEGMENT = "INSERT INTO segments (object, number, blob, size, etag, checksum) VALUES (?, ?, ?, ?, ?, ?)";
    GIVE_UP = "INSERT OR IGNORE INTO garbage SELECT blob, ? FROM segments WHERE object = ? RETURNING blob";
    DELETE = "DELETE FROM objects WHERE id = ? AND bucket = ? AND key = ? RETURNING current";
    PROMOTE = "UPDATE objects SET current = 1 WHERE id = (SELECT max(id) FROM objects WHERE bucket = ? AND key = ?)";
    SET_ACL = "UPDATE objects SET acl = ? WHERE id = ? AND bucket = ? AND key = ?";
    SET_TAGS_AND_LOCK = "UPDATE objects SET marks = ? WHERE id = ? AND bucket = ? AND key = ?";
}

fn object(row: &Row<'_>) -> rusqlite::Result<ObjectVersion> {
    Ok(ObjectVersion {
        id: row.get(0)?,
        version: row.get(1)?,
        current: row.get(2)?,
        marker: row.get(3)?,
        owner: Owner {
            id: row.get(4)?,
            name: row.get(5)?,
        },
        acl: row.get::<_, Json<_>>(6)?.0,
        size: row.get(7)?,
        etag: row.get(8)?,
        headers: row.get::<_, Json<_>>(9)?.0,
        tags_and_lock: row.get::<_, Json<_>>(10)?.0,
        modified: row.get(11)?,
    })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<ListedVersion> {
    Ok(ListedVersion {
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

/// The newest version of a key, which may be a delete marker.
pub(crate) fn current(
    connection: &Connection,
    bucket: &str,
    key: &str,
) -> rusqlite::Result<Option<ObjectVersion>> {
    connection
        .prepare_cached(CURRENT)?
        .query_row([bucket, key], object)
        .optional()
}

/// A version of a key, which may be a delete marker.
pub(crate) fn version(
    connection: &Connection,
    bucket: &str,
    key: &str,
    version: &str,
) -> rusqlite::Result<Option<ObjectVersion>> {
    connection
        .prepare_cached(VERSION)?
        .query_row([bucket, key, version], object)
        .optional()
}

/// The version of a key that a multipart upload has made.
pub(crate) fn of_upload(
    connection: &Connection,
    bucket: &str,
    key: &str,
    upload: &str,
) -> rusqlite::Result<Option<ObjectVersion>> {
    connection
        .prepare_cached(OF_UPLOAD)?
        .query_row([bucket, key, upload], object)
        .optional()
}

/// The bytes of a version, or its segments in their order.
pub(crate) fn content(connection: &Connection, id: i64) -> rusqlite::Result<Content> {
    let bytes = connection
        .prepare_cached(BYTES)?
        .query_row([id], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    match bytes {
        Some(bytes) => Ok(Content::Inline(bytes.into())),
        None => segments(connection, id).map(Content::Blobs),
    }
}

/// At most `limit` versions whose bytes are in the table beside, with rows behind `after`.
pub(crate) fn inline(
    connection: &Connection,
    after: i64,
    limit: i64,
) -> rusqlite::Result<Vec<InlineObject>> {
    connection
        .prepare_cached(INLINE)?
        .query_map([after, limit], |row| {
            Ok(InlineObject {
                id: row.get(0)?,
                bytes: row.get::<_, Vec<u8>>(1)?.into(),
                md5: row.get(2)?,
                object: row.get(3)?,
            })
        })?
        .collect()
}

fn segments(connection: &Connection, id: i64) -> rusqlite::Result<Vec<Segment>> {
    connection
        .prepare_cached(SEGMENTS)?
        .query_map([id], |row| {
            Ok(Segment {
                blob: row.get(0)?,
                size: row.get(1)?,
                md5: row.get(2)?,
                checksum: row.get(3)?,
            })
        })?
        .collect()
}

/// At most `limit` newest versions with keys from `from` on that are no delete markers, in the order of their bytes.
pub(crate) fn list(
    connection: &Connection,
    bucket: &str,
    from: &str,
    limit: i64,
) -> rusqlite::Result<Vec<ListedVersion>> {
    connection
        .prepare_cached(LIST)?
        .query_map(params![bucket, from, limit], listed)?
        .collect()
}

/// At most `limit` versions from the key `from` on, of that key only those with rows up to `row`: by key, and of a key
/// the newest first, which have the larger ids.
pub(crate) fn list_versions(
    connection: &Connection,
    bucket: &str,
    (from, row): (&str, i64),
    limit: i64,
) -> rusqlite::Result<Vec<ListedVersion>> {
    connection
        .prepare_cached(LIST_VERSIONS)?
        .query_map(params![bucket, from, row, limit], listed)?
        .collect()
}

/// Whether the bucket has a version of an object, be it a delete marker.
pub(crate) fn are_in(connection: &Connection, bucket: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(IN_BUCKET)?
        .query_row([bucket], |row| row.get(0))
}

/// Adds a version as the newest of its key.
pub(crate) fn insert(
    connection: &Connection,
    bucket: &str,
    key: &str,
    new: &NewVersion,
) -> rusqlite::Result<()> {
    // The index of newest versions knows one of each key only.
    connection
        .prepare_cached(SUPERSEDE)?
        .execute([bucket, key])?;
    connection.prepare_cached(INSERT)?.execute(params![
        bucket,
        key,
        new.version,
        new.marker,
        new.account,
        Json(&new.acl),
        new.content.size(),
        new.etag,
        Json(&new.headers),
        Json(&new.tags_and_lock),
        new.modified,
        new.upload,
    ])?;
    let id = connection.last_insert_rowid();
    let segments = match &new.content {
        Content::Inline(bytes) => {
            let mut statement = connection.prepare_cached(INSERT_BYTES)?;
            return statement.execute(params![id, &bytes[..]]).map(drop);
        }
        Content::Blobs(segments) => segments,
    };
    let mut statement = connection.prepare_cached(INSERT_SEGMENT)?;
    for (number, segment) in segments.iter().enumerate() {
        let Segment {
            blob,
            size,
            md5,
            checksum,
        } = segment;
        statement.execute(params![id, number, blob, size, md5, checksum])?;
    }
    Ok(())
}

/// Writes a version in the place of the one with this row, and says whether that was possible: both have their bytes in the catalogue
/// and the same version id, and the old one is the newest of its key.
///
/// No index changes then, and a commit has a third of the pages that it has when a row goes and another comes.
pub(crate) fn replace(
    connection: &Connection,
    bucket: &str,
    key: &str,
    id: i64,
    new: &NewVersion,
) -> rusqlite::Result<bool> {
    let Content::Inline(bytes) = &new.content else {
        return Ok(false);
    };
    if new.marker {
        return Ok(false);
    }
    let replaced = connection.prepare_cached(REPLACE_BYTES)?.execute(params![
        &bytes[..],
        id,
        bucket,
        key,
        new.version
    ])?;
    if replaced == 0 {
        return Ok(false);
    }
    connection.prepare_cached(REPLACE)?.execute(params![
        new.account,
        Json(&new.acl),
        new.content.size(),
        new.etag,
        Json(&new.headers),
        Json(&new.tags_and_lock),
        new.modified,
        new.upload,
        id,
    ])?;
    Ok(true)
}

/// Deletes the version with this row, if the key has it, and says whether it was the newest. Its blobs become garbage.
pub(crate) fn delete(
    connection: &Connection,
    bucket: &str,
    key: &str,
    id: i64,
    garbage: &mut Garbage,
) -> rusqlite::Result<bool> {
    let now = garbage.now;
    garbage.add(connection, GIVE_UP, params![now, id])?;
    let was_current = connection
        .prepare_cached(DELETE)?
        .query_row(params![id, bucket, key], |row| row.get(0))
        .optional()?;
    Ok(was_current.unwrap_or(false))
}

/// Makes the newest version of a key that has no newest one the newest.
pub(crate) fn promote(connection: &Connection, bucket: &str, key: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(PROMOTE)?
        .execute([bucket, key])
        .map(drop)
}

/// Gives the version with this row an ACL.
pub(crate) fn set_acl(
    connection: &Connection,
    bucket: &str,
    key: &str,
    (id, acl): &(i64, Acl),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(SET_ACL)?
        .execute(params![Json(acl), id, bucket, key])
        .map(drop)
}

/// Gives the version with this row tags and locks.
pub(crate) fn set_tags_and_lock(
    connection: &Connection,
    bucket: &str,
    key: &str,
    (id, tags_and_lock): &(i64, TagsAndLock),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(SET_TAGS_AND_LOCK)?
        .execute(params![Json(tags_and_lock), id, bucket, key])
        .map(drop)
}

#[cfg(test)]
mod tests;
