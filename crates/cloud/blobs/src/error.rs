//! Why a store of blobs does not do what it was asked.

use std::error::Error;
use std::io;

use gumnut_types::Fault;

use crate::BlobName;

/// An error of the body or tap of the caller, passed through the store. `downcast` gives it back.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a store of blobs does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is no blob of this name: it was deleted, or its name was never given out.
    #[error("there is no blob {0}")]
    NotFound(BlobName),
    /// The disk is full, the quota used up, or the blob larger than the disk can take. Nothing of the blob is left.
    #[error("there is no space left for blobs")]
    Full(#[source] io::Error),
    /// A store on another machine cannot be used now; the source says why. Clients may try again later.
    #[error("the store of blobs is not available")]
    Unavailable(#[source] BoxError),
    /// The store cannot be used; the source says which file of it, where there are files.
    #[error("cannot use the store of blobs")]
    Io(#[from] io::Error),
}

/// Why a blob was not put. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The body broke off, or its tap refused it. The source is the error that the body or the tap gave; that of a
    /// body which is a reader is a [`std::io::Error`].
    #[error("the body of a blob was refused")]
    Refused(#[source] BoxError),
    /// The store has no room, or cannot be used.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl PutError {
    /// Whose fault it is: of the caller's body, or of the store.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) => Fault::Input,
            Self::Blob(error) => error.fault(),
        }
    }
}

impl BlobError {
    /// Whose fault it is: a blob that does not exist is the caller's, the rest is the machine's.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotFound(_) => Fault::Input,
            Self::Unavailable(_) => Fault::Network,
            Self::Full(_) | Self::Io(_) => Fault::System,
        }
    }

    /// Distinguishes an error of writing that is due to a lack of room ([`BlobError::Full`]) from others ([`BlobError::Io`]).
    ///
    /// A lack of room is what the system reports as `ENOSPC`, `EDQUOT` or `EFBIG`.
    pub fn writing(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full(source),
            _ => Self::Io(source),
        }
    }

    /// Distinguishes a blob that does not exist ([`BlobError::NotFound`]) from other errors of opening it ([`BlobError::Io`]).
    pub fn opening(name: BlobName, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound(name),
            _ => Self::Io(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_lack_of_room_is_told_apart() {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            let error = BlobError::writing(errno.into());
            assert!(matches!(error, BlobError::Full(_)), "{error:?}");
            assert_eq!(PutError::from(error).fault(), Fault::System);
        }
        for errno in [Errno::IO, Errno::ACCESS, Errno::NOENT, Errno::ROFS] {
            let error = BlobError::writing(errno.into());
            assert!(matches!(error, BlobError::Io(_)), "{error:?}");
        }
    }

    #[test]
    fn an_absent_blob_is_told_apart() {
        let name = BlobName::fresh(crate::Folder::Root).unwrap();
        let error = BlobError::opening(name, Errno::NOENT.into());
        assert!(matches!(error, BlobError::NotFound(absent) if absent == name));
        assert_eq!(error.fault(), Fault::Input);
        let error = BlobError::opening(name, Errno::ACCESS.into());
        assert!(matches!(error, BlobError::Io(_)), "{error:?}");
    }
}
