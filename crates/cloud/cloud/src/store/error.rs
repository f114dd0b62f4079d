//! Why the object store refuses something.

use std::io;

use rusqlite::ErrorCode;

/// Why the object store refuses something. Each has a code of S3's protocol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A rule of the protocol; the message is what the client reads.
    #[error("{message}")]
    Refused {
        code: &'static str,
        message: &'static str,
    },
    /// A rule of the protocol, and what the answer says of the object in its headers.
    #[error("{message}")]
    Marked {
        code: &'static str,
        message: &'static str,
        headers: Vec<(&'static str, String)>,
    },
    /// An argument of the request, named in the message.
    #[error("{message}")]
    Argument { code: &'static str, message: String },
    /// The catalogue cannot be used.
    #[error("cannot use the catalogue")]
    Catalogue(#[source] rusqlite::Error),
    /// A row of the catalogue cannot be understood.
    #[error("the catalogue holds something that is not understood")]
    Row(#[from] serde_json::Error),
    /// A file of the store cannot be used; the source names it.
    #[error("cannot use a file of the store")]
    File(#[from] io::Error),
    /// The disk is full, or the quota used up.
    #[error("There is no room left on the disk of the cloud.")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A task ended before its time.
    #[error("a task of the store failed")]
    Task(#[from] tokio::task::JoinError),
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $code:literal, $message:literal;)*) => {
        #[expect(non_upper_case_globals, reason = "they read like the variants of an enum")]
        impl StoreError {
            $($(#[$doc])* pub(crate) const $name: Self = Self::Refused { code: $code, message: $message };)*
        }
    };
}

refusals! {
    AccessDenied: "AccessDenied", "Access Denied";
    BadDigest: "BadDigest", "The Content-MD5 you specified did not match what we received.";
    BadChecksum: "BadDigest", "The checksum you specified did not match what we received.";
    BucketExists: "BucketAlreadyExists", "The requested bucket name is not available.";
    BucketOwned: "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.";
    BucketNotEmpty: "BucketNotEmpty", "The bucket you tried to delete is not empty.";
    DocumentTooLarge: "MaxMessageLengthExceeded", "Your request was too big.";
    EntityTooLarge: "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.";
    EntityTooSmall: "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.";
    IncompleteBody: "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.";
    Internal: "InternalError", "We encountered an internal error. Please try again.";
    InvalidDigest: "InvalidDigest", "The Content-MD5 you specified is not valid.";
    InvalidPart: "InvalidPart", "One or more of the specified parts could not be found.";
    InvalidPartOrder: "InvalidPartOrder", "The list of parts was not in ascending order.";
    InvalidRange: "InvalidRange", "The requested range is not satisfiable.";
    InvalidUri: "InvalidURI", "Couldn't parse the specified URI.";
    InvalidTag: "InvalidTag", "The tag provided was not a valid tag.";
    KeyTooLong: "KeyTooLongError", "Your key is too long.";
    Locked: "AccessDenied", "Access Denied because object protected by object lock.";
    MalformedAcl: "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema.";
    MalformedForm: "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.";
    MalformedXml: "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema.";
    MethodNotAllowed: "MethodNotAllowed", "The specified method is not allowed against this resource.";
    MissingContentLength: "MissingContentLength", "You must provide the Content-Length HTTP header.";
    NoSuchBucket: "NoSuchBucket", "The specified bucket does not exist.";
    NoSuchKey: "NoSuchKey", "The specified key does not exist.";
    NoSuchUpload: "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    NoSuchVersion: "NoSuchVersion", "The specified version does not exist.";
    PreconditionFailed: "PreconditionFailed", "At least one of the preconditions you specified did not hold.";
    SlowDown: "SlowDown", "Please reduce your request rate.";
    Timeout: "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period.";
    NoLockConfiguration: "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket.";
    NoObjectLock: "NoSuchObjectLockConfiguration", "The specified object does not have an ObjectLock configuration.";
    NoTorrent: "NoSuchKey", "There is no torrent of the specified key.";
    NotLockable: "InvalidRequest", "Bucket is missing Object Lock Configuration.";
    TooManyBuckets: "TooManyBuckets", "You have attempted to create more buckets than allowed.";
    TooManyTags: "BadRequest", "Object tags cannot be greater than 10";
}

impl StoreError {
    /// The code of S3's protocol.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. }
            | Self::Marked { code, .. }
            | Self::Argument { code, .. } => code,
            Self::Full(_) => "InsufficientStorage",
            Self::Catalogue(_) | Self::Row(_) | Self::File(_) | Self::Task(_) => "InternalError",
        }
    }

    /// An argument that cannot be, for which `InvalidArgument` is the code.
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::Argument {
            code: "InvalidArgument",
            message: message.into(),
        }
    }

    /// A request that contradicts itself, or what it goes on with.
    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::Argument {
            code: "InvalidRequest",
            message: message.into(),
        }
    }

    /// The answer to a reader who has the object already.
    pub(crate) fn not_modified(etag: &str) -> Self {
        Self::Marked {
            code: "NotModified",
            message: "Not Modified",
            headers: vec![("etag", format!("\"{etag}\""))],
        }
    }

    /// The answer to whoever asks for something that a marker of a deletion hides.
    pub(crate) fn deleted(version: &str) -> Self {
        Self::hidden(Self::NoSuchKey, version)
    }

    /// The answer to whoever asks for the marker of a deletion itself.
    pub(crate) fn is_marker(version: &str) -> Self {
        Self::hidden(Self::MethodNotAllowed, version)
    }

    fn hidden(refusal: Self, version: &str) -> Self {
        let Self::Refused { code, message } = refusal else {
            return refusal;
        };
        let marker = ("x-amz-delete-marker", "true".to_owned());
        let version = ("x-amz-version-id", version.to_owned());
        Self::Marked {
            code,
            message,
            headers: vec![marker, version],
        }
    }

    /// Something that the protocol knows and this store does not.
    pub(crate) fn not_implemented(message: &'static str) -> Self {
        Self::Refused {
            code: "NotImplemented",
            message,
        }
    }

    /// An error of writing, told apart from a full disk.
    pub(crate) fn writing(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full(source.into()),
            _ => Self::File(source),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // What a full disk has refused was taken back.
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            Self::Full(error.into())
        } else {
            Self::Catalogue(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_answer() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = StoreError::writing(kind.into());
            assert_eq!(error.code(), "InsufficientStorage");
        }
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        let error = StoreError::from(rusqlite::Error::SqliteFailure(full, None));
        assert_eq!(error.code(), "InsufficientStorage");
        let error = StoreError::writing(io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.code(), "InternalError");
    }
}
