//! Units of change of one key, and of several.

use gumnut_cloud_catalogue::{KeyChange, KeyRef, KeyState, NULL_VERSION};

use crate::blobs;
use crate::buckets::{self, Now};
use crate::connection::{Connection, Write, in_order};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::{objects, uploads};

/// A unit of change of one key.
#[derive(Debug)]
pub(crate) struct OneKey<'a> {
    pub(crate) at: &'a KeyRef,
    pub(crate) now: Now,
}

/// A unit of change of several keys, none of them twice.
#[derive(Debug)]
pub(crate) struct SeveralKeys<'a> {
    pub(crate) at: Vec<&'a KeyRef>,
    pub(crate) now: Now,
}

impl Unit for OneKey<'_> {
    type State = KeyState;
    type Change = KeyChange;

    async fn load(&self, connection: &Connection) -> Result<KeyState, Failure> {
        load(connection, self.at, self.now).await
    }

    fn writes(&self, state: &KeyState, change: KeyChange) -> Result<Vec<Write>, Failure> {
        writes(self.at, state, &change)
    }
}

impl Unit for SeveralKeys<'_> {
    type State = Vec<KeyState>;
    /// For each key its change; `None` where the decision refuses.
    type Change = Vec<Option<KeyChange>>;

    async fn load(&self, connection: &Connection) -> Result<Vec<KeyState>, Failure> {
        let loads = self.at.iter().map(|at| load(connection, at, self.now));
        in_order(loads).await.into_iter().collect()
    }

    fn writes(&self, states: &Vec<KeyState>, changes: Self::Change) -> Result<Vec<Write>, Failure> {
        let mut all = Vec::new();
        for ((at, state), change) in self.at.iter().zip(states).zip(changes) {
            if let Some(change) = change {
                all.extend(writes(at, state, &change)?);
            }
        }
        Ok(all)
    }
}

/// Loads what a decision about a key rests on, and locks it: the upload and the newest version. Every other unit of the key waits for
/// the newest version; of a key that has none, the second that inserts one fails and is tried again.
async fn load(connection: &Connection, at: &KeyRef, now: Now) -> Result<KeyState, Failure> {
    let upload = uploads::lock(connection, at);
    // Behind the lock of the upload: who waited there for another unit sees the version that it has made.
    let versions = objects::lock(connection, at);
    let parts = uploads::all_parts(connection, at.upload.as_deref());
    // Behind all locks, so that of two units the later has the later time.
    let bucket = buckets::find(connection, &at.bucket, now);
    let (upload, versions, parts, bucket) =
        futures::future::join4(upload, versions, parts, bucket).await;
    let (upload, versions, parts, (bucket, now)) = (upload?, versions?, parts?, bucket?);
    let mut state = KeyState {
        bucket,
        upload: upload.map(|upload| (upload, parts)),
        now,
        ..KeyState::default()
    };
    let named = at.version.as_deref().unwrap_or(NULL_VERSION);
    for (version, upload) in versions {
        if version.version == named {
            state.named = Some(version.clone());
        }
        if upload.is_some() && upload == at.upload {
            state.completed = Some(version.clone());
        }
        if version.current {
            state.current = Some(version);
        }
    }
    Ok(state)
}

/// The statements that change a key.
fn writes(at: &KeyRef, state: &KeyState, change: &KeyChange) -> Result<Vec<Write>, Failure> {
    let mut writes = Vec::new();
    let blobs = change.insert.iter().flat_map(|new| new.content.segments());
    // What the new version has as well does not become garbage.
    let kept: Vec<String> = blobs.map(|segment| segment.blob.clone()).collect();
    for id in &change.delete {
        writes.push(blobs::give_up_version(at, *id, kept.clone(), state.now));
        writes.push(objects::delete(at, *id));
    }
    let current = state.current.as_ref().map(|current| current.id);
    let loses_current = current.is_some_and(|current| change.delete.contains(&current));
    match &change.insert {
        Some(new) => {
            // The index of newest versions knows one of each key only.
            let superseded = current.filter(|_| !loses_current);
            writes.extend(superseded.map(|current| objects::supersede(at, current)));
            // Ordinals grow, and one that was used is not used again.
            let ordinal = current.map_or(state.now, |current| state.now.max(current + 1));
            writes.push(objects::insert(at, ordinal, new)?);
        }
        None if loses_current => writes.push(objects::promote(at)),
        None => {}
    }
    if let Some(upload) = &change.end_upload {
        // The version is there already, so that parts that it has taken over can be recognised.
        writes.extend(uploads::end(upload, state.now));
    }
    if let Some((id, acl)) = &change.acl {
        writes.push(objects::set_acl(at, *id, acl)?);
    }
    if let Some((id, tags_and_lock)) = &change.tags_and_lock {
        writes.push(objects::set_tags_and_lock(at, *id, tags_and_lock)?);
    }
    Ok(writes)
}
