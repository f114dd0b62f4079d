//! Multipart uploads that have neither been completed nor aborted.

use crate::{Acl, Identity, ObjectHeaders, Owner, PartsChecksum, Segment, TagsAndLock};

/// A multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The upload id.
    pub id: String,
    /// The bucket.
    pub bucket: String,
    /// The key of the object to be.
    pub key: String,
    /// The number of the account that will own the object.
    pub account: String,
    /// That account as answers show it.
    pub owner: Owner,
    /// Who began it; `None` for a request without a signature.
    pub initiator: Option<Initiator>,
    /// The ACL that the object will have.
    pub acl: Acl,
    /// The headers that the object will have.
    pub headers: ObjectHeaders,
    /// The tags and locks that the object will have.
    pub tags_and_lock: TagsAndLock,
    /// The checksum that the object will have; `None` when the client asked for none.
    pub checksum: Option<PartsChecksum>,
    /// When it began, in milliseconds since 1970.
    pub started: i64,
}

/// Who began a multipart upload: a user of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initiator {
    /// The number of the user's row.
    pub user_id: i64,
    /// The user's account as answers show it.
    pub account: Owner,
}

impl Upload {
    /// Whether it was begun by the caller. Of a request without a signature that is not known.
    pub fn is_begun_by(&self, caller: &Identity) -> bool {
        let begun_by = self.initiator.as_ref().map(|initiator| initiator.user_id);
        begun_by.is_some() && begun_by == caller.user().map(|user| user.user_id)
    }
}

/// An upload to be begun. Its start is the time of the unit of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// The number of the account that will own the object.
    pub account: String,
    /// The number of the row of the user who begins it; `None` for a request without a signature.
    pub initiator: Option<i64>,
    /// The ACL that the object will have.
    pub acl: Acl,
    /// The headers that the object will have.
    pub headers: ObjectHeaders,
    /// The tags and locks that the object will have.
    pub tags_and_lock: TagsAndLock,
    /// The checksum that the object will have; `None` when the client asked for none.
    pub checksum: Option<PartsChecksum>,
}

/// A part that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1 to 10,000.
    pub number: u32,
    /// Its bytes.
    pub segment: Segment,
    /// When it came, in milliseconds since 1970.
    pub modified: i64,
}
