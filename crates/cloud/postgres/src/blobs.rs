//! Which blobs rows name, which were given up, and whether the tables hold together.

use std::time::Duration;

use gumnut_cloud_catalogue::{CatalogueError, Key, KeyRef, KnownBlob, UploadRef};
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::values::{get, key, unsigned};

statements! {
    GIVE_UP_VERSION = "INSERT INTO garbage (blob, since) \
                       SELECT s.blob, $1 FROM segments s JOIN objects o ON o.id = s.object \
                       WHERE o.bucket = $2 AND o.key = $3 AND o.ordinal = $4 AND s.blob <> ALL ($5) \
                       ON CONFLICT (blob) DO NOTHING RETURNING blob";
    GARBAGE = "SELECT blob FROM garbage ORDER BY since, blob LIMIT $1";
    OLD_GARBAGE = "SELECT blob FROM garbage WHERE since <= $1 ORDER BY since, blob LIMIT $2";
    OLD_UPLOADS = "SELECT bucket, key, id FROM uploads WHERE started <= $1 ORDER BY started LIMIT $2";
    UNKNOWN = "SELECT blob FROM unnest($1::text[]) AS sought (blob) \
               WHERE NOT EXISTS (SELECT 1 FROM segments s WHERE s.blob = sought.blob) \
               AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.blob = sought.blob) \
               AND NOT EXISTS (SELECT 1 FROM garbage g WHERE g.blob = sought.blob)";
    UNSWEPT = "SELECT hour FROM unnest($1::bigint[]) AS sought (hour) \
               WHERE hour NOT IN (SELECT s.hour FROM swept s)";
    KEEP_SWEPT = "INSERT INTO swept (hour) VALUES ($1) ON CONFLICT (hour) DO NOTHING";
    FORGET = "DELETE FROM garbage WHERE blob = ANY ($1)";
    NAMED = "SELECT blob FROM unnest($1::text[]) AS sought (blob) \
             WHERE EXISTS (SELECT 1 FROM segments s WHERE s.blob = sought.blob) \
             OR EXISTS (SELECT 1 FROM parts p WHERE p.blob = sought.blob)";
    KNOWN = "SELECT blob, size, etag, bucket, key FROM (\
             (SELECT s.blob, s.size, s.etag, o.bucket, o.key FROM segments s JOIN objects o ON o.id = s.object \
             WHERE s.blob > $1 ORDER BY s.blob LIMIT $2) \
             UNION ALL (SELECT p.blob, p.size, p.etag, u.bucket, u.key FROM parts p JOIN uploads u ON u.id = p.upload \
             WHERE p.blob > $1 ORDER BY p.blob LIMIT $2)) AS known ORDER BY blob LIMIT $2";
    FIND = "SELECT s.blob, s.size, s.etag, o.bucket, o.key FROM segments s JOIN objects o ON o.id = s.object \
            WHERE s.blob = ANY ($1) \
            UNION ALL SELECT p.blob, p.size, p.etag, u.bucket, u.key FROM parts p JOIN uploads u ON u.id = p.upload \
            WHERE p.blob = ANY ($1)";
    COUNT_OLD = "SELECT (SELECT count(*) FROM uploads WHERE started <= $1), (SELECT count(*) FROM garbage WHERE since <= $2)";
    WITHOUT_NEWEST = "SELECT DISTINCT ON (bucket, key) bucket, key FROM objects o WHERE NOT current AND NOT EXISTS \
                      (SELECT 1 FROM objects n WHERE n.bucket = o.bucket AND n.key = o.key AND n.current \
                      AND n.ordinal > o.ordinal) LIMIT 100";
    WRONG_SIZE = "SELECT bucket, key FROM objects o \
                  WHERE size <> (SELECT coalesce(sum(s.size), 0) FROM segments s WHERE s.object = o.id) \
                  + (SELECT coalesce(sum(length(m.bytes)), 0) FROM small m WHERE m.object = o.id) LIMIT 100";
    NAMED_GARBAGE = "SELECT blob FROM garbage g WHERE EXISTS (SELECT 1 FROM segments s WHERE s.blob = g.blob) \
                     OR EXISTS (SELECT 1 FROM parts p WHERE p.blob = g.blob) LIMIT 100";
    NAMED_TWICE = "SELECT blob FROM segments s WHERE EXISTS (SELECT 1 FROM parts p WHERE p.blob = s.blob) LIMIT 100";
}

/// Blobs of a version become garbage, but those that are kept.
pub(crate) fn give_up_version(at: &KeyRef, ordinal: i64, kept: Vec<String>, now: i64) -> Write {
    Write {
        sql: GIVE_UP_VERSION,
        values: values![
            now,
            at.bucket.clone(),
            at.key.as_bytes().to_vec(),
            ordinal,
            kept
        ],
    }
}

/// The blobs that statements have returned.
pub(crate) fn names(rows: &[Row]) -> Result<Vec<String>, Failure> {
    // Statements that lock return numbers.
    let rows = rows
        .iter()
        .filter(|row| row.columns().first().is_some_and(|it| it.name() == "blob"));
    rows.map(|row| get(row, 0)).collect()
}

/// At most `limit` blobs that were given up, those that were so first, first.
pub(crate) async fn garbage(connection: &Connection, limit: i64) -> Result<Vec<String>, Failure> {
    names(&connection.rows(GARBAGE, &[&limit]).await?)
}

/// At most `limit` blobs that were given up `age` ago or before.
pub(crate) async fn old_garbage(
    connection: &Connection,
    age: Duration,
    limit: i64,
    now: Now,
) -> Result<Vec<String>, Failure> {
    let until = ago(buckets::time(connection, now).await?, age);
    names(&connection.rows(OLD_GARBAGE, &[&until, &limit]).await?)
}

/// At most `limit` uploads that began `age` ago or before.
pub(crate) async fn old_uploads(
    connection: &Connection,
    age: Duration,
    limit: i64,
    now: Now,
) -> Result<Vec<UploadRef>, Failure> {
    let until = ago(buckets::time(connection, now).await?, age);
    let rows = connection.rows(OLD_UPLOADS, &[&until, &limit]).await?;
    let found = rows.iter().map(|row| {
        Ok(UploadRef {
            bucket: get(row, 0)?,
            key: Key::new(key(row, 1)?).map_err(|error| CatalogueError::Database(error.into()))?,
            id: get(row, 2)?,
        })
    });
    found.collect()
}

fn ago(now: i64, age: Duration) -> i64 {
    now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// Those of the blobs that no row names and that were not given up.
pub(crate) async fn unknown(
    connection: &Connection,
    blobs: &[String],
) -> Result<Vec<String>, Failure> {
    names(&connection.rows(UNKNOWN, &[&blobs]).await?)
}

/// Those of the hours that were not kept as swept.
pub(crate) async fn unswept(connection: &Connection, hours: &[u32]) -> Result<Vec<u32>, Failure> {
    let hours: Vec<i64> = hours.iter().map(|hour| i64::from(*hour)).collect();
    let rows = connection.rows(UNSWEPT, &[&hours]).await?;
    let hours = rows.iter().map(|row| {
        let hour: i64 = get(row, 0)?;
        Ok(u32::try_from(hour).unwrap_or(u32::MAX))
    });
    hours.collect()
}

/// Keeps an hour as swept.
pub(crate) async fn keep_swept(connection: &Connection, hour: u32) -> Result<(), Failure> {
    let hour = i64::from(hour);
    connection.rows(KEEP_SWEPT, &[&hour]).await.map(drop)
}

/// Forgets blobs that were given up.
pub(crate) async fn forget(connection: &Connection, blobs: &[String]) -> Result<(), Failure> {
    connection.rows(FORGET, &[&blobs]).await.map(drop)
}

/// Those of the blobs that a row names.
pub(crate) async fn named(
    connection: &Connection,
    blobs: &[String],
) -> Result<Vec<String>, Failure> {
    names(&connection.rows(NAMED, &[&blobs]).await?)
}

/// At most `limit` blobs that rows name, behind the name `after`.
pub(crate) async fn known(
    connection: &Connection,
    after: &str,
    limit: i64,
) -> Result<Vec<KnownBlob>, Failure> {
    known_blobs(&connection.rows(KNOWN, &[&after, &limit]).await?)
}

/// Those of the blobs that a row names, with what they must be.
pub(crate) async fn find(
    connection: &Connection,
    blobs: &[String],
) -> Result<Vec<KnownBlob>, Failure> {
    known_blobs(&connection.rows(FIND, &[&blobs]).await?)
}

fn known_blobs(rows: &[Row]) -> Result<Vec<KnownBlob>, Failure> {
    let known = rows.iter().map(|row| {
        Ok(KnownBlob {
            name: get(row, 0)?,
            size: unsigned(row, 1)?,
            md5: get(row, 2)?,
            object: place(row, 3)?,
        })
    });
    known.collect()
}

/// How many uploads are as old as `uploads`, and how many blobs were given up as long ago as `garbage`.
pub(crate) async fn count_old(
    connection: &Connection,
    uploads: Duration,
    garbage: Duration,
    now: Now,
) -> Result<(u64, u64), Failure> {
    let now = buckets::time(connection, now).await?;
    let until = [ago(now, uploads), ago(now, garbage)];
    match connection.row(COUNT_OLD, &[&until[0], &until[1]]).await? {
        Some(row) => Ok((unsigned(&row, 0)?, unsigned(&row, 1)?)),
        None => Ok((0, 0)),
    }
}

/// `BUCKET/KEY`, for messages.
pub(crate) fn place(row: &Row, column: usize) -> Result<String, Failure> {
    let (bucket, key): (&str, &[u8]) = (get(row, column)?, get(row, column + 1)?);
    Ok(format!("{bucket}/{}", String::from_utf8_lossy(key)))
}

/// What does not hold together, a line each. The server itself sees to it that rows refer to rows.
pub(crate) async fn faults(connection: &Connection) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for (sql, fault) in [
        (
            WITHOUT_NEWEST,
            "has no newest version, or not the newest one",
        ),
        (WRONG_SIZE, "has another size than its bytes"),
    ] {
        for row in connection.rows(sql, &[]).await? {
            lines.push(format!("{} {fault}", place(&row, 0)?));
        }
    }
    for (sql, fault) in [
        (NAMED_GARBAGE, "was given up and is in use"),
        (NAMED_TWICE, "belongs to an object and to a part"),
    ] {
        for blob in names(&connection.rows(sql, &[]).await?)? {
            lines.push(format!("blob {blob} {fault}"));
        }
    }
    Ok(lines)
}
