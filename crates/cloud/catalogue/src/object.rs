//! Objects, of which a bucket may keep several versions, and the blobs that hold their bytes.

use crate::{Acl, ObjectHeaders, Owner, TagsAndLock};

/// The version id of objects that were made without versioning.
pub const NULL_VERSION: &str = "null";

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The number of its row. Of two versions of a key the newer has the larger one.
    pub id: i64,
    /// The version id; [`NULL_VERSION`] for a version that was made without versioning.
    pub version: String,
    /// Whether it is the newest version of its key.
    pub current: bool,
    /// Whether it is a delete marker, which has no bytes.
    pub marker: bool,
    /// The owner's account as answers show it.
    pub owner: Owner,
    /// Who may do what.
    pub acl: Acl,
    /// In bytes.
    pub size: u64,
    /// The `ETag` without quotes.
    pub etag: String,
    /// What the client said of it.
    pub headers: ObjectHeaders,
    /// Tags, retention and legal hold.
    pub tags_and_lock: TagsAndLock,
    /// When it was made, in milliseconds since 1970.
    pub modified: i64,
}

impl ObjectVersion {
    /// Whether it came of a multipart upload: its `ETag` then ends in the number of parts.
    pub fn is_multipart(&self) -> bool {
        self.etag.contains('-')
    }
}

/// A version of an object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// The number of its row. Of two versions of a key the newer has the larger one.
    pub id: i64,
    /// The key.
    pub key: String,
    /// The version id.
    pub version: String,
    /// Whether it is the newest version of its key.
    pub current: bool,
    /// Whether it is a delete marker.
    pub marker: bool,
    /// The owner's account.
    pub owner: Owner,
    /// In bytes.
    pub size: u64,
    /// The `ETag` without quotes.
    pub etag: String,
    /// When it was made, in milliseconds since 1970.
    pub modified: i64,
}

/// A stored run of bytes that belongs to an object: all of it, or one part of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name of the blob.
    pub blob: String,
    /// In bytes.
    pub size: u64,
    /// The MD5 of the bytes in hex.
    pub md5: String,
    /// The checksum of a part in base64, by the algorithm of its upload; `None` where it has none.
    pub checksum: Option<String>,
}

/// A version to be made; it becomes the newest of its key. Its bytes are stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The version id; [`NULL_VERSION`] without versioning.
    pub version: String,
    /// Whether it is a delete marker, which has no bytes.
    pub marker: bool,
    /// The number of the owner's account.
    pub account: String,
    /// Who may do what.
    pub acl: Acl,
    /// What the client said of it.
    pub headers: ObjectHeaders,
    /// Tags, retention and legal hold.
    pub tags_and_lock: TagsAndLock,
    /// The `ETag` without quotes.
    pub etag: String,
    /// When it was made, in milliseconds since 1970.
    pub modified: i64,
    /// The id of the multipart upload that it comes of; `None` for one that came at once.
    pub upload: Option<String>,
    /// Its bytes in their order; none for a delete marker.
    pub segments: Vec<Segment>,
}

/// A blob that a row names, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBlob {
    /// The name of the blob.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// The MD5 of the bytes in hex.
    pub md5: String,
    /// Bucket and key of what it belongs to, `BUCKET/KEY`, for messages.
    pub object: String,
}
