//! Versions, as the setting of their bucket has them.

use gumnut_cloud_catalogue::{
    Bucket, BucketSettings, Identity, KeyChange, KeyState, NULL_VERSION, NewVersion, Retention,
    TagsAndLock, Versioning,
};

use crate::access;
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

/// The longest retention, in milliseconds: 100 years, as in S3.
const MAX_RETENTION: i64 = 36_525 * 24 * 60 * 60 * 1000;

/// Refuses locks of a new object where objects cannot be locked, by callers who may not lock, and for an invalid time.
pub(super) fn check_lock(
    bucket: &Bucket,
    caller: &Identity,
    wanted: &TagsAndLock,
    now: i64,
) -> Result<(), ObjectError> {
    if !wanted.has_lock() {
        return Ok(());
    }
    check_lockable(&bucket.settings)?;
    access::check_controls(bucket, caller)?;
    check_retention(wanted.retention, now)
}

/// Refuses locks where objects cannot be locked.
pub(super) fn check_lockable(settings: &BucketSettings) -> Result<(), ObjectError> {
    if settings.lock.is_none() {
        return Err(ObjectError::NotLockable);
    }
    Ok(())
}

/// Refuses a retention that is over at `now`, in milliseconds since 1970, or that nobody now living sees the end of.
pub(super) fn check_retention(retention: Option<Retention>, now: i64) -> Result<(), ObjectError> {
    match retention {
        Some(wanted) if wanted.until <= now => Err(ObjectError::argument(
            "The retain until date must be in the future!",
        )),
        Some(wanted) if wanted.until > now.saturating_add(MAX_RETENTION) => {
            Err(ObjectError::argument(
                "The retain until date must not be more than 100 years in the future",
            ))
        }
        _ => Ok(()),
    }
}

/// Makes a version the newest of its key. Its id and its time are set here, and the retention that the bucket gives.
pub(super) fn add(
    state: &KeyState,
    settings: &BucketSettings,
    random: &str,
    mut new: NewVersion,
) -> Result<(KeyChange, Stored), ObjectError> {
    if new.tags_and_lock.has_lock() {
        check_lockable(settings)?;
    }
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

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::LockMode;

    use super::*;
    use crate::fixture::NOW;

    #[test]
    fn retentions_are_in_the_future_and_end() {
        let code = |until: i64| {
            let retention = Retention {
                mode: LockMode::Compliance,
                until,
            };
            check_retention(Some(retention), NOW).map_or_else(|error| error.code(), |()| "")
        };
        for (until, expected) in [
            (NOW + 1, ""),
            (NOW + MAX_RETENTION, ""),
            (NOW, "InvalidArgument"),
            (0, "InvalidArgument"),
            (NOW + MAX_RETENTION + 1, "InvalidArgument"),
            (i64::MAX, "InvalidArgument"),
            (i64::MIN, "InvalidArgument"),
        ] {
            assert_eq!(code(until), expected, "{until}");
        }
        assert!(check_retention(None, NOW).is_ok());
    }
}
