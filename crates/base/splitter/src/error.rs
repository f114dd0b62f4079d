//! What can go wrong with parts.

use std::io;
use std::path::PathBuf;

use gumnut_types::{Fault, NameError, PartName, Sha1Digest};

/// Why parts could not be written, found or trusted.
///
/// Inside `Read` and `Write` it travels as the inner error of an [`io::Error`];
/// [`SplitterError::from_io`] takes it out again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitterError {
    /// Reading or writing the stream beneath failed.
    #[error("cannot read or write a stream")]
    Io(#[source] io::Error),
    /// The prefix of a bundle is too long for the names of its files.
    #[error("the prefix `{prefix}` is too long: a part's name would have more than 255 bytes")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with the longest name made of it.
        #[source]
        source: NameError,
    },
    /// There are more parts than a manifest has room for.
    #[error("the bundle has more than {limit} parts: choose a larger part size")]
    TooManyParts {
        /// The largest number of parts.
        limit: u32,
    },

    /// A part could not be stored.
    #[error("cannot store the part `{name}`")]
    Store {
        /// The part.
        name: PartName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The directory of a bundle cannot be used.
    #[error("cannot use the directory {}", path.display())]
    Folder {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the bundle cannot be written or cannot get its final name.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file with the name of one of the bundle's files is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The bundle should be committed in the middle of a part.
    #[error("the last part is not finished, which is a bug in gumnut: please report it")]
    Unfinished,

    /// A part is not there.
    #[error("the part `{name}` is missing")]
    Missing {
        /// The part.
        name: PartName,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A part is a link, a directory or a device.
    #[error("the part `{name}` is not a regular file")]
    NotRegular {
        /// The part.
        name: PartName,
    },
    /// A part cannot be read.
    #[error("cannot read the part `{name}`")]
    Read {
        /// The part.
        name: PartName,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A part is not the one that the manifest lists.
    #[error(
        "the part `{name}` is damaged or belongs to another bundle: \
         its {size} bytes have the SHA-1 digest {actual}, the manifest says {expected}"
    )]
    Digest {
        /// The part.
        name: PartName,
        /// Its size in bytes.
        size: u64,
        /// What the manifest says.
        expected: Sha1Digest,
        /// What it has.
        actual: Sha1Digest,
    },
    /// A part that is not the last has no bytes.
    #[error("the part `{name}` is empty, and it is not the last one")]
    Empty {
        /// The part.
        name: PartName,
    },
    /// A part does not end.
    #[error("the part `{name}` has more than {limit} bytes")]
    TooLarge {
        /// The part.
        name: PartName,
        /// The bound in bytes.
        limit: u64,
    },
    /// More bytes come than all parts should have together.
    #[error("with the part `{name}` the parts have more than the {expected} bytes of the manifest")]
    Excess {
        /// The part that was being read.
        name: PartName,
        /// What the manifest says.
        expected: u64,
    },
    /// All parts together have another size than the manifest says.
    #[error("the parts have {actual} bytes in total, the manifest says {expected}")]
    TotalSize {
        /// What the manifest says.
        expected: u64,
        /// What they have.
        actual: u64,
    },
}

impl SplitterError {
    /// Takes a splitter error out of an [`io::Error`] that carries one; any other becomes
    /// [`SplitterError::Io`].
    pub fn from_io(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
    }

    /// Whose fault it is. A directory that is not there is one of the input; a directory that cannot be used for another
    /// reason is one of the machine.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Folder { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Fault::Input
            }
            Self::Folder { .. } | Self::Store { .. } | Self::File { .. } | Self::Io(_) => {
                Fault::System
            }
            _ => Fault::Input,
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Store { source, .. }
            | Self::Folder { source, .. }
            | Self::File { source, .. }
            | Self::Missing { source, .. }
            | Self::Read { source, .. } => source.kind(),
            Self::Io(error) => error.kind(),
            Self::Exists { .. } => io::ErrorKind::AlreadyExists,
            Self::Unfinished => io::ErrorKind::Other,
            Self::Prefix { .. } | Self::TooManyParts { .. } => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::InvalidData,
        }
    }
}

impl From<SplitterError> for io::Error {
    fn from(error: SplitterError) -> Self {
        match error {
            SplitterError::Io(error) => error,
            error => Self::new(error.kind(), error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_the_machine_and_what_cannot_be_read_the_bundle() {
        let name: PartName = "image.part.0".parse().unwrap();
        let folder = |kind: io::ErrorKind| SplitterError::Folder {
            path: PathBuf::from("/bundles"),
            source: kind.into(),
        };
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let store = SplitterError::Store {
            name: name.clone(),
            source: full(),
        };
        let exists = SplitterError::Exists {
            path: PathBuf::from("/bundles/image.part.0"),
        };
        let read = SplitterError::Read {
            name,
            source: full(),
        };
        assert_eq!(folder(io::ErrorKind::NotFound).fault(), Fault::Input);
        assert_eq!(
            folder(io::ErrorKind::PermissionDenied).fault(),
            Fault::System
        );
        assert_eq!(store.fault(), Fault::System);
        assert_eq!(SplitterError::Io(full()).fault(), Fault::System);
        assert_eq!(exists.fault(), Fault::Input);
        assert_eq!(read.fault(), Fault::Input);
    }
}
