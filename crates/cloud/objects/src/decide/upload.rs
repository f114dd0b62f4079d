//! Multipart uploads, until they are completed.

use gumnut_cloud_catalogue::{
    Bucket, ChecksumAlgorithm, Identity, KnownAccounts, NewUpload, Part, PartsChecksum, Permission,
    Segment, Upload, UploadChange, UploadRef, UploadState,
};

use super::version;
use crate::access;
use crate::error::ObjectError;
use crate::object::{NewObject, Stored};

/// An upload to be begun.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    pub(crate) caller: Identity,
    pub(crate) object: NewObject,
    /// The accounts that the ACL names.
    pub(crate) known: KnownAccounts,
    pub(crate) checksum: Option<PartsChecksum>,
}

/// Decides whether an upload begins.
pub(crate) fn create(
    state: &UploadState,
    request: &Creation,
) -> Result<(UploadChange, ()), ObjectError> {
    let Creation {
        caller,
        object,
        known,
        checksum,
    } = request;
    let bucket = access::bucket(state.bucket.as_ref(), caller, Permission::Write)?;
    let owner = access::new_owner(caller, bucket);
    let acl = object.acl.resolve(known, owner.id, &bucket.owner.id)?;
    access::check_new_acl(bucket, &acl)?;
    version::check_lock(bucket, caller, &object.tags_and_lock, state.now)?;
    let change = UploadChange {
        create: Some(NewUpload {
            account: owner.account.to_owned(),
            initiator: caller.user().map(|user| user.user_id),
            acl,
            headers: object.headers.clone(),
            tags_and_lock: object.tags_and_lock.clone(),
            checksum: *checksum,
        }),
        ..UploadChange::default()
    };
    Ok((change, ()))
}

/// A part whose bytes are stored.
#[derive(Clone, Debug)]
pub(crate) struct PutPart {
    pub(crate) caller: Identity,
    pub(crate) upload: UploadRef,
    /// The number of the part.
    pub(crate) number: u32,
    /// Blob, size and MD5.
    pub(crate) segment: Segment,
    /// The checksum of the part, in base64.
    pub(crate) checksum: Option<(ChecksumAlgorithm, String)>,
}

/// Decides whether a part takes its place.
pub(crate) fn put_part(
    state: &UploadState,
    request: &PutPart,
) -> Result<(UploadChange, Stored), ObjectError> {
    find_to_write(state, &request.caller, &request.upload)?;
    let checksum = request.checksum.iter();
    let stored = Stored {
        etag: request.segment.md5.clone(),
        modified: state.now,
        version: None,
        checksums: checksum
            .map(|(algorithm, sum)| (algorithm.name().to_owned(), sum.clone()))
            .collect(),
    };
    let change = UploadChange {
        put_part: Some(Part {
            number: request.number,
            segment: Segment {
                checksum: request.checksum.as_ref().map(|(_, sum)| sum.clone()),
                ..request.segment.clone()
            },
            modified: state.now,
        }),
        ..UploadChange::default()
    };
    Ok((change, stored))
}

/// Decides whether an upload ends without an object.
pub(crate) fn abort(
    state: &UploadState,
    caller: &Identity,
    upload: &UploadRef,
) -> Result<(UploadChange, ()), ObjectError> {
    find(state, caller, upload)?;
    let change = UploadChange {
        abort: true,
        ..UploadChange::default()
    };
    Ok((change, ()))
}

/// Decides whether an upload that began at `until` or before ends without an object.
pub(crate) fn abandon(state: &UploadState, upload: &UploadRef, until: i64) -> (UploadChange, bool) {
    let found = state.upload.as_ref();
    let abort = found.is_some_and(|found| {
        found.started <= until && found.bucket == upload.bucket && found.key == *upload.key
    });
    let change = UploadChange {
        abort,
        ..UploadChange::default()
    };
    (change, abort)
}

/// The upload, if the caller has begun it or owns its bucket. That there is no such upload is shown to those who may write
/// there.
pub(crate) fn find<'s>(
    state: &'s UploadState,
    caller: &Identity,
    at: &UploadRef,
) -> Result<&'s Upload, ObjectError> {
    let bucket = access::any_bucket(state.bucket.as_ref())?;
    let found = state.upload.as_ref();
    let Some(upload) = found.filter(|upload| upload.bucket == at.bucket && upload.key == *at.key)
    else {
        access::bucket(Some(bucket), caller, Permission::Write)?;
        return Err(ObjectError::NoSuchUpload);
    };
    check_may_end(upload, bucket, caller)?;
    Ok(upload)
}

/// The upload, if the caller has begun it or owns its bucket, and may write there.
pub(crate) fn find_to_write<'s>(
    state: &'s UploadState,
    caller: &Identity,
    at: &UploadRef,
) -> Result<&'s Upload, ObjectError> {
    access::bucket(state.bucket.as_ref(), caller, Permission::Write)?;
    find(state, caller, at)
}

/// Refuses everybody but the user who has begun an upload and the account that owns its bucket, be the bucket open to all: what
/// comes of an upload is its initiator's. One that nobody has signed for is the bucket owner's alone.
pub(super) fn check_may_end(
    upload: &Upload,
    bucket: &Bucket,
    caller: &Identity,
) -> Result<(), ObjectError> {
    if upload.is_begun_by(caller) || caller.owns(&bucket.owner.id) {
        Ok(())
    } else {
        Err(ObjectError::AccessDenied)
    }
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{Acl, CannedAcl, ObjectLock};

    use super::*;
    use crate::acl_request::AclRequest;
    use crate::fixture::{self, NOW};

    fn at(key: &str) -> UploadRef {
        UploadRef {
            bucket: "bucket".to_owned(),
            key: fixture::key(key),
            id: "upload".to_owned(),
        }
    }

    fn state(upload: Option<Upload>) -> UploadState {
        UploadState {
            bucket: Some(fixture::bucket()),
            upload,
            now: NOW,
        }
    }

    fn code<T>(decided: Result<T, ObjectError>) -> &'static str {
        decided.map_or_else(|error| error.code(), |_| "")
    }

    fn creation() -> Creation {
        Creation {
            caller: fixture::alice(),
            object: NewObject::new("bucket", fixture::key("key")),
            known: fixture::known_accounts(),
            checksum: PartsChecksum::new(ChecksumAlgorithm::Crc32, None),
        }
    }

    #[test]
    fn an_upload_keeps_what_its_object_will_have() {
        let (change, ()) = create(&state(None), &creation()).unwrap();
        let new = change.create.unwrap();
        assert_eq!(
            (new.account.as_str(), new.initiator),
            ("111111111111", Some(1))
        );
        assert_eq!(new.acl, Acl::private("alice-id"));
        assert_eq!(new.checksum, creation().checksum);
    }

    #[test]
    fn an_upload_is_its_initiators_and_the_bucket_owners() {
        let open = |initiator: Option<Identity>| {
            let mut state = state(Some(Upload {
                initiator: initiator.and_then(|who| fixture::initiator(&who)),
                ..fixture::upload()
            }));
            if let Some(bucket) = &mut state.bucket {
                bucket.acl = CannedAcl::PublicReadWrite.grants("alice-id", "alice-id");
            }
            state
        };
        let part = |caller: &Identity| PutPart {
            caller: caller.clone(),
            ..part()
        };
        let (alice, bob, carol) = (fixture::alice(), fixture::bob(), fixture::carol());
        let nobody = Identity::Anonymous;
        for (initiator, caller, expected) in [
            (Some(&alice), &alice, ""),
            (Some(&alice), &bob, "AccessDenied"),
            (Some(&alice), &nobody, "AccessDenied"),
            (Some(&bob), &bob, ""),
            // Another user of his account.
            (Some(&bob), &carol, "AccessDenied"),
            (Some(&bob), &alice, ""),
            (Some(&bob), &nobody, "AccessDenied"),
            (None, &alice, ""),
            (None, &bob, "AccessDenied"),
            (None, &nobody, "AccessDenied"),
        ] {
            let state = open(initiator.cloned());
            let told = format!("{initiator:?} {caller:?}");
            let found = find(&state, caller, &at("key"));
            assert_eq!(code(found), expected, "list: {told}");
            assert_eq!(
                code(put_part(&state, &part(caller))),
                expected,
                "part: {told}"
            );
            let aborted = abort(&state, caller, &at("key"));
            assert_eq!(code(aborted), expected, "abort: {told}");
        }
    }

    #[test]
    fn an_initiator_who_may_not_write_any_more_ends_without_an_object() {
        let state = state(Some(Upload {
            initiator: fixture::initiator(&fixture::bob()),
            ..fixture::upload()
        }));
        let request = PutPart {
            caller: fixture::bob(),
            ..part()
        };
        assert_eq!(code(put_part(&state, &request)), "AccessDenied");
        assert_eq!(code(abort(&state, &fixture::bob(), &at("key"))), "");
    }

    #[test]
    fn uploads_are_refused_as_objects_are() {
        let mut by_stranger = creation();
        by_stranger.caller = fixture::bob();
        assert_eq!(code(create(&state(None), &by_stranger)), "AccessDenied");
        assert_eq!(
            code(create(&UploadState::default(), &creation())),
            "NoSuchBucket"
        );
        let mut held = creation();
        held.object.tags_and_lock.legal_hold = Some(true);
        assert_eq!(code(create(&state(None), &held)), "InvalidRequest");
        let mut with_locks = state(None);
        if let Some(bucket) = &mut with_locks.bucket {
            bucket.settings.lock = Some(ObjectLock::default());
            bucket.settings.public_access = Some(gumnut_cloud_catalogue::PublicAccess {
                block_acls: true,
                ..gumnut_cloud_catalogue::PublicAccess::default()
            });
        }
        assert_eq!(code(create(&with_locks, &held)), "");
        held.object.acl = AclRequest::Canned(CannedAcl::PublicRead);
        assert_eq!(code(create(&with_locks, &held)), "AccessDenied");
    }

    fn part() -> PutPart {
        PutPart {
            caller: fixture::alice(),
            upload: at("key"),
            number: 3,
            segment: Segment {
                blob: "blob".to_owned(),
                size: 1,
                md5: "0cc175b9c0f1b6a831c399e269772661".to_owned(),
                checksum: None,
            },
            checksum: Some((ChecksumAlgorithm::Crc32, "sum".to_owned())),
        }
    }

    #[test]
    fn a_part_comes_with_its_checksum() {
        let request = part();
        let under_way = state(Some(fixture::upload()));
        let (change, stored) = put_part(&under_way, &request).unwrap();
        let part = change.put_part.unwrap();
        assert_eq!((part.number, part.modified, stored.modified), (3, NOW, NOW));
        assert_eq!(part.segment.checksum.as_deref(), Some("sum"));
        assert_eq!(stored.checksums["crc32"], "sum");
        assert_eq!((stored.etag, stored.version), (part.segment.md5, None));
        assert_eq!(code(put_part(&state(None), &request)), "NoSuchUpload");
    }

    #[test]
    fn an_upload_is_found_by_bucket_key_and_id() {
        let under_way = state(Some(fixture::upload()));
        let (alice, bob) = (fixture::alice(), fixture::bob());
        assert!(abort(&under_way, &alice, &at("key")).unwrap().0.abort);
        assert_eq!(
            code(abort(&under_way, &alice, &at("other"))),
            "NoSuchUpload"
        );
        assert_eq!(code(abort(&under_way, &bob, &at("key"))), "AccessDenied");
        assert_eq!(code(abort(&state(None), &bob, &at("key"))), "AccessDenied");
        assert_eq!(
            code(abort(&state(None), &alice, &at("key"))),
            "NoSuchUpload"
        );
        assert_eq!(
            code(abort(&UploadState::default(), &bob, &at("key"))),
            "NoSuchBucket"
        );
    }
}
