//! Why a bucket cannot be used.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use gumnut_cloud_blobs::{BlobError, BlobName};
use gumnut_types::Fault;
use object_store::client::HttpError;

use crate::BucketUrlError;

/// Why a bucket cannot be used.
///
/// Those from [`BucketError::NoBucket`] on come of a request; they are the source of a [`BlobError::Unavailable`], and clients
/// may try again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// Its URL is wrong.
    #[error(transparent)]
    Url(#[from] BucketUrlError),
    /// The file with the keys cannot be read; the source names it.
    #[error("cannot read the keys to the bucket")]
    KeyFile(#[source] io::Error),
    /// Others can read the file with the keys.
    #[error(
        "the file {path:?} with the keys to the bucket has mode {mode:04o}, so others can use it; run: chmod 600 {path:?}"
    )]
    OpenKeyFile {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file with the keys has another content.
    #[error(
        "the file {0:?} with the keys to the bucket must have two lines: the access key id and the secret access key"
    )]
    KeyForm(PathBuf),
    /// The file with certificate authorities cannot be used; the source says why.
    #[error("cannot use the certificate authorities in {path:?}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The client cannot be set up.
    #[error("cannot set up the client for the bucket")]
    Setup(#[source] Box<dyn Error + Send + Sync>),
    /// There is no such bucket.
    #[error("there is no bucket {0}; create it, or correct the URL of the blobs")]
    NoBucket(String),
    /// The keys are wrong, or their user has no right to the bucket.
    #[error(
        "access to the bucket {place} was denied ({code}); check the keys and the rights of their user"
    )]
    Denied {
        /// Which bucket.
        place: String,
        /// The code of the store's answer, or its status.
        code: String,
    },
    /// The clocks differ too much for signatures.
    #[error(
        "the clock of this machine and that of the store with the bucket {0} differ too much; set the clocks"
    )]
    Clock(String),
    /// The store asks for fewer requests.
    #[error("the store with the bucket {place} is overloaded or failing ({code}); try again later")]
    Busy {
        /// Which bucket.
        place: String,
        /// The code of the store's answer, or its status.
        code: String,
    },
    /// The store has no room, or the quota is used up.
    #[error("the store with the bucket {place} has no space left ({code})")]
    Full {
        /// Which bucket.
        place: String,
        /// The code of the store's answer, or its status.
        code: String,
    },
    /// The store cannot be reached, or has not answered in time.
    #[error("the store with the bucket {place} cannot be reached")]
    Unreachable {
        /// Which bucket.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store cannot be trusted, or does not speak TLS.
    #[error(
        "no secure connection to the store with the bucket {place}; check its certificate and the parameter `ca`"
    )]
    Tls {
        /// Which bucket.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An answer that was not foreseen.
    #[error("the store with the bucket {place} answered {status} {code}: {message}")]
    Answer {
        /// Which bucket.
        place: String,
        /// The status.
        status: u16,
        /// The code; empty when there was none.
        code: String,
        /// The message; empty when there was none.
        message: String,
    },
    /// The store has other bytes than were sent, or its `ETag` is something else.
    #[error(
        "the bucket {place} has the ETag {etag:?} for bytes with the MD5 {md5}; they were damaged on the way, or the ETags of this store \
         are not MD5s: use verify-etag=false then"
    )]
    Tag {
        /// Which bucket.
        place: String,
        /// What the store said; empty when it said nothing.
        etag: String,
        /// The MD5, in hex.
        md5: String,
    },
}

impl BucketError {
    /// Whose fault it is: a wrong URL or file with keys is that of the operator.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Url(_) | Self::OpenKeyFile { .. } | Self::KeyForm(_) => Fault::Usage,
            Self::KeyFile(_) | Self::Authority { .. } => Fault::Input,
            Self::NoBucket(_) | Self::Denied { .. } => Fault::Refused,
            Self::Setup(_) | Self::Clock(_) | Self::Full { .. } => Fault::System,
            Self::Busy { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Answer { .. }
            | Self::Tag { .. } => Fault::Network,
        }
    }

    /// Whether asking again soon may help.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }
}

impl From<BucketError> for BlobError {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Full { .. } => Self::Full(io::Error::other(error)),
            BucketError::Tag { .. } => Self::Io(io::Error::other(error)),
            BucketError::Answer { status: 416, .. } => {
                Self::Io(io::Error::new(io::ErrorKind::UnexpectedEof, error))
            }
            error => Self::Unavailable(error.into()),
        }
    }
}

/// What went wrong with a request of `object_store` about a blob; `place` names the bucket.
pub(crate) fn of_request(
    place: &str,
    name: Option<BlobName>,
    error: object_store::Error,
) -> BlobError {
    if let (object_store::Error::NotFound { .. }, Some(name)) = (&error, name) {
        return BlobError::NotFound(name);
    }
    if let Some(found) = find::<Carried>(&error) {
        return found.take().into();
    }
    if find::<HttpError>(&error).is_some() {
        let (place, source) = (place.to_owned(), innermost(&error));
        return BucketError::Unreachable { place, source }.into();
    }
    BlobError::Io(io::Error::other(error))
}

/// The innermost reason of an error: what is around it names the request again and again.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> Box<dyn Error + Send + Sync> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain
        .last()
        .map_or_else(String::new, ToString::to_string)
        .into()
}

/// The first error of a type in a chain of sources.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref::<E>())
}

/// An error on its way through `object_store`, which gives it back by reference.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Carried {
    text: String,
    error: std::sync::Mutex<Option<BucketError>>,
}

impl Carried {
    pub(crate) fn new(error: BucketError) -> Self {
        Self {
            text: error.to_string(),
            error: std::sync::Mutex::new(Some(error)),
        }
    }

    /// The error; it can be taken once, and then its text is left.
    fn take(&self) -> BucketError {
        let mut error = self
            .error
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        error
            .take()
            .unwrap_or_else(|| BucketError::Setup(self.text.clone().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_errors() {
        let place = || "\"b\" at http://rgw".to_owned();
        let code = || "SlowDown".to_owned();
        let busy = BucketError::Busy {
            place: place(),
            code: code(),
        };
        assert!(busy.is_passing());
        let error = BlobError::from(busy);
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
        let error = BlobError::from(BucketError::Full {
            place: place(),
            code: code(),
        });
        assert!(matches!(error, BlobError::Full(_)), "{error:?}");
        let tag = BucketError::Tag {
            place: place(),
            etag: String::new(),
            md5: String::new(),
        };
        let error = BlobError::from(tag);
        assert!(matches!(error, BlobError::Io(_)), "{error:?}");
    }
}
