//! What is set for buckets.

use gumnut_cloud_catalogue::{
    BucketSettings, CorsRule, ObjectLock, PublicAccess, Tags, Versioning,
};

use crate::error::ObjectError;

/// What happens when the caller creates a bucket that they own already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Nothing, when the same ACL is asked for; another one is refused.
    AcceptIfOwned,
    /// It is refused.
    Refuse,
}

/// A setting of a bucket that its owner changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingChange {
    /// `PutBucketVersioning`. Where objects can be locked, versioning is not suspended.
    Versioning(Versioning),
    /// `PutBucketTagging`; `None` for `DeleteBucketTagging`.
    Tags(Option<Tags>),
    /// `PutBucketCors`; empty for `DeleteBucketCors`.
    Cors(Vec<CorsRule>),
    /// `PutObjectLockConfiguration`. It takes a bucket with versioning, or one whose objects can be locked already.
    ObjectLock(ObjectLock),
    /// `PutPublicAccessBlock`; `None` for `DeletePublicAccessBlock`.
    PublicAccess(Option<PublicAccess>),
}

impl SettingChange {
    /// The settings after the change.
    pub(crate) fn apply(&self, settings: &BucketSettings) -> Result<BucketSettings, ObjectError> {
        let mut changed = settings.clone();
        match self {
            Self::Versioning(Versioning::Suspended) if settings.lock.is_some() => {
                return Err(ObjectError::InvalidBucketState.saying(
                    "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                ));
            }
            Self::Versioning(versioning) => changed.versioning = *versioning,
            Self::Tags(tags) => changed.tags.clone_from(tags),
            Self::Cors(rules) => changed.cors.clone_from(rules),
            Self::ObjectLock(lock) => {
                check_takes_lock(settings)?;
                changed.lock = Some(*lock);
            }
            Self::PublicAccess(access) => changed.public_access = *access,
        }
        Ok(changed)
    }
}

/// Refuses an object lock configuration where there are no versions to lock.
pub(crate) fn check_takes_lock(settings: &BucketSettings) -> Result<(), ObjectError> {
    if settings.lock.is_none() && settings.versioning != Versioning::Enabled {
        return Err(ObjectError::InvalidBucketState.saying(
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(versioning: Versioning, lock: Option<ObjectLock>) -> BucketSettings {
        BucketSettings {
            versioning,
            lock,
            ..BucketSettings::default()
        }
    }

    #[test]
    fn locks_and_versions_need_each_other() {
        use Versioning::{Enabled, Never, Suspended};
        let lock = Some(ObjectLock::default());
        let set_lock = SettingChange::ObjectLock(ObjectLock::default());
        for (before, change, allowed) in [
            (settings(Never, None), &set_lock, false),
            (settings(Suspended, None), &set_lock, false),
            (settings(Enabled, None), &set_lock, true),
            (settings(Enabled, lock), &set_lock, true),
            (
                settings(Enabled, lock),
                &SettingChange::Versioning(Suspended),
                false,
            ),
            (
                settings(Enabled, lock),
                &SettingChange::Versioning(Enabled),
                true,
            ),
            (
                settings(Enabled, None),
                &SettingChange::Versioning(Suspended),
                true,
            ),
        ] {
            match change.apply(&before) {
                Ok(_) => assert!(allowed, "{before:?} {change:?}"),
                Err(error) => {
                    assert!(!allowed, "{before:?} {change:?}");
                    assert_eq!(error.code(), "InvalidBucketState");
                }
            }
        }
    }

    #[test]
    fn one_setting_leaves_the_others_alone() {
        let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
        let access = PublicAccess {
            block_acls: true,
            ..PublicAccess::default()
        };
        let mut now = settings(Versioning::Enabled, None);
        for change in [
            SettingChange::Tags(Some(tags.clone())),
            SettingChange::Cors(vec![CorsRule::default()]),
            SettingChange::PublicAccess(Some(access)),
        ] {
            now = change.apply(&now).unwrap();
        }
        assert_eq!(now.versioning, Versioning::Enabled);
        assert_eq!((now.tags.as_ref(), now.cors.len()), (Some(&tags), 1));
        assert_eq!(now.public_access, Some(access));
        for change in [
            SettingChange::Tags(None),
            SettingChange::Cors(Vec::new()),
            SettingChange::PublicAccess(None),
        ] {
            now = change.apply(&now).unwrap();
        }
        assert_eq!(now, settings(Versioning::Enabled, None));
    }
}
