//! The store's values in the protocol's words, and back.

use gumnut_cloud_catalogue::{
    Bucket, ChecksumAlgorithm, Governance, ObjectHeaders, ObjectVersion, Owner, Tags,
};
use gumnut_cloud_objects::{Conditions, EtagMatch, ObjectError, checksum, object_tags};
use std::collections::BTreeMap;

use gumnut_signing::Query;
use s3s::dto;
use time::OffsetDateTime;

/// The type of objects that came without one.
pub(super) const DEFAULT_TYPE: &str = "binary/octet-stream";

/// A time in milliseconds since 1970, as the protocol's layer has it.
pub(super) fn timestamp(millis: i64) -> dto::Timestamp {
    let nanos = i128::from(millis) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .into()
}

/// A time of the protocol's layer, in milliseconds since 1970.
pub(super) fn millis(timestamp: dto::Timestamp) -> i64 {
    let nanos = OffsetDateTime::from(timestamp).unix_timestamp_nanos();
    i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)
}

/// A time of the protocol's layer, in seconds since 1970.
pub(super) fn seconds(timestamp: dto::Timestamp) -> i64 {
    OffsetDateTime::from(timestamp).unix_timestamp()
}

/// The tag of an object, which has no quotes in the store.
pub(super) fn etag(etag: impl Into<String>) -> dto::ETag {
    dto::ETag::Strong(etag.into())
}

/// The owner of a bucket or an object.
pub(super) fn owner(owner: Owner) -> dto::Owner {
    dto::Owner {
        display_name: Some(owner.name),
        id: Some(owner.id),
    }
}

/// A bucket of a listing.
pub(super) fn bucket(bucket: Bucket) -> dto::Bucket {
    dto::Bucket {
        creation_date: Some(timestamp(bucket.created)),
        name: Some(bucket.name),
        ..dto::Bucket::default()
    }
}

/// A size as the protocol's layer has it.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The most entries of a listing that a request asks for, up to that of the protocol.
pub(super) fn page_size(asked: Option<i32>, name: &str) -> Result<usize, ObjectError> {
    match asked {
        None => Ok(1000),
        Some(count) => usize::try_from(count)
            .map(|count| count.min(1000))
            .map_err(|_| ObjectError::argument(format!("{name} must not be negative"))),
    }
}

/// What a condition compares a tag with.
pub(super) fn etag_match(condition: dto::ETagCondition) -> EtagMatch {
    match condition {
        dto::ETagCondition::Any => EtagMatch::Any,
        dto::ETagCondition::ETag(etag) => EtagMatch::Is(etag.into_value()),
    }
}

/// Conditions of reading.
pub(super) fn conditions(
    if_match: Option<dto::ETagCondition>,
    if_none_match: Option<dto::ETagCondition>,
    if_modified_since: Option<dto::Timestamp>,
    if_unmodified_since: Option<dto::Timestamp>,
) -> Conditions {
    Conditions {
        if_match: if_match.map(etag_match),
        if_none_match: if_none_match.map(etag_match),
        modified_since: if_modified_since.map(seconds),
        unmodified_since: if_unmodified_since.map(seconds),
    }
}

/// The version of an object that an input names. It moves those fields out of the input.
macro_rules! object_ref {
    ($input:expr) => {
        gumnut_cloud_objects::ObjectRef {
            bucket: $input.bucket,
            key: gumnut_cloud_catalogue::Key::new($input.key)?,
            version: $crate::convert::version($input.version_id),
        }
    };
}
pub(super) use object_ref;

/// How object lock is met by a request that may ask to go round governance mode.
pub(super) fn governance(bypass: Option<bool>) -> Governance {
    if bypass == Some(true) {
        Governance::Bypass
    } else {
        Governance::Obey
    }
}

/// A version that a request names; an empty name is none.
pub(super) fn version(version: Option<String>) -> Option<String> {
    version.filter(|version| !version.is_empty())
}

/// Tags in the form of a query string, as headers have them.
pub(super) fn tags_of_header(header: Option<&str>) -> Result<Tags, ObjectError> {
    let tags = Query::parse(header.unwrap_or_default()).map_err(|_| ObjectError::InvalidTag)?;
    object_tags(tags.into_pairs())
}

/// Tags of a document.
pub(super) fn tags_of_document(tagging: dto::Tagging) -> impl Iterator<Item = (String, String)> {
    tagging
        .tag_set
        .into_iter()
        .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
}

/// Tags as documents have them.
pub(super) fn tag_set(tags: Tags) -> dto::TagSet {
    tags.into_iter()
        .map(|(key, value)| dto::Tag {
            key: Some(key),
            value: Some(value),
        })
        .collect()
}

/// The headers of an object that a request brings. It moves those fields out of the input; the inputs that have them name them alike.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::convert::SentHeaders {
            content_type: $input.content_type,
            cache_control: $input.cache_control,
            content_disposition: $input.content_disposition,
            content_encoding: $input.content_encoding,
            content_language: $input.content_language,
            expires: $input.expires,
            metadata: $input.metadata,
        }
        .check()
    };
}
pub(super) use headers_of;

/// Headers as they came.
pub(super) struct SentHeaders {
    /// `Content-Type`; empty for none.
    pub(super) content_type: Option<String>,
    /// `Cache-Control`
    pub(super) cache_control: Option<String>,
    /// `Content-Disposition`
    pub(super) content_disposition: Option<String>,
    /// `Content-Encoding`
    pub(super) content_encoding: Option<String>,
    /// `Content-Language`
    pub(super) content_language: Option<String>,
    /// `Expires`
    pub(super) expires: Option<dto::Timestamp>,
    /// Headers that begin with `x-amz-meta-`, without that.
    pub(super) metadata: Option<dto::Metadata>,
}

/// Most bytes of names and values of user metadata, as in S3.
const MAX_METADATA: usize = 2048;
/// Most bytes of the other headers that are kept with an object, as in S3 of all headers.
const MAX_HEADERS: usize = 8 << 10;

impl SentHeaders {
    /// The headers to keep, if they are not too long.
    pub(super) fn check(self) -> Result<ObjectHeaders, ObjectError> {
        let metadata: BTreeMap<_, _> = self.metadata.unwrap_or_default().into_iter().collect();
        let size: usize = metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if size > MAX_METADATA {
            return Err(ObjectError::MetadataTooLarge);
        }
        let others = [
            &self.content_type,
            &self.cache_control,
            &self.content_disposition,
            &self.content_encoding,
            &self.content_language,
        ];
        let size: usize = others.into_iter().flatten().map(String::len).sum();
        if size > MAX_HEADERS {
            return Err(ObjectError::RequestHeadersTooLarge);
        }
        Ok(ObjectHeaders {
            content_type: self.content_type.filter(|value| !value.is_empty()),
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: self.content_encoding,
            content_language: self.content_language,
            expires: self.expires.map(seconds),
            metadata,
            checksums: BTreeMap::new(),
        })
    }
}

/// What a request asks for beyond storing.
pub(super) struct Unsupported<'a> {
    /// Server-side encryption.
    pub(super) encryption: bool,
    /// A redirect of a website.
    pub(super) redirect: bool,
    /// The storage class; `None` for the usual one.
    pub(super) class: Option<&'a str>,
}

impl Unsupported<'_> {
    /// Refuses what would not be done.
    pub(super) fn check(&self) -> Result<(), ObjectError> {
        if self.encryption {
            return Err(ObjectError::not_implemented(
                "This store does not encrypt objects.",
            ));
        }
        if self.redirect {
            return Err(ObjectError::not_implemented(
                "This store serves no websites.",
            ));
        }
        match self.class {
            None | Some("STANDARD") => Ok(()),
            Some(_) => Err(ObjectError::InvalidStorageClass),
        }
    }
}

/// The algorithm that a request names.
pub(super) fn algorithm(name: &dto::ChecksumAlgorithm) -> Result<ChecksumAlgorithm, ObjectError> {
    let known = ChecksumAlgorithm::named(name.as_str());
    known.ok_or_else(|| {
        ObjectError::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })
}

/// Whether a type of checksums is of the whole.
pub(super) fn is_whole(kind: &dto::ChecksumType) -> Result<bool, ObjectError> {
    match kind.as_str() {
        dto::ChecksumType::FULL_OBJECT => Ok(true),
        dto::ChecksumType::COMPOSITE => Ok(false),
        _ => Err(ObjectError::invalid_request(
            "Value for x-amz-checksum-type header is invalid.",
        )),
    }
}

/// The checksums of an object or a part, as outputs want them.
pub(super) struct Checksums {
    /// CRC-32 in base64.
    pub(super) crc32: Option<String>,
    /// CRC-32C in base64.
    pub(super) crc32c: Option<String>,
    /// CRC-64/NVME in base64.
    pub(super) crc64nvme: Option<String>,
    /// SHA-1 in base64.
    pub(super) sha1: Option<String>,
    /// SHA-256 in base64.
    pub(super) sha256: Option<String>,
    /// Whether they are of all bytes, or of the checksums of parts; nothing when there are none.
    pub(super) kind: Option<dto::ChecksumType>,
}

/// An output with checksums; those that have them name them alike.
macro_rules! with_checksums {
    ($sums:ident, dto::$output:ident { $($fields:tt)* }) => {
        s3s::dto::$output {
            checksum_crc32: $sums.crc32,
            checksum_crc32c: $sums.crc32c,
            checksum_crc64nvme: $sums.crc64nvme,
            checksum_sha1: $sums.sha1,
            checksum_sha256: $sums.sha256,
            $($fields)*
        }
    };
}
pub(super) use with_checksums;

impl Checksums {
    /// The checksums that are kept: algorithm in lower case, value in base64.
    pub(super) fn of(checksums: &BTreeMap<String, String>) -> Self {
        let of_parts = checksums
            .values()
            .next()
            .map(|sum| checksum::is_of_parts(sum));
        let [crc32, crc32c, crc64nvme, sha1, sha256] =
            ChecksumAlgorithm::ALL.map(|algorithm| checksums.get(algorithm.name()).cloned());
        Self {
            kind: of_parts.map(checksum_type),
            crc32,
            crc32c,
            crc64nvme,
            sha1,
            sha256,
        }
    }

    /// The checksum of a part, by the algorithm of this name.
    pub(super) fn of_part(algorithm: Option<&str>, sum: Option<String>) -> Self {
        let named = algorithm.map(str::to_owned).zip(sum);
        Self::of(&named.into_iter().collect())
    }

    /// What to send with an object: only on request and never with a part of it, because clients compare it
    /// with what they get.
    pub(super) fn to_send(object: &ObjectVersion, asked: bool, whole: bool) -> Self {
        if asked && whole {
            Self::of(&object.headers.checksums)
        } else {
            Self::of(&BTreeMap::new())
        }
    }
}

/// The type of a checksum: of checksums of parts, or of all bytes.
fn checksum_type(of_parts: bool) -> dto::ChecksumType {
    dto::ChecksumType::from_static(if of_parts {
        dto::ChecksumType::COMPOSITE
    } else {
        dto::ChecksumType::FULL_OBJECT
    })
}
