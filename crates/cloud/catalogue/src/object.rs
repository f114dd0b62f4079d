//! Objects, of which a bucket may keep several versions, and the blobs that hold their bytes.

use std::fmt;

use bytes::Bytes;

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

/// Where the bytes of a version are.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// In the catalogue itself: few bytes, whose MD5 is the `ETag` of the version.
    Inline(Bytes),
    /// In blobs, in their order. A delete marker has none.
    Blobs(Vec<Segment>),
}

impl Content {
    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blobs(segments) => segments.iter().map(|segment| segment.size).sum(),
        }
    }

    /// The runs of bytes that are in blobs.
    pub fn segments(&self) -> &[Segment] {
        match self {
            Self::Inline(_) => &[],
            Self::Blobs(segments) => segments,
        }
    }
}

/// No bytes, as a delete marker has.
impl Default for Content {
    fn default() -> Self {
        Self::Blobs(Vec::new())
    }
}

// Without the bytes, which are no text and the client's own.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
            Self::Blobs(segments) => f.debug_tuple("Blobs").field(segments).finish(),
        }
    }
}

/// A version to be made; it becomes the newest of its key. Bytes in blobs are stored already.
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
    /// Its bytes.
    pub content: Content,
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

/// A version whose bytes are in the catalogue, and what they must be.
#[derive(Clone, PartialEq, Eq)]
pub struct InlineObject {
    /// The number of its row.
    pub id: i64,
    /// The bytes.
    pub bytes: Bytes,
    /// The MD5 that they must have, in hex.
    pub md5: String,
    /// Bucket and key, `BUCKET/KEY`, for messages.
    pub object: String,
}

// Without the bytes, which are no text and the client's own.
impl fmt::Debug for InlineObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineObject")
            .field("id", &self.id)
            .field("md5", &self.md5)
            .field("object", &self.object)
            .finish_non_exhaustive()
    }
}
