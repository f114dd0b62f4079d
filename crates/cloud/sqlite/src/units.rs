//! Units of change: which rows a decision rests on, and which a change is.

use gumnut_cloud_catalogue::{
    BucketChange, BucketRef, BucketState, KeyChange, KeyRef, KeyState, NULL_VERSION, UploadChange,
    UploadRef, UploadState,
};
use rusqlite::Connection;

use crate::blobs::Garbage;
use crate::{buckets, objects, uploads};

/// Parts of an upload: it has at most 10,000.
const ALL_PARTS: i64 = i64::MAX;

/// Loads what a decision about a key rests on.
pub(crate) fn key_state(
    connection: &Connection,
    at: &KeyRef,
    now: i64,
) -> rusqlite::Result<KeyState> {
    let KeyRef { bucket, key, .. } = at;
    let mut state = KeyState {
        bucket: buckets::find(connection, bucket)?,
        now,
        ..KeyState::default()
    };
    if state.bucket.is_none() {
        return Ok(state);
    }
    if let Some(id) = &at.upload {
        let upload = uploads::find(connection, id)?
            .filter(|upload| upload.bucket == *bucket && upload.key == **key);
        if let Some(upload) = upload {
            let parts = uploads::parts(connection, id, 0, ALL_PARTS)?;
            state.upload = Some((upload, parts));
        }
    }
    state.current = objects::current(connection, bucket, key)?;
    // A key without a newest version has none at all.
    let Some(current) = &state.current else {
        return Ok(state);
    };
    let named = at.version.as_deref().unwrap_or(NULL_VERSION);
    state.named = if current.version == named {
        Some(current.clone())
    } else {
        objects::version(connection, bucket, key, named)?
    };
    if let Some(id) = &at.upload {
        state.completed = objects::of_upload(connection, bucket, key, id)?;
    }
    Ok(state)
}

/// Changes the rows of a key.
pub(crate) fn change_key(
    connection: &Connection,
    at: &KeyRef,
    change: &KeyChange,
    now: i64,
) -> rusqlite::Result<Garbage> {
    let KeyRef { bucket, key, .. } = at;
    let mut garbage = Garbage::new(now);
    let is_replaced = match (&change.delete[..], &change.insert) {
        ([id], Some(new)) => objects::replace(connection, bucket, key, *id, new)?,
        _ => false,
    };
    if !is_replaced {
        change_versions(connection, at, change, &mut garbage)?;
    }
    if let Some(upload) = &change.end_upload {
        // The version is there already, so that parts that it has taken over can be recognised.
        uploads::end(connection, upload, &mut garbage)?;
    }
    if let Some(acl) = &change.acl {
        objects::set_acl(connection, bucket, key, acl)?;
    }
    if let Some(tags_and_lock) = &change.tags_and_lock {
        objects::set_tags_and_lock(connection, bucket, key, tags_and_lock)?;
    }
    Ok(garbage)
}

/// Makes versions of a key go, and one come.
fn change_versions(
    connection: &Connection,
    at: &KeyRef,
    change: &KeyChange,
    garbage: &mut Garbage,
) -> rusqlite::Result<()> {
    let KeyRef { bucket, key, .. } = at;
    let mut lost_the_newest = false;
    for id in &change.delete {
        lost_the_newest |= objects::delete(connection, bucket, key, *id, garbage)?;
    }
    match &change.insert {
        Some(new) => {
            objects::insert(connection, bucket, key, new)?;
            let segments = new.content.segments().iter();
            garbage.reclaim(connection, segments.map(|segment| segment.blob.as_str()))
        }
        None if lost_the_newest => objects::promote(connection, bucket, key),
        None => Ok(()),
    }
}

/// Loads what a decision about a bucket rests on.
pub(crate) fn bucket_state(
    connection: &Connection,
    at: &BucketRef,
    now: i64,
) -> rusqlite::Result<BucketState> {
    let mut state = BucketState {
        bucket: buckets::find(connection, &at.name)?,
        now,
        ..BucketState::default()
    };
    if let Some(account) = &at.count_of {
        state.owned = buckets::count(connection, account)?;
    }
    if state.bucket.is_some() {
        state.has_objects = objects::are_in(connection, &at.name)?;
    }
    Ok(state)
}

/// Changes the row of a bucket.
pub(crate) fn change_bucket(
    connection: &Connection,
    at: &BucketRef,
    change: &BucketChange,
    now: i64,
) -> rusqlite::Result<Garbage> {
    let mut garbage = Garbage::new(now);
    if let Some(new) = &change.create {
        buckets::insert(connection, &at.name, new, now)?;
    }
    if let Some(acl) = &change.acl {
        buckets::set_acl(connection, &at.name, acl)?;
    }
    if let Some(settings) = &change.settings {
        buckets::set_settings(connection, &at.name, settings)?;
    }
    if change.delete {
        // Uploads refer to the bucket.
        uploads::end_all(connection, &at.name, &mut garbage)?;
        buckets::delete(connection, &at.name)?;
    }
    Ok(garbage)
}

/// Loads what a decision about an upload rests on.
pub(crate) fn upload_state(
    connection: &Connection,
    at: &UploadRef,
    now: i64,
) -> rusqlite::Result<UploadState> {
    Ok(UploadState {
        bucket: buckets::find(connection, &at.bucket)?,
        upload: uploads::find(connection, &at.id)?,
        now,
    })
}

/// Changes the rows of an upload.
pub(crate) fn change_upload(
    connection: &Connection,
    at: &UploadRef,
    change: &UploadChange,
    now: i64,
) -> rusqlite::Result<Garbage> {
    let mut garbage = Garbage::new(now);
    if let Some(new) = &change.create {
        uploads::insert(connection, at, new, now)?;
    }
    if let Some(part) = &change.put_part {
        uploads::put_part(connection, &at.id, part, &mut garbage)?;
    }
    if change.abort {
        uploads::end(connection, &at.id, &mut garbage)?;
    }
    Ok(garbage)
}
