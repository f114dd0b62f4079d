//! Versions, as the setting of their bucket has them.

use gumnut_cloud_catalogue::{
    BucketSettings, KeyChange, KeyState, NULL_VERSION, NewVersion, TagsAndLock, Versioning,
};

use crate::error::ObjectError;
use crate::object::Stored;

/// The id of a new version: `random` where the bucket keeps old versions.
pub(super) fn new_id<'v>(settings: &BucketSettings, random: &'v str) -> &'v str {
    match settings.versioning {
        Versioning::Enabled => random,
        Versioning::Never | Versioning::Suspended => NULL_VERSION,
    }
}

/// The rows of the versions that a new one with this id takes the place of.
pub(super) fn replaced(state: &KeyState, id: &str) -> Vec<i64> {
    let named = state.named.iter();
    named
        .filter(|named| named.version == id)
        .map(|named| named.id)
        .collect()
}

/// Refuses locks where objects cannot be locked.
pub(super) fn check_lock(
    settings: &BucketSettings,
    tags_and_lock: &TagsAndLock,
) -> Result<(), ObjectError> {
    if tags_and_lock.has_lock() && settings.lock.is_none() {
        return Err(ObjectError::NotLockable);
    }
    Ok(())
}

/// Makes a version the newest of its key. Its id and its time are set here, and the retention that the bucket gives.
pub(super) fn add(
    state: &KeyState,
    settings: &BucketSettings,
    random: &str,
    mut new: NewVersion,
) -> Result<(KeyChange, Stored), ObjectError> {
    check_lock(settings, &new.tags_and_lock)?;
    if new.tags_and_lock.retention.is_none() {
        new.tags_and_lock.retention = settings.lock.and_then(|lock| lock.of_new(state.now));
    }
    new_id(settings, random).clone_into(&mut new.version);
    new.modified = state.now;
    let stored = Stored {
        etag: new.etag.clone(),
        modified: new.modified,
        version: (settings.versioning == Versioning::Enabled).then(|| new.version.clone()),
        checksums: new.headers.checksums.clone(),
    };
    let change = KeyChange {
        delete: replaced(state, &new.version),
        insert: Some(new),
        ..KeyChange::default()
    };
    Ok((change, stored))
}
