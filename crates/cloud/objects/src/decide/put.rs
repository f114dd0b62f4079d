//! An object whose bytes have come at once.

use gumnut_cloud_catalogue::{
    ChecksumAlgorithm, Content, Identity, KeyChange, KeyState, KnownAccounts, NewVersion,
    Permission,
};

use super::version;
use crate::access;
use crate::error::ObjectError;
use crate::object::{NewObject, Stored};

/// An object to be made of bytes that have been received.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) caller: Identity,
    pub(crate) object: NewObject,
    /// The accounts that the ACL names.
    pub(crate) known: KnownAccounts,
    /// The MD5 of its bytes in hex.
    pub(crate) etag: String,
    /// The bytes.
    pub(crate) content: Content,
    /// A checksum that was computed while the bytes came, in base64.
    pub(crate) checksum: Option<(ChecksumAlgorithm, String)>,
    /// The version id where the bucket keeps old versions.
    pub(crate) version: String,
}

/// Decides whether the object is made.
pub(crate) fn put(state: &KeyState, put: &Put) -> Result<(KeyChange, Stored), ObjectError> {
    let bucket = access::bucket(state.bucket.as_ref(), &put.caller, Permission::Write)?;
    let old = state.current.as_ref().filter(|current| !current.marker);
    put.object.conditions.for_writing(old)?;
    version::check_lock(bucket, &put.caller, &put.object.tags_and_lock, state.now)?;
    let owner = access::new_owner(&put.caller, bucket);
    let acl = put
        .object
        .acl
        .resolve(&put.known, owner.id, &bucket.owner.id)?;
    access::check_new_acl(bucket, &acl)?;
    let mut headers = put.object.headers.clone();
    if let Some((algorithm, sum)) = &put.checksum {
        headers
            .checksums
            .insert(algorithm.name().to_owned(), sum.clone());
    }
    let new = NewVersion {
        version: String::new(),
        marker: false,
        account: owner.account.to_owned(),
        acl,
        headers,
        tags_and_lock: put.object.tags_and_lock.clone(),
        etag: put.etag.clone(),
        modified: state.now,
        upload: None,
        content: put.content.clone(),
    };
    version::add(state, &bucket.settings, &put.version, new)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gumnut_cloud_catalogue::{
        Acl, CannedAcl, LockMode, LockPeriod, ObjectLock, ObjectVersion, PublicAccess, Retention,
        TagsAndLock, Versioning,
    };

    use super::*;
    use crate::acl_request::{AclRequest, GranteeName};
    use crate::conditions::{Conditions, EtagMatch};
    use crate::fixture::{self, NOW};

    fn request() -> Put {
        Put {
            caller: fixture::alice(),
            object: NewObject::new("bucket", fixture::key("key")),
            known: fixture::known_accounts(),
            etag: "900150983cd24fb0d6963f7d28e17f72".to_owned(),
            content: Content::Inline(Bytes::from_static(b"abc")),
            checksum: None,
            version: "random".to_owned(),
        }
    }

    fn code(state: &KeyState, request: &Put) -> &'static str {
        put(state, request).map_or_else(|error| error.code(), |_| "")
    }

    /// A state in which the key has a version, newest and made without versioning.
    fn with_object(versioning: Versioning) -> KeyState {
        KeyState {
            current: Some(fixture::object(1)),
            named: Some(fixture::object(1)),
            ..fixture::state(versioning)
        }
    }

    #[test]
    fn versioning_decides_on_ids_and_on_what_goes() {
        for (versioning, id, told, replaced) in [
            (Versioning::Never, "null", None, vec![7]),
            (Versioning::Suspended, "null", None, vec![7]),
            (Versioning::Enabled, "random", Some("random"), vec![]),
        ] {
            let (change, stored) = put(&with_object(versioning), &request()).unwrap();
            let new = change.insert.unwrap();
            assert_eq!(new.version, id);
            assert_eq!(stored.version.as_deref(), told);
            assert_eq!(change.delete, replaced, "{versioning:?}");
            assert_eq!((new.modified, stored.modified), (NOW, NOW));
            assert_eq!(new.etag, stored.etag);
            assert_eq!(new.content, request().content);
            assert_eq!((new.account.as_str(), new.upload), ("111111111111", None));
            assert_eq!(new.acl, Acl::private("alice-id"));
        }
        let (change, _) = put(&fixture::state(Versioning::Never), &request()).unwrap();
        assert_eq!(change.delete, Vec::<i64>::new());
    }

    #[test]
    fn rights_come_before_conditions_and_conditions_before_grantees() {
        let mut wrong = request();
        wrong.object.conditions.if_match = Some(EtagMatch::Any);
        let nobody = GranteeName::Email("nobody@example.org".to_owned());
        wrong.object.acl = AclRequest::Grants(vec![(nobody, Permission::Read)]);
        let state = fixture::state(Versioning::Never);
        let mut by_stranger = wrong.clone();
        by_stranger.caller = fixture::bob();
        assert_eq!(code(&KeyState::default(), &wrong), "NoSuchBucket");
        assert_eq!(code(&state, &by_stranger), "AccessDenied");
        assert_eq!(code(&state, &wrong), "NoSuchKey");
        wrong.object.conditions = Conditions::default();
        assert_eq!(code(&state, &wrong), "UnresolvableGrantByEmailAddress");
    }

    #[test]
    fn conditions_are_on_the_newest_version_unless_it_is_a_marker() {
        let mut only_new = request();
        only_new.object.conditions.if_none_match = Some(EtagMatch::Any);
        let mut state = with_object(Versioning::Enabled);
        assert_eq!(code(&state, &only_new), "PreconditionFailed");
        let marker = ObjectVersion {
            marker: true,
            ..fixture::object(1)
        };
        state.current = Some(marker);
        assert_eq!(code(&state, &only_new), "");
        assert_eq!(code(&fixture::state(Versioning::Never), &only_new), "");
    }

    #[test]
    fn public_acls_are_refused_where_they_are_blocked() {
        let mut state = fixture::state(Versioning::Never);
        let mut public = request();
        public.object.acl = AclRequest::Canned(CannedAcl::PublicRead);
        assert_eq!(code(&state, &public), "");
        if let Some(bucket) = &mut state.bucket {
            bucket.settings.public_access = Some(PublicAccess {
                block_acls: true,
                ..PublicAccess::default()
            });
        }
        assert_eq!(code(&state, &public), "AccessDenied");
        assert_eq!(code(&state, &request()), "");
    }

    #[test]
    fn what_an_open_bucket_gets_from_nobody_is_its_owners() {
        let mut state = fixture::state(Versioning::Never);
        if let Some(bucket) = &mut state.bucket {
            bucket.acl = CannedAcl::PublicReadWrite.grants("alice-id", "alice-id");
        }
        let mut anonymous = request();
        anonymous.caller = Identity::Anonymous;
        let (change, _) = put(&state, &anonymous).unwrap();
        assert_eq!(change.insert.unwrap().account, "111111111111");
        let mut of_bob = request();
        of_bob.caller = fixture::bob();
        let (change, _) = put(&state, &of_bob).unwrap();
        let new = change.insert.unwrap();
        assert_eq!(new.account, "222222222222");
        assert_eq!(new.acl, Acl::private("bob-id"));
    }

    #[test]
    fn locks_need_a_bucket_with_locks_which_gives_new_versions_its_own() {
        let retention = Retention {
            mode: LockMode::Compliance,
            until: NOW + 5,
        };
        let mut state = fixture::state(Versioning::Enabled);
        let mut locked = request();
        locked.object.tags_and_lock.retention = Some(retention);
        let mut held = request();
        held.object.tags_and_lock.legal_hold = Some(false);
        assert_eq!(code(&state, &locked), "InvalidRequest");
        assert_eq!(code(&state, &held), "InvalidRequest");

        if let Some(bucket) = &mut state.bucket {
            bucket.settings.lock = Some(ObjectLock {
                default: Some((LockMode::Governance, LockPeriod::Days(1))),
            });
        }
        let kept = |request: &Put| {
            let (change, _) = put(&state, request).unwrap();
            change.insert.unwrap().tags_and_lock.retention.unwrap()
        };
        assert_eq!(kept(&locked), retention);
        let by_default = kept(&request());
        assert_eq!(by_default.mode, LockMode::Governance);
        assert_eq!(by_default.until, NOW + 24 * 60 * 60 * 1000);
    }

    #[test]
    fn who_may_only_write_locks_nothing() {
        let mut state = fixture::state(Versioning::Enabled);
        if let Some(bucket) = &mut state.bucket {
            bucket.settings.lock = Some(ObjectLock::default());
            bucket.acl = CannedAcl::PublicReadWrite.grants("alice-id", "alice-id");
        }
        let mut retained = request();
        retained.object.tags_and_lock.retention = Some(Retention {
            mode: LockMode::Governance,
            until: NOW + 5,
        });
        let mut held = request();
        held.object.tags_and_lock.legal_hold = Some(false);
        for request in [retained, held] {
            assert_eq!(code(&state, &request), "");
            for caller in [fixture::bob(), Identity::Anonymous] {
                let by_other = Put {
                    caller,
                    ..request.clone()
                };
                assert_eq!(code(&state, &by_other), "AccessDenied");
                let mut unlocked = by_other;
                unlocked.object.tags_and_lock = TagsAndLock::default();
                assert_eq!(code(&state, &unlocked), "");
            }
        }
    }

    #[test]
    fn a_computed_checksum_joins_those_that_were_compared() {
        let mut with_sums = request();
        let compared = ("sha1".to_owned(), "sum".to_owned());
        with_sums.object.headers.checksums.extend([compared]);
        with_sums.checksum = Some((ChecksumAlgorithm::Crc32, "crc".to_owned()));
        let (change, stored) = put(&fixture::state(Versioning::Never), &with_sums).unwrap();
        assert_eq!(change.insert.unwrap().headers.checksums, stored.checksums);
        let sums: Vec<_> = stored.checksums.into_iter().collect();
        let expected = [("crc32", "crc"), ("sha1", "sum")];
        assert_eq!(
            sums,
            expected.map(|(name, sum)| (name.to_owned(), sum.to_owned()))
        );
    }
}
