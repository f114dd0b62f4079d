//! Rows of multipart uploads and their parts, and units of change of an upload.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join;
use gumnut_cloud_catalogue::{
    Initiator, KeyRef, NewUpload, Part, Segment, Upload, UploadChange, UploadRef, UploadState,
};
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::values::{Sought, from_json, get, json, key, owner, signed, unsigned};

/// Parts of an upload: it has at most 10,000.
const ALL_PARTS: i64 = i64::MAX;

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
    FIND = select_uploads!("u.id = $1");
    LOCK = select_uploads!("u.id = $1 FOR UPDATE OF u");
    // Parts of one upload do not wait for each other.
    SHARE = select_uploads!("u.id = $1 FOR SHARE OF u");
    LOCK_OF_KEY = select_uploads!("u.id = $1 AND u.bucket = $2 AND u.key = $3 FOR UPDATE OF u");
    LIST = select_uploads!("u.bucket = $1 AND (u.key, u.id) > ($2, $3) ORDER BY u.key, u.id LIMIT $4");
    PARTS = "SELECT number, blob, size, etag, checksum, modified FROM parts \
             WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3";
    INSERT = "INSERT INTO uploads (id, bucket, key, owner, acl, headers, started, marks, checksum, initiator) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    // The old part goes first. Of two that send one number at once, one then finds the number taken, and is tried again.
    REPLACE_PART = "WITH old AS (DELETE FROM parts WHERE upload = $1 AND number = $2 RETURNING blob) \
                    INSERT INTO garbage (blob, since) SELECT blob, $3 FROM old WHERE blob <> $4 \
                    ON CONFLICT (blob) DO NOTHING RETURNING blob";
    INSERT_PART = "INSERT INTO parts (upload, number, blob, size, etag, checksum, modified) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
    GIVE_UP = "INSERT INTO garbage (blob, since) SELECT blob, $1 FROM parts WHERE upload = $2 \
               AND NOT EXISTS (SELECT 1 FROM segments WHERE segments.blob = parts.blob) \
               ON CONFLICT (blob) DO NOTHING RETURNING blob";
    END = "DELETE FROM uploads WHERE id = $1";
}

fn upload(row: &Row) -> Result<Upload, Failure> {
    let initiator = match get(row, 11)? {
        Some(user_id) => Some(Initiator {
            user_id,
            account: owner(row, 12)?,
        }),
        None => None,
    };
    Ok(Upload {
        initiator,
        id: get(row, 0)?,
        bucket: get(row, 1)?,
        key: key(row, 2)?,
        account: get(row, 3)?,
        owner: owner(row, 4)?,
        acl: from_json(row, 6)?,
        headers: from_json(row, 7)?,
        started: get(row, 8)?,
        tags_and_lock: from_json(row, 9)?,
        checksum: from_json(row, 10)?,
    })
}

fn part(row: &Row) -> Result<Part, Failure> {
    Ok(Part {
        number: unsigned(row, 0)?,
        segment: Segment {
            blob: get(row, 1)?,
            size: unsigned(row, 2)?,
            md5: get(row, 3)?,
            checksum: get(row, 4)?,
        },
        modified: get(row, 5)?,
    })
}

/// The upload that the reference to a key names, if it is one to that key; locked, so that nobody puts parts.
pub(crate) async fn lock(connection: &Connection, at: &KeyRef) -> Result<Option<Upload>, Failure> {
    let Some(id) = &at.upload else {
        return Ok(None);
    };
    let (id, bucket) = (Sought(id), Sought(&at.bucket));
    let row = connection
        .row(LOCK_OF_KEY, &[&id, &bucket, &at.key.as_bytes()])
        .await?;
    row.as_ref().map(upload).transpose()
}

/// All parts of an upload; none where none is named.
pub(crate) async fn all_parts(
    connection: &Connection,
    id: Option<&str>,
) -> Result<Vec<Part>, Failure> {
    match id {
        Some(id) => parts(connection, id, 0, ALL_PARTS).await,
        None => Ok(Vec::new()),
    }
}

/// At most `limit` parts behind the number `after`.
async fn parts(
    connection: &Connection,
    id: &str,
    after: u32,
    limit: i64,
) -> Result<Vec<Part>, Failure> {
    let rows = connection
        .rows(PARTS, &[&Sought(id), &i64::from(after), &limit])
        .await?;
    rows.iter().map(part).collect()
}

/// At most `limit` uploads behind the pair `after` of key and id, in that order.
pub(crate) async fn list(
    connection: &Connection,
    bucket: &str,
    (after_key, after_id): &(String, String),
    limit: i64,
) -> Result<Vec<Upload>, Failure> {
    // No id holds U+0000, so that what sorts behind one with it sorts behind what stands before it.
    let after_id = after_id.split('\0').next().unwrap_or_default();
    let rows = connection
        .rows(
            LIST,
            &[&Sought(bucket), &after_key.as_bytes(), &after_id, &limit],
        )
        .await?;
    rows.iter().map(upload).collect()
}

/// An upload as a decision about it would see it, and at most `limit` of its parts behind the number `after`.
pub(crate) async fn find(
    connection: &Connection,
    at: &UploadRef,
    (after, limit): (u32, i64),
    now: Now,
) -> Result<(UploadState, Vec<Part>), Failure> {
    let found = state(connection, FIND, at, now);
    let (found, parts) = join(found, parts(connection, &at.id, after, limit)).await;
    Ok((found?, parts?))
}

async fn state(
    connection: &Connection,
    sql: &'static str,
    at: &UploadRef,
    now: Now,
) -> Result<UploadState, Failure> {
    let id = Sought(&at.id);
    let (found, bucket) = join(
        connection.row(sql, &[&id]),
        buckets::find(connection, &at.bucket, now),
    )
    .await;
    let (found, (bucket, now)) = (found?, bucket?);
    Ok(UploadState {
        bucket,
        upload: found.as_ref().map(upload).transpose()?,
        now,
    })
}

/// The statements that end an upload. Blobs of its parts that no version has taken over become garbage.
pub(crate) fn end(id: &str, now: i64) -> [Write; 2] {
    let id = id.to_owned();
    [
        Write {
            sql: GIVE_UP,
            values: values![now, id.clone()],
        },
        Write {
            sql: END,
            values: values![id],
        },
    ]
}

/// A unit of change of an upload. It shares the upload with others that put parts, until it turns out to end it.
#[derive(Debug)]
pub(crate) struct OneUpload {
    at: UploadRef,
    now: Now,
    is_exclusive: AtomicBool,
}

impl OneUpload {
    pub(crate) fn new(at: UploadRef, now: Now) -> Self {
        Self {
            at,
            now,
            is_exclusive: AtomicBool::new(false),
        }
    }

    fn put_part(&self, part: Part, now: i64) -> Result<[Write; 2], Failure> {
        let Segment {
            blob,
            size,
            md5,
            checksum,
        } = part.segment;
        let (id, number) = (|| self.at.id.clone(), i64::from(part.number));
        Ok([
            Write {
                sql: REPLACE_PART,
                values: values![id(), number, now, blob.clone()],
            },
            Write {
                sql: INSERT_PART,
                values: values![
                    id(),
                    number,
                    blob,
                    signed(size)?,
                    md5,
                    checksum,
                    part.modified
                ],
            },
        ])
    }

    fn create(&self, new: &NewUpload, now: i64) -> Result<Write, Failure> {
        Ok(Write {
            sql: INSERT,
            values: values![
                self.at.id.clone(),
                self.at.bucket.clone(),
                self.at.key.as_bytes().to_vec(),
                new.account.clone(),
                json(&new.acl)?,
                json(&new.headers)?,
                now,
                json(&new.tags_and_lock)?,
                json(&new.checksum)?,
                new.initiator,
            ],
        })
    }
}

impl Unit for OneUpload {
    type State = UploadState;
    type Change = UploadChange;

    async fn load(&self, connection: &Connection) -> Result<UploadState, Failure> {
        let is_exclusive = self.is_exclusive.load(Ordering::Relaxed);
        let sql = if is_exclusive { LOCK } else { SHARE };
        state(connection, sql, &self.at, self.now).await
    }

    fn writes(&self, state: &UploadState, change: UploadChange) -> Result<Vec<Write>, Failure> {
        if change.abort && !self.is_exclusive.swap(true, Ordering::Relaxed) {
            return Err(Failure::Stale);
        }
        let mut writes = Vec::new();
        if let Some(new) = &change.create {
            writes.push(self.create(new, state.now)?);
        }
        if let Some(part) = change.put_part {
            writes.extend(self.put_part(part, state.now)?);
        }
        if change.abort {
            writes.extend(end(&self.at.id, state.now));
        }
        Ok(writes)
    }
}
