//! Units of change of keys: which rows a decision rests on, and which a change is.

use gumnut_cloud_catalogue::{KeyChange, KeyRef, KeyState, NULL_VERSION};
use rusqlite::Connection;

use crate::blobs::Garbage;
use crate::{buckets, objects, uploads};

/// Parts of an upload: it has at most 10,000.
const ALL_PARTS: i64 = i64::MAX;

/// Loads what a decision about a key rests on.
pub(crate) fn load(connection: &Connection, at: &KeyRef, now: i64) -> rusqlite::Result<KeyState> {
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
            .filter(|upload| upload.bucket == *bucket && upload.key == *key);
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
pub(crate) fn apply(
    connection: &Connection,
    at: &KeyRef,
    change: &KeyChange,
    now: i64,
) -> rusqlite::Result<Garbage> {
    let KeyRef { bucket, key, .. } = at;
    let mut garbage = Garbage::new(now);
    let mut lost_the_newest = false;
    for id in &change.delete {
        lost_the_newest |= objects::delete(connection, bucket, key, *id, &mut garbage)?;
    }
    match &change.insert {
        Some(new) => {
            objects::insert(connection, bucket, key, new)?;
            let segments = new.segments.iter();
            garbage.reclaim(connection, segments.map(|segment| segment.blob.as_str()))?;
        }
        None if lost_the_newest => objects::promote(connection, bucket, key)?,
        None => {}
    }
    if let Some(upload) = &change.end_upload {
        // The version is there already, so that parts that it has taken over are told apart.
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
