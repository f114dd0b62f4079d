//! The request headers that operations understand. All others that S3 might have a meaning for are refused.

use gumnut_cloud_catalogue::ChecksumAlgorithm;
use gumnut_cloud_objects::ObjectError;
use http::HeaderMap;

/// What all headers of S3 begin with.
const PREFIX: &str = "x-amz-";
/// What the headers of user metadata begin with.
const METADATA: &str = "x-amz-meta-";
/// Names the object that is copied.
pub(super) const COPY_SOURCE: &str = "x-amz-copy-source";

/// Headers that mean the same for every operation: who sends it and when, for whom, and who pays, which is nobody here.
const EVERYWHERE: [&str; 9] = [
    "x-amz-api-version",
    "x-amz-cf-id",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-expected-bucket-owner",
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-user-agent",
];

/// Headers without that prefix that make a write depend on something, or be one of a part only.
const DECISIVE: [&str; 6] = [
    "content-range",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
];

/// A right that S3 documents for buckets, and that objects keep, too.
pub(super) const GRANT_WRITE: &str = "x-amz-grant-write";

pub(super) const NO_HEADERS: &[&[&str]] = &[];
/// ACLs, but for [`GRANT_WRITE`].
pub(super) const ACL: &[&str] = &[
    "x-amz-acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write-acp",
];
/// Checksums of the body.
pub(super) const CHECKSUMS: &[&str] = &[
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];
/// The checksum that an object is to have.
pub(super) const CHECKSUM: &[&str] = &["x-amz-checksum-algorithm", "x-amz-checksum-type"];
/// What is kept with an object; [`METADATA`] marks that user metadata is.
pub(super) const CONTENT: &[&str] = &[METADATA, "x-amz-storage-class", "x-amz-tagging"];
/// Locks of a new object.
pub(super) const LOCK: &[&str] = &[
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
];
/// Conditions of reading.
pub(super) const CONDITIONS: &[&str] = &[
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
];
/// Conditions of writing.
pub(super) const WRITE_CONDITIONS: &[&str] = &["if-match", "if-none-match"];
/// What a reader asks for beside the object.
pub(super) const READ: &[&str] = &["x-amz-checksum-mode"];
/// The source of a copy.
pub(super) const COPY: &[&str] = &[
    COPY_SOURCE,
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-source-expected-bucket-owner",
];
/// What becomes of the source's metadata and tags.
pub(super) const COPY_TARGET: &[&str] = &["x-amz-metadata-directive", "x-amz-tagging-directive"];
/// The piece of the source that a part is copied of.
pub(super) const PART_COPY: &[&str] = &["x-amz-copy-source-range"];
/// What a deletion passes by, and what the object must be.
pub(super) const DELETE: &[&str] = &[
    "x-amz-bypass-governance-retention",
    "x-amz-if-match-last-modified-time",
    "x-amz-if-match-size",
];

/// Headers of which only some values are understood, and the refusal of others.
type Values = (&'static str, &'static [&'static str], fn() -> ObjectError);
const VALUES: [Values; 9] = [
    ("x-amz-request-payer", &["requester"], || {
        ObjectError::argument("x-amz-request-payer can only be requester")
    }),
    ("x-amz-storage-class", &["STANDARD"], || {
        ObjectError::InvalidStorageClass
    }),
    ("x-amz-object-ownership", &["ObjectWriter"], || {
        ObjectError::not_implemented("Objects are owned by their writers here (ObjectWriter).")
    }),
    ("x-amz-bucket-namespace", &["global"], || {
        ObjectError::not_implemented("There is one namespace of buckets here (global).")
    }),
    ("x-amz-metadata-directive", &["COPY", "REPLACE"], || {
        ObjectError::argument("Unknown metadata directive.")
    }),
    ("x-amz-tagging-directive", &["COPY", "REPLACE"], || {
        ObjectError::argument("Unknown tagging directive.")
    }),
    ("x-amz-checksum-mode", &["ENABLED"], || {
        ObjectError::argument("x-amz-checksum-mode can only be ENABLED")
    }),
    (
        "x-amz-optional-object-attributes",
        &["RestoreStatus"],
        || ObjectError::argument("Invalid optional object attribute specified."),
    ),
    ("x-amz-checksum-type", &["COMPOSITE", "FULL_OBJECT"], || {
        ObjectError::invalid_request("Value for x-amz-checksum-type header is invalid.")
    }),
];

/// Headers that name an algorithm.
const ALGORITHMS: [&str; 2] = ["x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"];

/// What an operation understands.
pub(super) struct Understood {
    /// What S3 calls the operation.
    pub(super) operation: &'static str,
    /// Whether it changes nothing.
    pub(super) reads: bool,
    /// Headers, beside those of every operation.
    pub(super) headers: &'static [&'static [&'static str]],
}

/// Refuses headers that an operation would drop, and values that mean nothing here.
pub(super) fn check(operation: &Understood, headers: &HeaderMap) -> Result<(), ObjectError> {
    let understands = |name: &str| operation.headers.iter().any(|group| group.contains(&name));
    let reads = operation.reads;
    for name in headers.keys().map(http::HeaderName::as_str) {
        let is_understood = if name.starts_with(METADATA) {
            reads || understands(METADATA)
        } else if name.starts_with(PREFIX) {
            EVERYWHERE.contains(&name) || understands(name) || reads && is_for_writing(name)
        } else {
            reads || !DECISIVE.contains(&name) || understands(name)
        };
        if !is_understood {
            return Err(ObjectError::NotImplemented.saying(format!(
                "A header you provided implies functionality that is not implemented: {name} of {}.",
                operation.operation
            )));
        }
    }
    for (name, known, refusal) in VALUES {
        let mut sent = headers.get_all(name).iter();
        if sent.any(|value| {
            !known
                .iter()
                .any(|known| known.as_bytes() == value.as_bytes())
        }) {
            return Err(refusal());
        }
    }
    for value in ALGORITHMS.iter().flat_map(|name| headers.get_all(*name)) {
        let named = value.to_str().unwrap_or_default().to_ascii_lowercase();
        if ChecksumAlgorithm::named(&named).is_none() {
            return Err(ObjectError::invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            ));
        }
    }
    Ok(())
}

/// Whether a header says what something new is to be: it says nothing to who reads, as in S3.
fn is_for_writing(name: &str) -> bool {
    name == GRANT_WRITE
        || [ACL, CONTENT, LOCK]
            .iter()
            .any(|group| group.contains(&name))
}

/// Whether headers ask for an operation that method and query do not show: the answer of a function for objects.
pub(super) fn asks_for_another(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-request-route") || headers.contains_key("x-amz-request-token")
}
