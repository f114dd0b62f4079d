//! How requests name objects, and what they hear of them.

use std::collections::BTreeMap;

use gumnut_cloud_catalogue::{Content, Key, ObjectHeaders, ObjectVersion, TagsAndLock};

use crate::acl_request::AclRequest;
use crate::conditions::{Conditions, DeleteConditions};

/// Names a version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: Key,
    /// The version id; `None` for the newest version.
    pub version: Option<String>,
}

impl ObjectRef {
    /// Names the newest version.
    pub fn newest(bucket: impl Into<String>, key: Key) -> Self {
        Self {
            bucket: bucket.into(),
            key,
            version: None,
        }
    }
}

/// The parameters of `PutObject` and its relatives, without the bytes.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: Key,
    /// The ACL that the object gets.
    pub acl: AclRequest,
    /// Headers that are kept with the object, and checksums that have been compared with its bytes.
    pub headers: ObjectHeaders,
    /// Tags, retention and legal hold.
    pub tags_and_lock: TagsAndLock,
    /// Conditions on the object whose place it takes.
    pub conditions: Conditions,
}

impl NewObject {
    /// An object without headers, tags and locks, whose owner alone has rights.
    pub fn new(bucket: impl Into<String>, key: Key) -> Self {
        Self {
            bucket: bucket.into(),
            key,
            acl: AclRequest::Default,
            headers: ObjectHeaders::default(),
            tags_and_lock: TagsAndLock::default(),
            conditions: Conditions::default(),
        }
    }
}

/// An object or a part that has been stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The `ETag` without quotes.
    pub etag: String,
    /// When it was made, in milliseconds since 1970.
    pub modified: i64,
    /// The version id; `None` in buckets without versioning or with suspended versioning, and for parts.
    pub version: Option<String>,
    /// Its checksums: algorithm in lower case, value in base64.
    pub checksums: BTreeMap<String, String>,
}

/// An object that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectView {
    /// The version, which is no delete marker.
    pub object: ObjectVersion,
    /// Whether answers about objects of the bucket name versions.
    pub has_versions: bool,
    /// The bytes, or the blobs that have them: one for each part of a multipart upload. Nothing unless the operation asks for
    /// them.
    pub content: Content,
}

/// A key, or one version of it, that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyToDelete {
    /// The key.
    pub key: Key,
    /// The version id; `None` to delete the key, which in buckets with versions means to add a delete marker.
    pub version: Option<String>,
    /// The condition that the object must meet to be deleted.
    pub conditions: DeleteConditions,
}

impl KeyToDelete {
    /// Deletes whatever object has this key.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            version: None,
            conditions: DeleteConditions::default(),
        }
    }
}

/// What became of a key that was to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The id of the version that is gone, or of the delete marker that was added; `None` where there are no versions.
    pub version: Option<String>,
    /// Whether that is a delete marker.
    pub marker: bool,
}
