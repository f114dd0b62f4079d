//! Changes of the ACL, tags or locks of versions, but not of their bytes.

use gumnut_cloud_catalogue::{
    Governance, Identity, KeyChange, KeyState, KnownAccounts, ObjectVersion, Permission, Retention,
    Tags, TagsAndLock,
};

use super::version;
use crate::access;
use crate::acl_request::AclRequest;
use crate::error::ObjectError;

/// What changes of a version.
#[derive(Clone, Debug)]
pub(crate) enum VersionChange {
    /// Its tags.
    Tags(Tags),
    /// Its retention; `None` for no retention.
    Retention(Option<Retention>, Governance),
    /// Its legal hold.
    LegalHold(bool),
}

/// A version that a caller names.
#[derive(Clone, Debug)]
pub(crate) struct NamedVersion {
    pub(crate) caller: Identity,
    /// Whether the request names a version id; else the newest version is meant.
    pub(crate) is_named: bool,
}

impl NamedVersion {
    fn find<'s>(
        &self,
        state: &'s KeyState,
        permission: Permission,
    ) -> Result<&'s ObjectVersion, ObjectError> {
        let object = if self.is_named {
            &state.named
        } else {
            &state.current
        };
        access::object(
            state.bucket.as_ref(),
            object.as_ref(),
            self.is_named,
            &self.caller,
            permission,
        )
    }
}

/// Decides whether a version gets an ACL.
pub(crate) fn set_acl(
    state: &KeyState,
    at: &NamedVersion,
    acl: &AclRequest,
    known: &KnownAccounts,
) -> Result<(KeyChange, ()), ObjectError> {
    let object = at.find(state, Permission::WriteAcp)?;
    let bucket = access::any_bucket(state.bucket.as_ref())?;
    let acl = acl.resolve(known, &object.owner.id, &bucket.owner.id)?;
    access::check_new_acl(bucket, &acl)?;
    let change = KeyChange {
        acl: Some((object.id, acl)),
        ..KeyChange::default()
    };
    Ok((change, ()))
}

/// Decides whether the tags or the lock of a version change.
pub(crate) fn change_version(
    state: &KeyState,
    at: &NamedVersion,
    change: &VersionChange,
) -> Result<(KeyChange, ()), ObjectError> {
    let bucket = access::any_bucket(state.bucket.as_ref())?;
    let object = at.find(state, Permission::FullControl)?;
    if !matches!(change, VersionChange::Tags(_)) {
        version::check_lockable(&bucket.settings)?;
        // Who owns an object in the bucket of somebody else does not keep that bucket from being deleted.
        access::check_controls(bucket, &at.caller)?;
    }
    let old = object.tags_and_lock.clone();
    let new = match change {
        VersionChange::Tags(tags) => TagsAndLock {
            tags: tags.clone(),
            ..old
        },
        VersionChange::Retention(retention, governance) => {
            let binds = old
                .retention
                .is_some_and(|kept| !kept.may_become(*retention, state.now, *governance));
            if binds {
                return Err(ObjectError::Locked);
            }
            version::check_retention(*retention, state.now)?;
            TagsAndLock {
                retention: *retention,
                ..old
            }
        }
        VersionChange::LegalHold(hold) => TagsAndLock {
            legal_hold: Some(*hold),
            ..old
        },
    };
    let change = KeyChange {
        tags_and_lock: Some((object.id, new)),
        ..KeyChange::default()
    };
    Ok((change, ()))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{
        Acl, CannedAcl, Grantee, LockMode, ObjectLock, PublicAccess, Versioning,
    };

    use super::*;
    use crate::fixture::{self, NOW};

    fn by(caller: Identity, is_named: bool) -> NamedVersion {
        NamedVersion { caller, is_named }
    }

    /// A bucket, with locks if `lock`, with one object that has a governance lock for a moment more.
    fn state(lock: bool) -> KeyState {
        let mut object = fixture::object(1);
        if lock {
            object.tags_and_lock.retention = Some(Retention {
                mode: LockMode::Governance,
                until: NOW + 1,
            });
        }
        let mut state = KeyState {
            current: Some(object),
            ..fixture::state(Versioning::Enabled)
        };
        if let Some(bucket) = &mut state.bucket {
            bucket.settings.lock = lock.then(ObjectLock::default);
        }
        state
    }

    fn changed(
        state: &KeyState,
        at: &NamedVersion,
        change: &VersionChange,
    ) -> Result<TagsAndLock, &'static str> {
        match change_version(state, at, change) {
            Ok((change, ())) => Ok(change.tags_and_lock.unwrap().1),
            Err(error) => Err(error.code()),
        }
    }

    #[test]
    fn one_thing_changes_and_the_others_stay() {
        let alice = by(fixture::alice(), false);
        let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
        let new = changed(&state(true), &alice, &VersionChange::Tags(tags.clone())).unwrap();
        assert_eq!((new.tags, new.retention.is_some()), (tags, true));
        let new = changed(&state(true), &alice, &VersionChange::LegalHold(true)).unwrap();
        assert_eq!(
            (new.legal_hold, new.retention.is_some()),
            (Some(true), true)
        );
    }

    #[test]
    fn locks_do_not_shrink_and_need_a_bucket_with_locks() {
        let alice = by(fixture::alice(), false);
        let until = |until| {
            Some(Retention {
                mode: LockMode::Governance,
                until,
            })
        };
        let ask = |lock, retention, governance| {
            let change = VersionChange::Retention(retention, governance);
            changed(&state(lock), &alice, &change).map(|new| new.retention)
        };
        let longer = until(NOW + 2);
        assert_eq!(ask(true, longer, Governance::Obey), Ok(longer));
        assert_eq!(ask(true, None, Governance::Obey), Err("AccessDenied"));
        assert_eq!(ask(true, until(NOW), Governance::Obey), Err("AccessDenied"));
        assert_eq!(ask(true, None, Governance::Bypass), Ok(None));
        assert_eq!(ask(false, longer, Governance::Obey), Err("InvalidRequest"));
        let hold = VersionChange::LegalHold(false);
        assert_eq!(changed(&state(false), &alice, &hold), Err("InvalidRequest"));
    }

    #[test]
    fn the_owner_of_an_object_locks_it_only_where_the_bucket_is_under_control() {
        let mut state = state(true);
        if let Some(object) = &mut state.current {
            object.owner.id = "bob-id".to_owned();
            object.acl = Acl::private("bob-id");
        }
        let bob = by(fixture::bob(), false);
        let retention = Some(Retention {
            mode: LockMode::Governance,
            until: NOW + 2,
        });
        let locks = [
            VersionChange::LegalHold(true),
            VersionChange::Retention(retention, Governance::Obey),
            VersionChange::Retention(None, Governance::Bypass),
        ];
        for change in &locks {
            assert_eq!(changed(&state, &bob, change), Err("AccessDenied"));
        }
        assert!(changed(&state, &bob, &VersionChange::Tags(Tags::new())).is_ok());
        if let Some(bucket) = &mut state.bucket {
            let to_bob = Grantee::Account("bob-id".to_owned());
            bucket.acl = bucket.acl.clone().and(to_bob, Permission::FullControl);
        }
        for change in &locks {
            assert!(changed(&state, &bob, change).is_ok(), "{change:?}");
        }
    }

    #[test]
    fn rights_come_first() {
        let hold = VersionChange::LegalHold(true);
        let (alice, bob) = (by(fixture::alice(), false), by(fixture::bob(), false));
        assert_eq!(
            changed(&KeyState::default(), &alice, &hold),
            Err("NoSuchBucket")
        );
        assert_eq!(changed(&state(false), &bob, &hold), Err("AccessDenied"));
        let absent = fixture::state(Versioning::Enabled);
        assert_eq!(changed(&absent, &alice, &hold), Err("NoSuchKey"));
        let named = by(fixture::alice(), true);
        assert_eq!(changed(&state(true), &named, &hold), Err("NoSuchVersion"));
        let marker = ObjectVersion {
            marker: true,
            ..fixture::object(1)
        };
        let state = KeyState {
            named: Some(marker),
            ..absent
        };
        assert_eq!(changed(&state, &named, &hold), Err("MethodNotAllowed"));
    }

    #[test]
    fn acls() {
        let known = fixture::known_accounts();
        let public = AclRequest::Canned(CannedAcl::PublicRead);
        let mut state = state(false);
        let alice = by(fixture::alice(), false);
        let (change, ()) = set_acl(&state, &alice, &AclRequest::Default, &known).unwrap();
        assert_eq!(change.acl, Some((7, Acl::private("alice-id"))));
        assert!(set_acl(&state, &alice, &public, &known).is_ok());
        let denied = set_acl(&state, &by(fixture::bob(), false), &public, &known);
        assert_eq!(denied.unwrap_err().code(), "AccessDenied");
        if let Some(bucket) = &mut state.bucket {
            bucket.settings.public_access = Some(PublicAccess {
                block_acls: true,
                ..PublicAccess::default()
            });
        }
        let blocked = set_acl(&state, &alice, &public, &known);
        assert_eq!(blocked.unwrap_err().code(), "AccessDenied");
    }
}
