//! Rows of objects, of which a key may have several versions, and of the segments that make them up.

use bytes::Bytes;
use gumnut_cloud_catalogue::{
    Acl, Bucket, Content, FoundObject, InlineObject, KeyRef, ListedVersion, NULL_VERSION,
    NewVersion, ObjectVersion, Segment, TagsAndLock,
};
use tokio_postgres::Row;

use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::values::{Sought, from_json, get, json, key, owner, signed, unsigned};
use crate::{blobs, buckets};

macro_rules! list_objects {
    ($condition:literal) => {
        concat!(
            "SELECT o.ordinal, o.key, o.version, o.current, o.marker, a.canonical_id, a.name, o.size, o.etag, o.modified \
             FROM objects o JOIN accounts a ON a.id = o.owner WHERE ",
            $condition
        )
    };
}

macro_rules! select_object {
    ($condition:literal) => {
        concat!(
            "SELECT o.ordinal, o.version, o.current, o.marker, oa.canonical_id, oa.name, o.acl, o.size, o.etag, o.headers, \
             o.marks, o.modified, s.blobs, s.sizes, s.etags, s.checksums, \
             b.name, b.owner, ba.canonical_id, ba.name, b.acl, b.created, b.settings, m.bytes \
             FROM buckets b JOIN accounts ba ON ba.id = b.owner \
             LEFT JOIN objects o ON o.bucket = b.name AND o.key = $2 AND ",
            $condition,
            " LEFT JOIN accounts oa ON oa.id = o.owner LEFT JOIN small m ON m.object = o.id AND $3 \
             LEFT JOIN LATERAL (SELECT array_agg(blob ORDER BY number) AS blobs, array_agg(size ORDER BY number) AS sizes, \
             array_agg(etag ORDER BY number) AS etags, array_agg(checksum ORDER BY number) AS checksums \
             FROM segments WHERE object = o.id AND $3) s ON TRUE \
             WHERE b.name = $1"
        )
    };
}

statements! {
    // The rows as they were when the statement began, beside the rows as they are now that they are locked. Where another unit has
    // changed which is the newest, the two differ.
    LOCK = "WITH seen AS MATERIALIZED (\
              SELECT id, current FROM objects WHERE bucket = $1 AND key = $2 AND current \
              UNION SELECT id, current FROM objects WHERE bucket = $1 AND key = $2 AND version = $3 \
              UNION SELECT id, current FROM objects WHERE bucket = $1 AND key = $2 AND upload = $4\
            ), locked AS MATERIALIZED (\
              SELECT o.* FROM objects o WHERE o.id IN (SELECT id FROM seen) ORDER BY o.id FOR UPDATE OF o\
            ) \
            SELECT o.ordinal, o.version, o.current, o.marker, a.canonical_id, a.name, o.acl, o.size, o.etag, o.headers, \
            o.marks, o.modified, o.upload, seen.current \
            FROM seen LEFT JOIN locked o ON o.id = seen.id LEFT JOIN accounts a ON a.id = o.owner";
    CURRENT = select_object!("o.current");
    VERSION = select_object!("o.version = $4");
    LIST = list_objects!(
        "o.bucket = $1 AND o.key >= $2 AND o.current AND NOT o.marker ORDER BY o.key LIMIT $3"
    );
    LIST_VERSIONS = list_objects!(
        "o.bucket = $1 AND o.key >= $2 AND (o.key > $2 OR o.ordinal <= $3) ORDER BY o.key, o.ordinal DESC LIMIT $4"
    );
    SUPERSEDE = "UPDATE objects SET current = FALSE WHERE bucket = $1 AND key = $2 AND ordinal = $3";
    INSERT = "WITH o AS (\
                INSERT INTO objects (bucket, key, ordinal, version, current, marker, owner, acl, size, etag, headers, marks, \
                modified, upload) VALUES ($1, $2, $3, $4, TRUE, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id\
              ) \
              INSERT INTO segments (object, number, blob, size, etag, checksum) \
              SELECT o.id, s.number - 1, s.blob, s.size, s.etag, s.checksum \
              FROM o, unnest($14::text[], $15::bigint[], $16::text[], $17::text[]) WITH ORDINALITY \
              AS s (blob, size, etag, checksum, number)";
    INSERT_INLINE = "WITH o AS (\
                       INSERT INTO objects (bucket, key, ordinal, version, current, marker, owner, acl, size, etag, headers, \
                       marks, modified, upload) VALUES ($1, $2, $3, $4, TRUE, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id\
                     ) \
                     INSERT INTO small (object, bytes) SELECT o.id, $14 FROM o";
    INLINE = "SELECT o.id, s.bytes, o.etag, o.bucket, o.key FROM small s JOIN objects o ON o.id = s.object \
              WHERE s.object > $1 ORDER BY s.object LIMIT $2";
    DELETE = "DELETE FROM objects WHERE bucket = $1 AND key = $2 AND ordinal = $3";
    PROMOTE = "UPDATE objects SET current = TRUE WHERE id = (SELECT id FROM objects WHERE bucket = $1 AND key = $2 \
               ORDER BY ordinal DESC LIMIT 1)";
    SET_ACL = "UPDATE objects SET acl = $1 WHERE bucket = $2 AND key = $3 AND ordinal = $4";
    SET_TAGS_AND_LOCK = "UPDATE objects SET marks = $1 WHERE bucket = $2 AND key = $3 AND ordinal = $4";
}

fn object(row: &Row) -> Result<ObjectVersion, Failure> {
    Ok(ObjectVersion {
        id: get(row, 0)?,
        version: get(row, 1)?,
        current: get(row, 2)?,
        marker: get(row, 3)?,
        owner: owner(row, 4)?,
        acl: from_json(row, 6)?,
        size: unsigned(row, 7)?,
        etag: get(row, 8)?,
        headers: from_json(row, 9)?,
        tags_and_lock: from_json(row, 10)?,
        modified: get(row, 11)?,
    })
}

fn listed(row: &Row) -> Result<ListedVersion, Failure> {
    Ok(ListedVersion {
        id: get(row, 0)?,
        key: key(row, 1)?,
        version: get(row, 2)?,
        current: get(row, 3)?,
        marker: get(row, 4)?,
        owner: owner(row, 5)?,
        size: unsigned(row, 7)?,
        etag: get(row, 8)?,
        modified: get(row, 9)?,
    })
}

/// The bytes of a version, or the segments that have them.
fn content(row: &Row) -> Result<Content, Failure> {
    match get::<Option<&[u8]>>(row, 23)? {
        Some(bytes) => Ok(Content::Inline(Bytes::copy_from_slice(bytes))),
        None => segments(row, 12).map(Content::Blobs),
    }
}

/// The segments of a version, from four columns of lists.
fn segments(row: &Row, column: usize) -> Result<Vec<Segment>, Failure> {
    let Some(blobs) = get::<Option<Vec<String>>>(row, column)? else {
        return Ok(Vec::new());
    };
    let sizes: Vec<i64> = get(row, column + 1)?;
    let etags: Vec<String> = get(row, column + 2)?;
    let checksums: Vec<Option<String>> = get(row, column + 3)?;
    let rows = blobs
        .into_iter()
        .zip(sizes)
        .zip(etags.into_iter().zip(checksums));
    rows.map(|((blob, size), (md5, checksum))| {
        let size = u64::try_from(size).map_err(crate::values::not_understood)?;
        Ok(Segment {
            blob,
            size,
            md5,
            checksum,
        })
    })
    .collect()
}

/// The versions that a decision about a key rests on, locked, each with the upload that has made it.
pub(crate) async fn lock(
    connection: &Connection,
    at: &KeyRef,
) -> Result<Vec<(ObjectVersion, Option<String>)>, Failure> {
    let named = Sought(at.version.as_deref().unwrap_or(NULL_VERSION));
    let upload = at.upload.as_deref().map(Sought);
    let rows = connection
        .rows(
            LOCK,
            &[&Sought(&at.bucket), &at.key.as_bytes(), &named, &upload],
        )
        .await?;
    let versions = rows.iter().map(|row| {
        // The row is gone, or is the newest no more, or only now.
        if get::<Option<bool>>(row, 2)? != Some(get(row, 13)?) {
            return Err(Failure::Stale);
        }
        Ok((object(row)?, get(row, 12)?))
    });
    versions.collect()
}

/// An object as a reader finds it.
pub(crate) async fn find(
    connection: &Connection,
    (bucket, key): (&str, &str),
    version: Option<&str>,
    with_content: bool,
) -> Result<FoundObject, Failure> {
    let (bucket, key) = (Sought(bucket), key.as_bytes());
    let row = match version {
        None => {
            connection
                .row(CURRENT, &[&bucket, &key, &with_content])
                .await?
        }
        Some(version) => {
            let version = Sought(version);
            connection
                .row(VERSION, &[&bucket, &key, &with_content, &version])
                .await?
        }
    };
    let Some(row) = row else {
        return Ok(FoundObject::default());
    };
    let bucket: Bucket = buckets::bucket(&row, 16)?;
    let is_there = get::<Option<i64>>(&row, 0)?.is_some();
    Ok(FoundObject {
        bucket: Some(bucket),
        object: if is_there { Some(object(&row)?) } else { None },
        content: content(&row)?,
    })
}

/// At most `limit` newest versions with keys from `from` on that are no delete markers, in the order of their bytes.
pub(crate) async fn list(
    connection: &Connection,
    bucket: &str,
    from: &str,
    limit: i64,
) -> Result<Vec<ListedVersion>, Failure> {
    let rows = connection
        .rows(LIST, &[&Sought(bucket), &from.as_bytes(), &limit])
        .await?;
    rows.iter().map(listed).collect()
}

/// At most `limit` versions from the key `from` on, of that key only those with ordinals up to `row`: by key, and of a key the newest
/// first.
pub(crate) async fn list_versions(
    connection: &Connection,
    bucket: &str,
    (from, row): (&str, i64),
    limit: i64,
) -> Result<Vec<ListedVersion>, Failure> {
    let rows = connection
        .rows(
            LIST_VERSIONS,
            &[&Sought(bucket), &from.as_bytes(), &row, &limit],
        )
        .await?;
    rows.iter().map(listed).collect()
}

fn write(sql: &'static str, at: &KeyRef, ordinal: i64) -> Write {
    Write {
        sql,
        values: values![at.bucket.clone(), at.key.as_bytes().to_vec(), ordinal],
    }
}

/// A version is the newest no more.
pub(crate) fn supersede(at: &KeyRef, ordinal: i64) -> Write {
    write(SUPERSEDE, at, ordinal)
}

/// A version goes.
pub(crate) fn delete(at: &KeyRef, ordinal: i64) -> Write {
    write(DELETE, at, ordinal)
}

/// The newest version of a key that has no newest one becomes the newest.
pub(crate) fn promote(at: &KeyRef) -> Write {
    Write {
        sql: PROMOTE,
        values: values![at.bucket.clone(), at.key.as_bytes().to_vec()],
    }
}

/// A version is added as the newest of its key.
pub(crate) fn insert(at: &KeyRef, ordinal: i64, new: &NewVersion) -> Result<Write, Failure> {
    let mut values = values![
        at.bucket.clone(),
        at.key.as_bytes().to_vec(),
        ordinal,
        new.version.clone(),
        new.marker,
        new.account.clone(),
        json(&new.acl)?,
        signed(new.content.size())?,
        new.etag.clone(),
        json(&new.headers)?,
        json(&new.tags_and_lock)?,
        new.modified,
        new.upload.clone(),
    ];
    let segments = match &new.content {
        Content::Inline(bytes) => {
            values.extend(values![bytes.to_vec()]);
            return Ok(Write {
                sql: INSERT_INLINE,
                values,
            });
        }
        Content::Blobs(segments) => segments,
    };
    let sizes: Result<Vec<_>, _> = segments.iter().map(|it| signed(it.size)).collect();
    let blobs: Vec<_> = segments.iter().map(|it| it.blob.clone()).collect();
    let md5s: Vec<_> = segments.iter().map(|it| it.md5.clone()).collect();
    let checksums: Vec<_> = segments.iter().map(|it| it.checksum.clone()).collect();
    values.extend(values![blobs, sizes?, md5s, checksums]);
    Ok(Write {
        sql: INSERT,
        values,
    })
}

/// At most `limit` versions whose bytes are in the table beside, with rows behind `after`.
pub(crate) async fn inline(
    connection: &Connection,
    after: i64,
    limit: i64,
) -> Result<Vec<InlineObject>, Failure> {
    let rows = connection.rows(INLINE, &[&after, &limit]).await?;
    let objects = rows.iter().map(|row| {
        Ok(InlineObject {
            id: get(row, 0)?,
            bytes: Bytes::copy_from_slice(get(row, 1)?),
            md5: get(row, 2)?,
            object: blobs::place(row, 3)?,
        })
    });
    objects.collect()
}

/// A version gets an ACL.
pub(crate) fn set_acl(at: &KeyRef, ordinal: i64, acl: &Acl) -> Result<Write, Failure> {
    Ok(Write {
        sql: SET_ACL,
        values: values![
            json(acl)?,
            at.bucket.clone(),
            at.key.as_bytes().to_vec(),
            ordinal
        ],
    })
}

/// A version gets tags and locks.
pub(crate) fn set_tags_and_lock(
    at: &KeyRef,
    ordinal: i64,
    tags_and_lock: &TagsAndLock,
) -> Result<Write, Failure> {
    Ok(Write {
        sql: SET_TAGS_AND_LOCK,
        values: values![
            json(tags_and_lock)?,
            at.bucket.clone(),
            at.key.as_bytes().to_vec(),
            ordinal
        ],
    })
}
