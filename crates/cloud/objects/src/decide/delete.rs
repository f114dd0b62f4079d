//! Keys and versions that are deleted.

use gumnut_cloud_catalogue::{
    Bucket, Content, Governance, Identity, KeyChange, KeyState, KnownAccounts, NewVersion,
    ObjectHeaders, Permission, TagsAndLock, Versioning,
};

use super::version;
use crate::access;
use crate::acl_request::AclRequest;
use crate::error::ObjectError;
use crate::object::{Deleted, KeyToDelete};

/// A key, or one version of it, that is to go.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    pub(crate) key: KeyToDelete,
    /// The version id of a delete marker where the bucket keeps old versions.
    pub(crate) marker: String,
}

/// Decides whether a key or a version goes. That it is not there is no error.
///
/// Who may only write to the bucket hides objects by delete markers; versions go, and governance locks are passed by, for
/// those who [control](access::controls) it.
pub(crate) fn delete(
    state: &KeyState,
    caller: &Identity,
    deletion: &Deletion,
    governance: Governance,
) -> Result<(KeyChange, Deleted), ObjectError> {
    let bucket = access::bucket(state.bucket.as_ref(), caller, Permission::Write)?;
    if deletion.key.version.is_some() || governance == Governance::Bypass {
        access::check_controls(bucket, caller)?;
    }
    let named = deletion.key.version.as_ref().map(|_| &state.named);
    let object = named.unwrap_or(&state.current).as_ref();
    let conditions = &deletion.key.conditions;
    conditions.for_deleting(object.filter(|object| !object.marker))?;
    match &deletion.key.version {
        Some(version) => delete_version(state, version, governance),
        None => delete_key(state, caller, bucket, &deletion.marker),
    }
}

fn delete_version(
    state: &KeyState,
    version: &str,
    governance: Governance,
) -> Result<(KeyChange, Deleted), ObjectError> {
    let mut change = KeyChange::default();
    let mut deleted = Deleted {
        version: Some(version.to_owned()),
        marker: false,
    };
    if let Some(object) = &state.named {
        if object.tags_and_lock.forbids_deletion(state.now, governance) {
            return Err(ObjectError::Locked);
        }
        change.delete.push(object.id);
        deleted.marker = object.marker;
    }
    Ok((change, deleted))
}

/// Deletes without naming a version: where there are versions, a delete marker says that the object is gone.
fn delete_key(
    state: &KeyState,
    caller: &Identity,
    bucket: &Bucket,
    random: &str,
) -> Result<(KeyChange, Deleted), ObjectError> {
    let id = version::new_id(&bucket.settings, random);
    let mut change = KeyChange {
        delete: version::replaced(state, id),
        ..KeyChange::default()
    };
    if bucket.settings.versioning == Versioning::Never {
        return Ok((change, Deleted::default()));
    }
    let owner = access::new_owner(caller, bucket);
    let known = KnownAccounts::default();
    change.insert = Some(NewVersion {
        version: id.to_owned(),
        marker: true,
        account: owner.account.to_owned(),
        acl: AclRequest::Default.resolve(&known, owner.id, &bucket.owner.id)?,
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        etag: String::new(),
        modified: state.now,
        upload: None,
        content: Content::default(),
    });
    let deleted = Deleted {
        version: Some(id.to_owned()),
        marker: true,
    };
    Ok((change, deleted))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{CannedAcl, Grantee, LockMode, ObjectVersion, Retention};

    use super::*;
    use crate::conditions::EtagMatch;
    use crate::fixture::{self, NOW};

    fn deletion(version: Option<&str>) -> Deletion {
        Deletion {
            key: KeyToDelete {
                version: version.map(str::to_owned),
                ..KeyToDelete::new(fixture::key("key"))
            },
            marker: "random".to_owned(),
        }
    }

    fn with(named: ObjectVersion, versioning: Versioning) -> KeyState {
        KeyState {
            named: Some(named),
            ..fixture::state(versioning)
        }
    }

    fn of_alice(state: &KeyState, version: Option<&str>) -> (KeyChange, Deleted) {
        let caller = fixture::alice();
        delete(state, &caller, &deletion(version), Governance::Obey).unwrap()
    }

    #[test]
    fn without_versions_the_object_goes() {
        let (change, deleted) = of_alice(&with(fixture::object(1), Versioning::Never), None);
        assert_eq!((change.delete, change.insert), (vec![7], None));
        assert_eq!(deleted, Deleted::default());
    }

    #[test]
    fn with_versions_a_marker_comes() {
        for (versioning, id, goes) in [
            (Versioning::Enabled, "random", vec![]),
            (Versioning::Suspended, "null", vec![7]),
        ] {
            let (change, deleted) = of_alice(&with(fixture::object(1), versioning), None);
            assert_eq!(change.delete, goes, "{versioning:?}");
            let marker = change.insert.unwrap();
            assert!(
                marker.marker && marker.content == Content::default() && marker.etag.is_empty()
            );
            assert_eq!((marker.version.as_str(), marker.modified), (id, NOW));
            assert_eq!(
                (deleted.version.as_deref(), deleted.marker),
                (Some(id), true)
            );
        }
    }

    #[test]
    fn a_version_that_is_not_there_is_no_error() {
        let (change, deleted) = of_alice(&fixture::state(Versioning::Enabled), Some("gone"));
        assert_eq!(change, KeyChange::default());
        assert_eq!(
            (deleted.version.as_deref(), deleted.marker),
            (Some("gone"), false)
        );
        let (change, deleted) = of_alice(&fixture::state(Versioning::Never), None);
        assert_eq!(
            (change, deleted),
            (KeyChange::default(), Deleted::default())
        );
    }

    #[test]
    fn a_marker_that_goes_is_told() {
        let marker = ObjectVersion {
            marker: true,
            ..fixture::object(1)
        };
        let (change, deleted) = of_alice(&with(marker, Versioning::Enabled), Some("null"));
        assert_eq!(change.delete, [7]);
        assert!(deleted.marker);
    }

    #[test]
    fn only_the_buckets_owner_passes_governance_by() {
        let locked = |mode, hold| {
            let mut object = fixture::object(1);
            object.tags_and_lock.legal_hold = hold;
            object.tags_and_lock.retention = Some(Retention {
                mode,
                until: NOW + 1,
            });
            let mut state = with(object, Versioning::Enabled);
            if let Some(bucket) = &mut state.bucket {
                bucket.acl = CannedAcl::PublicReadWrite.grants("alice-id", "alice-id");
            }
            state
        };
        let (alice, bob) = (fixture::alice(), fixture::bob());
        for (state, caller, governance, code) in [
            (
                locked(LockMode::Governance, None),
                &alice,
                Governance::Obey,
                "AccessDenied",
            ),
            (
                locked(LockMode::Governance, None),
                &alice,
                Governance::Bypass,
                "",
            ),
            (
                locked(LockMode::Governance, None),
                &bob,
                Governance::Bypass,
                "AccessDenied",
            ),
            (
                locked(LockMode::Compliance, None),
                &alice,
                Governance::Bypass,
                "AccessDenied",
            ),
            (
                locked(LockMode::Governance, Some(true)),
                &alice,
                Governance::Bypass,
                "AccessDenied",
            ),
        ] {
            let decided = delete(&state, caller, &deletion(Some("null")), governance);
            assert_eq!(decided.map_or_else(|error| error.code(), |_| ""), code);
            // A marker hides a locked version, which is kept.
            let (change, _) = delete(&state, caller, &deletion(None), Governance::Obey).unwrap();
            assert_eq!(change.delete, Vec::<i64>::new());
        }
    }

    #[test]
    fn who_may_only_write_removes_no_version_and_passes_nothing_by() {
        let mut state = with(fixture::object(1), Versioning::Enabled);
        if let Some(bucket) = &mut state.bucket {
            bucket.acl = CannedAcl::PublicReadWrite.grants("alice-id", "alice-id");
        }
        for caller in [fixture::bob(), Identity::Anonymous] {
            for (version, governance, code) in [
                (Some("null"), Governance::Obey, "AccessDenied"),
                (Some("gone"), Governance::Obey, "AccessDenied"),
                (None, Governance::Bypass, "AccessDenied"),
                (None, Governance::Obey, ""),
            ] {
                let decided = delete(&state, &caller, &deletion(version), governance);
                assert_eq!(decided.map_or_else(|error| error.code(), |_| ""), code);
            }
        }
        if let Some(bucket) = &mut state.bucket {
            let to_bob = Grantee::Account("bob-id".to_owned());
            bucket.acl = bucket.acl.clone().and(to_bob, Permission::FullControl);
        }
        let by_bob = delete(
            &state,
            &fixture::bob(),
            &deletion(Some("null")),
            Governance::Obey,
        );
        assert_eq!(by_bob.unwrap().0.delete, [7]);
    }

    #[test]
    fn what_is_not_as_it_should_be_stays() {
        let newest = ObjectVersion {
            id: 9,
            version: "newest".to_owned(),
            etag: "other".to_owned(),
            ..fixture::object(2)
        };
        let mut state = KeyState {
            current: Some(newest),
            ..with(fixture::object(1), Versioning::Enabled)
        };
        let wanted = |version: Option<&str>, etag: &str| {
            let mut deletion = deletion(version);
            deletion.key.conditions.if_match = Some(EtagMatch::Is(etag.to_owned()));
            deletion
        };
        let code = |state: &KeyState, deletion: &Deletion| {
            let decided = delete(state, &fixture::alice(), deletion, Governance::Obey);
            decided.map_or_else(|error| error.code(), |_| "")
        };
        let old = fixture::object(1).etag;
        assert_eq!(code(&state, &wanted(None, "other")), "");
        assert_eq!(code(&state, &wanted(None, &old)), "PreconditionFailed");
        assert_eq!(code(&state, &wanted(Some("null"), &old)), "");
        assert_eq!(
            code(&state, &wanted(Some("null"), "other")),
            "PreconditionFailed"
        );
        // A delete marker has no tag, not even an empty one.
        if let Some(current) = &mut state.current {
            current.marker = true;
            current.etag = String::new();
        }
        assert_eq!(code(&state, &wanted(None, "")), "PreconditionFailed");
    }

    #[test]
    fn who_may_not_write_deletes_nothing() {
        let state = with(fixture::object(1), Versioning::Never);
        let refused = delete(&state, &fixture::bob(), &deletion(None), Governance::Obey);
        assert_eq!(refused.unwrap_err().code(), "AccessDenied");
        let nowhere = KeyState::default();
        let refused = delete(&nowhere, &fixture::bob(), &deletion(None), Governance::Obey);
        assert_eq!(refused.unwrap_err().code(), "NoSuchBucket");
    }
}
