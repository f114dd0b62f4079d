//! One object of the parts of an upload: rows change, no byte is copied.

use gumnut_cloud_catalogue::{
    Content, Identity, KeyChange, KeyState, NewVersion, Permission, UploadRef, Versioning,
};

use super::upload::check_may_end;
use super::version;
use crate::access;
use crate::completion::{self, CompletionCheck, ListedPart};
use crate::conditions::Conditions;
use crate::error::ObjectError;
use crate::limits::ObjectLimits;
use crate::object::Stored;

/// An upload that is to become an object.
#[derive(Clone, Debug)]
pub(crate) struct Completion {
    pub(crate) caller: Identity,
    pub(crate) upload: UploadRef,
    /// The parts, of which none follows itself.
    pub(crate) list: Vec<ListedPart>,
    pub(crate) conditions: Conditions,
    pub(crate) check: CompletionCheck,
    pub(crate) limits: ObjectLimits,
    /// The version id where the bucket keeps old versions.
    pub(crate) version: String,
}

/// Decides whether the object is made. Parts that are not listed are given up.
pub(crate) fn complete(
    state: &KeyState,
    request: &Completion,
) -> Result<(KeyChange, Stored), ObjectError> {
    let found = state.bucket.as_ref();
    let bucket = access::bucket(found, &request.caller, Permission::Write)?;
    let at = &request.upload;
    let upload = state.upload.as_ref();
    let Some((upload, parts)) =
        upload.filter(|(upload, _)| upload.bucket == at.bucket && upload.key == *at.key)
    else {
        let stored = completed(state, request, bucket.settings.versioning)?;
        return Ok((KeyChange::default(), stored));
    };
    check_may_end(upload, bucket, &request.caller)?;
    let old = state.current.as_ref().filter(|current| !current.marker);
    request.conditions.for_writing(old)?;
    let segments = completion::choose(parts, &request.list, &request.limits)?;
    let mut headers = upload.headers.clone();
    headers.checksums = request
        .check
        .check(upload.checksum, &request.list, &segments)?;
    let new = NewVersion {
        version: String::new(),
        marker: false,
        account: upload.account.clone(),
        acl: upload.acl.clone(),
        headers,
        tags_and_lock: upload.tags_and_lock.clone(),
        etag: completion::combined_etag(segments.iter().map(|segment| segment.md5.as_str())),
        modified: state.now,
        upload: Some(upload.id.clone()),
        content: Content::Blobs(segments),
    };
    let (change, stored) = version::add(state, &bucket.settings, &request.version, new)?;
    let change = KeyChange {
        end_upload: Some(upload.id.clone()),
        ..change
    };
    Ok((change, stored))
}

/// What the upload has made of this very list before: a client that has not heard the answer asks once more.
fn completed(
    state: &KeyState,
    request: &Completion,
    versioning: Versioning,
) -> Result<Stored, ObjectError> {
    let etag = completion::combined_etag(request.list.iter().map(|part| part.etag.as_str()));
    let made = state.completed.as_ref().filter(|made| made.etag == etag);
    let object = made.ok_or(ObjectError::NoSuchUpload)?;
    Ok(Stored {
        etag,
        modified: object.modified,
        version: (versioning == Versioning::Enabled).then(|| object.version.clone()),
        checksums: object.headers.checksums.clone(),
    })
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{ObjectLock, ObjectVersion, Part, Segment, Upload};

    use super::*;
    use crate::conditions::EtagMatch;
    use crate::fixture::{self, NOW};

    const MD5S: [&str; 2] = [
        "0cc175b9c0f1b6a831c399e269772661",
        "92eb5ffee6ae2fec3ad71c777531578f",
    ];
    const ETAG: &str = "96e024ba2074fe77e8e965ba43a704be-2";

    fn state(versioning: Versioning) -> KeyState {
        let mut parts = Vec::new();
        for (number, md5) in (1..).zip(MD5S) {
            let segment = Segment {
                blob: format!("blob{number}"),
                size: 8,
                md5: md5.to_owned(),
                checksum: None,
            };
            parts.push(Part {
                number,
                segment,
                modified: 1,
            });
        }
        KeyState {
            upload: Some((fixture::upload(), parts)),
            ..fixture::state(versioning)
        }
    }

    fn request() -> Completion {
        let listed = |(number, md5): (u32, &str)| ListedPart {
            number,
            etag: md5.to_owned(),
            checksums: Vec::new(),
        };
        Completion {
            caller: fixture::alice(),
            upload: UploadRef {
                bucket: "bucket".to_owned(),
                key: fixture::key("key"),
                id: "upload".to_owned(),
            },
            list: (1..).zip(MD5S).map(listed).collect(),
            conditions: Conditions::default(),
            check: CompletionCheck::default(),
            limits: ObjectLimits {
                part_bytes: 5,
                ..ObjectLimits::default()
            },
            version: "random".to_owned(),
        }
    }

    fn code(state: &KeyState, request: &Completion) -> &'static str {
        complete(state, request).map_or_else(|error| error.code(), |_| "")
    }

    #[test]
    fn parts_become_a_version_and_the_upload_ends() {
        let mut state = state(Versioning::Suspended);
        state.current = Some(fixture::object(1));
        state.named = Some(fixture::object(1));
        let (change, stored) = complete(&state, &request()).unwrap();
        assert_eq!(change.end_upload.as_deref(), Some("upload"));
        assert_eq!(change.delete, [7]);
        let new = change.insert.unwrap();
        assert_eq!((new.etag.as_str(), stored.etag.as_str()), (ETAG, ETAG));
        assert_eq!(new.upload.as_deref(), Some("upload"));
        assert_eq!((new.modified, new.version.as_str()), (NOW, "null"));
        let blobs: Vec<_> = new
            .content
            .segments()
            .iter()
            .map(|segment| &segment.blob)
            .collect();
        assert_eq!(blobs, ["blob1", "blob2"]);
    }

    #[test]
    fn versions_are_told() {
        let (_, stored) = complete(&state(Versioning::Enabled), &request()).unwrap();
        assert_eq!(stored.version.as_deref(), Some("random"));
    }

    #[test]
    fn an_answer_that_was_not_heard_is_given_again_for_the_same_list() {
        let mut state = fixture::state(Versioning::Enabled);
        assert_eq!(code(&state, &request()), "NoSuchUpload");
        state.completed = Some(ObjectVersion {
            etag: ETAG.to_owned(),
            version: "first".to_owned(),
            ..fixture::object(5)
        });
        let (change, stored) = complete(&state, &request()).unwrap();
        assert_eq!(change, KeyChange::default());
        assert_eq!(
            (stored.modified, stored.version.as_deref()),
            (5, Some("first"))
        );
        let mut other = request();
        other.list.pop();
        assert_eq!(code(&state, &other), "NoSuchUpload");
    }

    #[test]
    fn refusals_in_their_order() {
        let mut wrong = request();
        wrong.list.clear();
        wrong.conditions.if_match = Some(EtagMatch::Any);
        wrong.check.size = Some(1);
        let state = state(Versioning::Never);
        let mut by_stranger = wrong.clone();
        by_stranger.caller = fixture::bob();
        assert_eq!(code(&KeyState::default(), &wrong), "NoSuchBucket");
        assert_eq!(code(&state, &by_stranger), "AccessDenied");
        let mut elsewhere = wrong.clone();
        elsewhere.upload.key = fixture::key("other");
        assert_eq!(code(&state, &elsewhere), "NoSuchUpload");
        assert_eq!(code(&state, &wrong), "NoSuchKey");
        wrong.conditions = Conditions::default();
        assert_eq!(code(&state, &wrong), "MalformedXML");
        wrong.list = request().list;
        assert_eq!(code(&state, &wrong), "InvalidRequest");
        wrong.check.size = Some(16);
        assert_eq!(code(&state, &wrong), "");
    }

    #[test]
    fn locks_of_the_upload_need_a_bucket_with_locks() {
        let mut state = state(Versioning::Enabled);
        let mut upload: Upload = fixture::upload();
        upload.tags_and_lock.legal_hold = Some(true);
        state.upload = state.upload.map(|(_, parts)| (upload, parts));
        assert_eq!(code(&state, &request()), "InvalidRequest");
        if let Some(bucket) = &mut state.bucket {
            bucket.settings.lock = Some(ObjectLock::default());
        }
        assert_eq!(code(&state, &request()), "");
    }
}
