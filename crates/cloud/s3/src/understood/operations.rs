//! The table of operations: what asks for each, and what it understands beside that.

use gumnut_cloud_objects::ObjectError;

use super::documents::{self, Document};
use super::headers::{
    ACL, CHECKSUM, CHECKSUMS, CONDITIONS, CONTENT, COPY, COPY_TARGET, DELETE, GRANT_WRITE, LOCK,
    NO_HEADERS, PART_COPY, READ, Understood, WRITE_CONDITIONS,
};
use super::level::Level;

/// An operation of S3 that the store has, or whose answer it knows.
#[derive(Debug)]
pub(crate) struct Operation {
    /// As S3 and the protocol's layer call it.
    pub(crate) name: &'static str,
    /// What the body is.
    pub(crate) body: Body,
    /// The method of HTTP.
    pub(super) method: &'static str,
    pub(super) level: Level,
    /// Names in the query that must all be there, of which those that are sub-resources are all that may be there.
    pub(super) asked_by: &'static [&'static str],
    /// Other names in the query that it understands.
    pub(super) parameters: &'static [&'static str],
    /// Headers that it understands, beside those of every operation.
    pub(super) headers: &'static [&'static [&'static str]],
    /// Whether the request names a source to copy; `None` where none can be.
    pub(super) is_copy: Option<bool>,
    /// Whether the request asks for the second form of a listing; `None` where there is one form.
    pub(super) lists_v2: Option<bool>,
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing; what a client sends anyway is read and counts for nothing.
    Nothing,
    /// Nothing, and anything else is refused: it would be taken for content.
    Empty,
    /// The content of an object or a part, which is streamed.
    Content,
    /// XML.
    Document(Document),
}

impl Body {
    /// The most bytes that are held in memory; `most` is the bound of all documents.
    pub(crate) fn limit(self, most: usize) -> usize {
        match self {
            Self::Document(document) => document.limit.map_or(most, |limit| limit.min(most)),
            _ => most,
        }
    }

    /// Refuses a body that has come as a whole, if something in it would be dropped.
    ///
    /// # Errors
    /// [`ObjectError::UnexpectedContent`], or what is wrong with the document.
    pub(crate) fn check(self, body: &[u8]) -> Result<(), ObjectError> {
        match self {
            Self::Document(document) => documents::check(&document, body),
            Self::Empty if !body.is_empty() => Err(ObjectError::UnexpectedContent),
            _ => Ok(()),
        }
    }
}

impl Operation {
    /// What headers it understands.
    pub(super) fn understood(&self) -> Understood {
        Understood {
            operation: self.name,
            reads: self.reads(),
            headers: self.headers,
        }
    }

    /// Whether it changes nothing.
    pub(super) fn reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// Whether it understands a name in the query.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.asked_by.contains(&name) || self.parameters.contains(&name)
    }
}

const fn operation(
    name: &'static str,
    method: &'static str,
    level: Level,
    asked_by: &'static [&'static str],
) -> Operation {
    Operation {
        name,
        body: Body::Nothing,
        method,
        level,
        asked_by,
        parameters: &[],
        headers: NO_HEADERS,
        is_copy: None,
        lists_v2: None,
    }
}

/// A document of at most so many bytes with these elements below its root.
const fn document(limit: usize, elements: &'static [&'static str]) -> Body {
    Body::Document(Document {
        limit: Some(limit),
        elements,
        absent: &[],
    })
}

/// Settings of few values.
const SHORT: usize = 8 << 10;
/// As S3 has it for CORS; more than enough for the other lists of settings.
const LISTS: usize = 64 << 10;
/// 50 tags of the longest texts, each character four bytes long.
const TAGS: usize = 128 << 10;
/// 100 grants.
const GRANTS: usize = 128 << 10;

const LISTING: &[&str] = &[
    "delimiter",
    "encoding-type",
    "marker",
    "max-keys",
    "prefix",
    "list-type",
];
const LISTING_V2: &[&str] = &[
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "max-keys",
    "prefix",
    "start-after",
];
const LISTING_VERSIONS: &[&str] = &[
    "delimiter",
    "encoding-type",
    "key-marker",
    "max-keys",
    "prefix",
    "version-id-marker",
];
const LISTING_UPLOADS: &[&str] = &[
    "delimiter",
    "encoding-type",
    "key-marker",
    "max-uploads",
    "prefix",
    "upload-id-marker",
];
const VERSION: &[&str] = &["versionId"];
const READING: &[&str] = &[
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "versionId",
];

/// A document with tags.
pub(crate) const TAGGING: Body = document(TAGS, &["TagSet"]);

/// Makes the table: name, method, level and what must be in the query, and then the fields that are not as usual.
macro_rules! operations {
    ($($name:ident $method:ident $level:ident [$($asked:expr),*] $({ $($field:ident: $value:expr),* $(,)? })?;)*) => {
        /// All operations but the one that a form with a file asks for, which does not get to the protocol's layer.
        pub(super) static OPERATIONS: &[Operation] = &[$(Operation {
            $($($field: $value,)*)?
            ..operation(stringify!($name), stringify!($method), Level::$level, &[$($asked),*])
        }),*];
    };
}

operations! {
    ListBuckets GET Service [] { parameters: &["continuation-token", "max-buckets", "prefix"] };
    CreateBucket PUT Bucket [] {
        headers: &[ACL, &[GRANT_WRITE, "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership", "x-amz-bucket-namespace"], CHECKSUMS],
        body: Body::Document(Document { limit: Some(LISTS), elements: &["LocationConstraint"], absent: &["Bucket", "Location", "Tags"] }),
    };
    DeleteBucket DELETE Bucket [];
    HeadBucket HEAD Bucket [];
    GetBucketLocation GET Bucket ["location"];
    GetBucketVersioning GET Bucket ["versioning"];
    PutBucketVersioning PUT Bucket ["versioning"] { headers: &[CHECKSUMS], body: document(SHORT, &["Status", "MfaDelete"]) };
    GetBucketTagging GET Bucket ["tagging"];
    PutBucketTagging PUT Bucket ["tagging"] { headers: &[CHECKSUMS], body: TAGGING };
    DeleteBucketTagging DELETE Bucket ["tagging"];
    GetBucketCors GET Bucket ["cors"];
    PutBucketCors PUT Bucket ["cors"] { headers: &[CHECKSUMS], body: document(LISTS, &["CORSRule"]) };
    DeleteBucketCors DELETE Bucket ["cors"];
    GetPublicAccessBlock GET Bucket ["publicAccessBlock"];
    PutPublicAccessBlock PUT Bucket ["publicAccessBlock"] {
        headers: &[CHECKSUMS],
        body: document(SHORT, &["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]),
    };
    DeletePublicAccessBlock DELETE Bucket ["publicAccessBlock"];
    GetBucketPolicyStatus GET Bucket ["policyStatus"];
    GetObjectLockConfiguration GET Bucket ["object-lock"];
    PutObjectLockConfiguration PUT Bucket ["object-lock"] {
        headers: &[CHECKSUMS],
        body: document(SHORT, &["ObjectLockEnabled", "Rule"]),
    };
    GetBucketAcl GET Bucket ["acl"];
    PutBucketAcl PUT Bucket ["acl"] {
        headers: &[ACL, &[GRANT_WRITE], CHECKSUMS],
        body: document(GRANTS, &["Owner", "AccessControlList"]),
    };
    ListObjects GET Bucket [] { parameters: LISTING, headers: &[&["x-amz-optional-object-attributes"]], lists_v2: Some(false) };
    ListObjectsV2 GET Bucket [] {
        parameters: LISTING_V2,
        headers: &[&["x-amz-optional-object-attributes"]],
        lists_v2: Some(true),
    };
    ListObjectVersions GET Bucket ["versions"] {
        parameters: LISTING_VERSIONS,
        headers: &[&["x-amz-optional-object-attributes"]],
    };
    ListMultipartUploads GET Bucket ["uploads"] { parameters: LISTING_UPLOADS };
    DeleteObjects POST Bucket ["delete"] {
        headers: &[&["x-amz-bypass-governance-retention"], CHECKSUMS],
        body: Body::Document(Document { limit: None, elements: &["Object", "Quiet"], absent: &[] }),
    };
    // Settings that the store has not, which a bucket was therefore never given.
    GetBucketAccelerateConfiguration GET Bucket ["accelerate"];
    GetBucketAnalyticsConfiguration GET Bucket ["analytics", "id"];
    ListBucketAnalyticsConfigurations GET Bucket ["analytics"];
    GetBucketEncryption GET Bucket ["encryption"];
    GetBucketIntelligentTieringConfiguration GET Bucket ["intelligent-tiering", "id"];
    ListBucketIntelligentTieringConfigurations GET Bucket ["intelligent-tiering"];
    GetBucketInventoryConfiguration GET Bucket ["inventory", "id"];
    ListBucketInventoryConfigurations GET Bucket ["inventory"];
    GetBucketLifecycleConfiguration GET Bucket ["lifecycle"];
    GetBucketLogging GET Bucket ["logging"];
    GetBucketMetricsConfiguration GET Bucket ["metrics", "id"];
    ListBucketMetricsConfigurations GET Bucket ["metrics"];
    GetBucketNotificationConfiguration GET Bucket ["notification"];
    GetBucketOwnershipControls GET Bucket ["ownershipControls"];
    GetBucketPolicy GET Bucket ["policy"];
    GetBucketReplication GET Bucket ["replication"];
    GetBucketRequestPayment GET Bucket ["requestPayment"];
    GetBucketWebsite GET Bucket ["website"];
    // Objects.
    GetObject GET Object [] { parameters: READING, headers: &[READ, CONDITIONS] };
    HeadObject HEAD Object [] { parameters: READING, headers: &[READ, CONDITIONS] };
    GetObjectAttributes GET Object ["attributes"] {
        parameters: VERSION,
        headers: &[&["x-amz-max-parts", "x-amz-object-attributes", "x-amz-part-number-marker"]],
    };
    GetObjectTorrent GET Object ["torrent"];
    PutObject PUT Object [] {
        headers: &[CONTENT, ACL, &[GRANT_WRITE], LOCK, CHECKSUMS, CHECKSUM, WRITE_CONDITIONS],
        body: Body::Content,
        is_copy: Some(false),
    };
    CopyObject PUT Object [] {
        headers: &[CONTENT, ACL, &[GRANT_WRITE], LOCK, COPY, COPY_TARGET, &["x-amz-checksum-algorithm"], WRITE_CONDITIONS],
        body: Body::Empty,
        is_copy: Some(true),
    };
    DeleteObject DELETE Object [] { parameters: VERSION, headers: &[DELETE, &["if-match"]] };
    GetObjectAcl GET Object ["acl"] { parameters: VERSION };
    PutObjectAcl PUT Object ["acl"] {
        parameters: VERSION,
        headers: &[ACL, &[GRANT_WRITE], CHECKSUMS],
        body: document(GRANTS, &["Owner", "AccessControlList"]),
    };
    GetObjectTagging GET Object ["tagging"] { parameters: VERSION };
    PutObjectTagging PUT Object ["tagging"] { parameters: VERSION, headers: &[CHECKSUMS], body: TAGGING };
    DeleteObjectTagging DELETE Object ["tagging"] { parameters: VERSION };
    GetObjectRetention GET Object ["retention"] { parameters: VERSION };
    PutObjectRetention PUT Object ["retention"] {
        parameters: VERSION,
        headers: &[&["x-amz-bypass-governance-retention"], CHECKSUMS],
        body: document(SHORT, &["Mode", "RetainUntilDate"]),
    };
    GetObjectLegalHold GET Object ["legal-hold"] { parameters: VERSION };
    PutObjectLegalHold PUT Object ["legal-hold"] {
        parameters: VERSION,
        headers: &[CHECKSUMS],
        body: document(SHORT, &["Status"]),
    };
    // Multipart uploads.
    CreateMultipartUpload POST Object ["uploads"] { headers: &[CONTENT, ACL, &[GRANT_WRITE], LOCK, CHECKSUM], body: Body::Empty };
    UploadPart PUT Object ["partNumber", "uploadId"] { headers: &[CHECKSUMS], body: Body::Content, is_copy: Some(false) };
    UploadPartCopy PUT Object ["partNumber", "uploadId"] { headers: &[COPY, PART_COPY], body: Body::Empty, is_copy: Some(true) };
    ListParts GET Object ["uploadId"] { parameters: &["max-parts", "part-number-marker"] };
    CompleteMultipartUpload POST Object ["uploadId"] {
        headers: &[CHECKSUMS, &["x-amz-checksum-type", "x-amz-mp-object-size"], WRITE_CONDITIONS],
        body: Body::Document(Document { limit: None, elements: &["Part"], absent: &[] }),
    };
    AbortMultipartUpload DELETE Object ["uploadId"];
}
