//! Why the object store refuses something.

use std::error::Error;
use std::io;

use gumnut_cloud_blobs::{BlobError, PutError};
use gumnut_cloud_catalogue::{CatalogueError, KeyTooLong};
use gumnut_types::Fault;

/// Makes [`ObjectError`] from the table of refusals below: variant, code of S3's protocol, status of HTTP, and the
/// message that the client reads.
macro_rules! refusals {
    ($($name:ident $code:literal $status:literal $message:literal;)*) => {
        /// Why the object store refuses something. Each has a code of S3's protocol and a status of HTTP.
        #[derive(Debug, thiserror::Error)]
        #[non_exhaustive]
        pub enum ObjectError {
            $(
                #[doc = concat!("`", $code, "`: ", $message)]
                #[error($message)]
                $name,
            )*
            /// A refusal with a message of its own, which names what is wrong with this request.
            #[error("{message}")]
            Worded {
                /// The refusal: code and status are its own.
                refusal: Box<ObjectError>,
                /// What the client reads in place of the refusal's message.
                message: String,
            },
            /// A refusal that describes the object in the headers of the answer.
            #[error("{refusal}")]
            WithHeaders {
                /// The refusal: code, status and message are its own.
                refusal: Box<ObjectError>,
                /// Names in lower case, and values.
                headers: Vec<(&'static str, String)>,
            },
            /// The catalogue cannot be used. Whether what was to change has changed,
            /// see [`CatalogueError::is_outcome_unknown`].
            #[error(transparent)]
            Catalogue(CatalogueError),
            /// The store of bytes cannot be used, or a blob is not there that a row of the catalogue names.
            #[error(transparent)]
            Blob(BlobError),
            /// The disk is full, or the quota used up. Nothing has changed.
            #[error("There is no space left on the disk of the cloud.")]
            Full(#[source] Box<dyn Error + Send + Sync>),
            /// The system gives no random bytes for the id of a version or an upload.
            #[error("cannot get random bytes from the system")]
            Random(#[source] getrandom::Error),
        }

        impl ObjectError {
            /// The refusals of the table, in its order.
            fn refusals() -> impl Iterator<Item = Self> {
                [$(Self::$name),*].into_iter()
            }

            /// Code and status.
            fn code_and_status(&self) -> (&'static str, u16) {
                match self {
                    $(Self::$name => ($code, $status),)*
                    Self::Worded { refusal, .. } | Self::WithHeaders { refusal, .. } => refusal.code_and_status(),
                    Self::Full(_) => Self::InsufficientStorage.code_and_status(),
                    Self::Blob(BlobError::Unavailable(_)) | Self::Catalogue(CatalogueError::Unavailable(_)) => {
                        Self::ServiceUnavailable.code_and_status()
                    }
                    Self::Catalogue(_) | Self::Blob(_) | Self::Random(_) => {
                        Self::Internal.code_and_status()
                    }
                }
            }
        }
    };
}

// Where a code has several messages, the first is the one for readers who know the code alone.
refusals! {
    AccessControlListNotSupported "AccessControlListNotSupported" 400 "The bucket does not allow ACLs";
    AccessDenied "AccessDenied" 403 "Access Denied";
    AccessForbidden "AccessForbidden" 403 "CORSResponse: This CORS request is not allowed.";
    AuthorizationHeaderMalformed "AuthorizationHeaderMalformed" 400 "The authorization header you provided is malformed.";
    AuthorizationQueryParametersError "AuthorizationQueryParametersError" 400 "The authorization query parameters that you provided are not valid.";
    BadDigest "BadDigest" 400 "The Content-MD5 you specified did not match what we received.";
    BadChecksum "BadDigest" 400 "The checksum you specified did not match what we received.";
    BadRequest "BadRequest" 400 "Bad Request";
    BucketExists "BucketAlreadyExists" 409 "The requested bucket name is not available.";
    BucketOwned "BucketAlreadyOwnedByYou" 409 "Your previous request to create the named bucket succeeded and you already own it.";
    BucketNotEmpty "BucketNotEmpty" 409 "The bucket you tried to delete is not empty.";
    ContentSha256Mismatch "XAmzContentSHA256Mismatch" 400 "The provided 'x-amz-content-sha256' header does not match what was computed.";
    DocumentTooLarge "MaxMessageLengthExceeded" 400 "Your request was too big.";
    EntityTooLarge "EntityTooLarge" 400 "Your proposed upload exceeds the maximum allowed object size.";
    EntityTooSmall "EntityTooSmall" 400 "Your proposed upload is smaller than the minimum allowed object size.";
    FieldsTooLong "MaxPostPreDataLengthExceededError" 400 "Your POST request fields preceding the upload file were too large.";
    IncompleteBody "IncompleteBody" 400 "You did not provide the number of bytes specified by the Content-Length HTTP header.";
    InsufficientStorage "InsufficientStorage" 507 "There is no space left on the disk of the cloud.";
    Internal "InternalError" 500 "We encountered an internal error. Please try again.";
    InvalidAccessKeyId "InvalidAccessKeyId" 403 "The AWS Access Key Id you provided does not exist in our records.";
    InvalidArgument "InvalidArgument" 400 "Invalid Argument";
    InvalidBucketName "InvalidBucketName" 400 "The specified bucket is not valid.";
    InvalidBucketState "InvalidBucketState" 409 "The request is not valid for the current state of the bucket.";
    InvalidDigest "InvalidDigest" 400 "The Content-MD5 you specified is not valid.";
    InvalidLocationConstraint "InvalidLocationConstraint" 400 "The specified location-constraint is not valid";
    InvalidPart "InvalidPart" 400 "One or more of the specified parts could not be found.";
    InvalidPartOrder "InvalidPartOrder" 400 "The list of parts was not in ascending order.";
    InvalidPolicyDocument "InvalidPolicyDocument" 400 "The content of the form does not meet the conditions specified in the policy document.";
    InvalidRange "InvalidRange" 416 "The requested range is not satisfiable.";
    InvalidRequest "InvalidRequest" 400 "Invalid Request";
    InvalidRetentionPeriod "InvalidRetentionPeriod" 400 "Default retention period must be a positive integer value";
    InvalidSecurity "InvalidSecurity" 403 "The provided security credentials are not valid.";
    InvalidStorageClass "InvalidStorageClass" 400 "The storage class you specified is not valid.";
    InvalidTag "InvalidTag" 400 "The tag provided was not a valid tag.";
    InvalidUri "InvalidURI" 400 "Couldn't parse the specified URI.";
    KeyTooLong "KeyTooLongError" 400 "Your key is too long.";
    Locked "AccessDenied" 403 "Access Denied because object protected by object lock.";
    MalformedAcl "MalformedACLError" 400 "The XML you provided was not well-formed or did not validate against our published schema.";
    MalformedForm "MalformedPOSTRequest" 400 "The body of your POST request is not well-formed multipart/form-data.";
    MalformedXml "MalformedXML" 400 "The XML you provided was not well-formed or did not validate against our published schema.";
    MetadataTooLarge "MetadataTooLarge" 400 "Your metadata headers exceed the maximum allowed metadata size.";
    MethodNotAllowed "MethodNotAllowed" 405 "The specified method is not allowed against this resource.";
    MissingContentLength "MissingContentLength" 411 "You must provide the Content-Length HTTP header.";
    MissingRequestBody "MissingRequestBodyError" 400 "Request body is empty.";
    MissingSecurityHeader "MissingSecurityHeader" 400 "Your request was missing a required header.";
    MalformedTrailer "MalformedTrailerError" 400 "The request contained trailing data that was not well-formed or did not conform to our published schema.";
    NoBucketPolicy "NoSuchBucketPolicy" 404 "The bucket policy does not exist";
    NoConfiguration "NoSuchConfiguration" 404 "The specified configuration does not exist.";
    NoCorsConfiguration "NoSuchCORSConfiguration" 404 "The CORS configuration does not exist";
    NoEncryption "ServerSideEncryptionConfigurationNotFoundError" 404 "The server side encryption configuration was not found";
    NoLifecycle "NoSuchLifecycleConfiguration" 404 "The lifecycle configuration does not exist";
    NoLockConfiguration "ObjectLockConfigurationNotFoundError" 404 "Object Lock configuration does not exist for this bucket.";
    NoObjectLock "NoSuchObjectLockConfiguration" 404 "The specified object does not have an ObjectLock configuration.";
    NoOwnershipControls "OwnershipControlsNotFoundError" 404 "The bucket ownership controls were not found";
    NoPublicAccessBlock "NoSuchPublicAccessBlockConfiguration" 404 "The public access block configuration was not found";
    NoReplication "ReplicationConfigurationNotFoundError" 404 "The replication configuration was not found";
    NoSuchBucket "NoSuchBucket" 404 "The specified bucket does not exist.";
    NoSuchKey "NoSuchKey" 404 "The specified key does not exist.";
    NoSuchUpload "NoSuchUpload" 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    NoSuchVersion "NoSuchVersion" 404 "The specified version does not exist.";
    NoTagSet "NoSuchTagSet" 404 "The TagSet does not exist.";
    NoTorrent "NoSuchKey" 404 "There is no torrent of the specified key.";
    NoWebsite "NoSuchWebsiteConfiguration" 404 "The specified bucket does not have a website configuration";
    NotImplemented "NotImplemented" 501 "A header or query you provided requested a function that is not implemented.";
    NotLockable "InvalidRequest" 400 "Bucket is missing Object Lock Configuration.";
    NotModified "NotModified" 304 "Not Modified";
    PreconditionFailed "PreconditionFailed" 412 "At least one of the preconditions you specified did not hold.";
    RequestTimeTooSkewed "RequestTimeTooSkewed" 403 "The difference between the request time and the current time is too large.";
    RequestHeadersTooLarge "RequestHeaderSectionTooLarge" 400 "Your request header section exceeds the maximum allowed size.";
    ServiceUnavailable "ServiceUnavailable" 503 "Service is unable to handle request.";
    SignatureDoesNotMatch "SignatureDoesNotMatch" 403 "The request signature we calculated does not match the signature you provided.";
    SlowDown "SlowDown" 503 "Please reduce your request rate.";
    Timeout "RequestTimeout" 400 "Your socket connection to the server was not read from or written to within the timeout period.";
    TooManyBuckets "TooManyBuckets" 400 "You have attempted to create more buckets than allowed.";
    TooManyTags "BadRequest" 400 "Object tags cannot be greater than 10";
    UnexpectedContent "UnexpectedContent" 400 "This request does not support content";
    UnresolvableGrant "UnresolvableGrantByEmailAddress" 400 "The email address you provided does not match any account on record.";
}

impl ObjectError {
    /// The code of S3's protocol: `NoSuchKey`.
    pub fn code(&self) -> &'static str {
        self.code_and_status().0
    }

    /// The status of HTTP: 404.
    pub fn status(&self) -> u16 {
        self.code_and_status().1
    }

    /// The refusal that has this code, with its usual message; `None` for codes that are not in the table.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::refusals().find(|refusal| refusal.code() == code)
    }

    /// Whether a rule of the protocol says no. All other errors are the cloud's own.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Full(_) | Self::Catalogue(_) | Self::Blob(_) | Self::Random(_)
        )
    }

    /// What a client may read of it: the message of a refusal or of a full disk. Of everything else it learns no more
    /// than that something went wrong.
    pub fn message(&self) -> String {
        match self {
            Self::Blob(BlobError::Unavailable(_))
            | Self::Catalogue(CatalogueError::Unavailable(_)) => {
                Self::ServiceUnavailable.to_string()
            }
            Self::Full(_) => self.to_string(),
            refusal if refusal.is_refusal() => refusal.to_string(),
            _ => Self::Internal.to_string(),
        }
    }

    /// Headers of the answer that describe the object: names in lower case, and values.
    pub fn headers(&self) -> &[(&'static str, String)] {
        match self {
            Self::WithHeaders { headers, .. } => headers,
            _ => &[],
        }
    }

    /// What a reader of an object has failed with.
    pub fn of_reading(error: io::Error) -> Self {
        let error = error.downcast::<BlobError>();
        error.unwrap_or_else(BlobError::Io).into()
    }

    /// Whether an error comes from a store of blobs that cannot be used at the moment.
    pub fn is_of_unavailable_blobs(error: &(dyn Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(cause) = next {
            let reading = cause.downcast_ref::<io::Error>();
            let inner = reading.and_then(|error| error.get_ref()?.downcast_ref());
            if let Some(BlobError::Unavailable(_)) = inner.or_else(|| cause.downcast_ref()) {
                return true;
            }
            next = cause.source();
        }
        false
    }

    /// Writes an error of the cloud's own into the log; refusals are left out.
    pub fn log(&self) {
        if !self.is_refusal() {
            tracing::error!(error = self as &dyn Error, "the store failed");
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Internal => Fault::Unexpected,
            Self::Worded { refusal, .. } | Self::WithHeaders { refusal, .. } => refusal.fault(),
            Self::Blob(BlobError::Unavailable(_))
            | Self::Catalogue(CatalogueError::Unavailable(_))
            | Self::ServiceUnavailable => Fault::Network,
            Self::Catalogue(_) | Self::Blob(_) | Self::Full(_) | Self::Random(_) => Fault::System,
            _ => Fault::Refused,
        }
    }

    /// Whether bytes are not there any more that a row named when it was looked up: the object may have changed, look it up again.
    pub fn is_of_older_row(&self) -> bool {
        matches!(self, Self::Blob(BlobError::NotFound(_)))
    }

    /// Whether a change that ended with this error may have happened anyway.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Catalogue(error) if error.is_outcome_unknown())
    }

    /// This refusal, with a message of its own.
    #[must_use]
    pub fn saying(self, message: impl Into<String>) -> Self {
        Self::Worded {
            refusal: Box::new(self),
            message: message.into(),
        }
    }

    /// This refusal, with something of the object in the headers of the answer.
    fn with_headers(self, headers: Vec<(&'static str, String)>) -> Self {
        Self::WithHeaders {
            refusal: Box::new(self),
            headers,
        }
    }

    /// `InvalidArgument` with a message that names the argument.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::InvalidArgument.saying(message)
    }

    /// `InvalidRequest` with a message that names what the request contradicts.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::InvalidRequest.saying(message)
    }

    /// `NotImplemented` with a message that names what the protocol knows and this store does not.
    pub fn not_implemented(message: &'static str) -> Self {
        Self::NotImplemented.saying(message)
    }

    /// `InvalidRange`, the answer to a reader of bytes behind the end of an object of this size.
    pub fn unsatisfiable(size: u64) -> Self {
        Self::InvalidRange.with_headers(vec![("content-range", format!("bytes */{size}"))])
    }

    /// `NotModified`, the answer to a reader who has the object already; its `ETag` is given without quotes.
    pub fn not_modified(etag: &str) -> Self {
        Self::NotModified.with_headers(vec![("etag", format!("\"{etag}\""))])
    }

    /// `NoSuchKey`, the answer to a request for an object that a delete marker with this version id hides.
    pub fn deleted(version: &str) -> Self {
        Self::NoSuchKey.with_headers(of_marker(version))
    }

    /// `MethodNotAllowed`, the answer to a request for the delete marker with this version id itself.
    pub fn is_marker(version: &str) -> Self {
        Self::MethodNotAllowed.with_headers(of_marker(version))
    }
}

/// What an answer says of a delete marker.
fn of_marker(version: &str) -> Vec<(&'static str, String)> {
    vec![
        ("x-amz-delete-marker", "true".to_owned()),
        ("x-amz-version-id", version.to_owned()),
    ]
}

impl From<CatalogueError> for ObjectError {
    fn from(error: CatalogueError) -> Self {
        // What a full disk has refused was taken back.
        match error {
            CatalogueError::Full(_) => Self::Full(error.into()),
            error => Self::Catalogue(error),
        }
    }
}

impl From<KeyTooLong> for ObjectError {
    fn from(_: KeyTooLong) -> Self {
        Self::KeyTooLong
    }
}

impl From<BlobError> for ObjectError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full(_) => Self::Full(error.into()),
            error => Self::Blob(error),
        }
    }
}

impl From<PutError> for ObjectError {
    fn from(error: PutError) -> Self {
        let source = match error {
            PutError::Refused(source) => source,
            PutError::Blob(error) => return error.into(),
            other => return Self::Blob(BlobError::Io(io::Error::other(other))),
        };
        // A body and its tap refuse with an `ObjectError`. All else that can break off is a reader of the store itself.
        match source.downcast::<Self>() {
            Ok(refusal) => *refusal,
            Err(source) => Self::Blob(BlobError::Io(io::Error::other(source))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unavailable_store_is_seen_through_what_a_reader_says() {
        let unavailable = || io::Error::other(BlobError::Unavailable("no route".into()));
        let error = ObjectError::of_reading(unavailable());
        assert_eq!(
            (error.code(), error.fault()),
            ("ServiceUnavailable", Fault::Network)
        );
        assert!(ObjectError::is_of_unavailable_blobs(&unavailable()));
        let around = io::Error::other(BlobError::Io(unavailable()));
        assert!(ObjectError::is_of_unavailable_blobs(&around));
        let damaged = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(!ObjectError::is_of_unavailable_blobs(&damaged));
        assert_eq!(ObjectError::of_reading(damaged).fault(), Fault::System);
    }

    #[test]
    fn a_full_disk_has_its_own_answer() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        for error in [
            ObjectError::from(BlobError::Full(full())),
            ObjectError::from(PutError::Blob(BlobError::Full(full()))),
            ObjectError::from(CatalogueError::Full(full().into())),
        ] {
            assert_eq!((error.code(), error.status()), ("InsufficientStorage", 507));
            assert!(!error.is_refusal());
            assert_eq!(
                error.message(),
                ObjectError::InsufficientStorage.to_string()
            );
        }
        let error = ObjectError::from(BlobError::Io(io::ErrorKind::PermissionDenied.into()));
        assert_eq!((error.code(), error.status()), ("InternalError", 500));
        assert_eq!(error.message(), ObjectError::Internal.to_string());
    }

    #[test]
    fn a_store_or_a_database_that_is_away_has_its_own_answer() {
        for error in [
            ObjectError::from(BlobError::Unavailable("no route to 10.0.0.7".into())),
            ObjectError::from(CatalogueError::Unavailable("no route to 10.0.0.8".into())),
        ] {
            assert_eq!((error.code(), error.status()), ("ServiceUnavailable", 503));
            assert!(!error.is_refusal(), "the reason belongs into the log");
            assert_eq!(error.message(), ObjectError::ServiceUnavailable.to_string());
            assert_eq!(error.fault(), Fault::Network);
            assert!(!error.is_outcome_unknown());
        }
    }

    #[test]
    fn what_a_body_was_refused_with_comes_back() {
        let refused = PutError::Refused(ObjectError::EntityTooLarge.into());
        let error = ObjectError::from(refused);
        assert!(matches!(error, ObjectError::EntityTooLarge), "{error:?}");
        let broken = PutError::Refused(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        assert_eq!(ObjectError::from(broken).code(), "InternalError");
    }

    #[test]
    fn a_commit_may_have_happened_only_when_the_database_fails() {
        for unknown in [
            CatalogueError::Database(io::Error::other("cut off").into()),
            CatalogueError::OutcomeUnknown(io::Error::other("cut off").into()),
        ] {
            assert!(ObjectError::from(unknown).is_outcome_unknown());
        }
        let full = CatalogueError::Full(io::Error::other("full").into());
        assert!(!ObjectError::from(full).is_outcome_unknown());
        assert!(!ObjectError::AccessDenied.is_outcome_unknown());
    }

    #[test]
    fn a_code_alone_leads_to_status_and_message() {
        let refusal = ObjectError::of_code("BadDigest").unwrap();
        assert!(matches!(refusal, ObjectError::BadDigest));
        assert_eq!(ObjectError::of_code("InvalidRange").unwrap().status(), 416);
        assert!(ObjectError::of_code("NoSuchCode").is_none());
    }

    #[test]
    fn a_code_has_one_status() {
        for refusal in ObjectError::refusals() {
            let first = ObjectError::of_code(refusal.code()).unwrap();
            assert_eq!(first.status(), refusal.status(), "{}", refusal.code());
        }
    }

    #[test]
    fn words_and_headers_change_neither_code_nor_status() {
        let worded = ObjectError::AccessDenied.saying("No.");
        assert_eq!((worded.code(), worded.status()), ("AccessDenied", 403));
        assert_eq!(worded.to_string(), "No.");
        let deleted = ObjectError::deleted("v");
        assert_eq!((deleted.code(), deleted.status()), ("NoSuchKey", 404));
        assert_eq!(deleted.to_string(), ObjectError::NoSuchKey.to_string());
    }
}
