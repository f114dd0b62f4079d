//! What can go wrong with a bundle.

use std::io;
use std::path::PathBuf;

use gumnut_archive::ArchiveError;
use gumnut_crypto::CryptoError;
use gumnut_manifest::ManifestError;
use gumnut_splitter::SplitterError;
use gumnut_types::{Fault, PartName, Sha1Digest};

/// Why an image could not be bundled, or a bundle not be opened or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The image cannot be opened.
    #[error("cannot open the image {}", path.display())]
    OpenImage {
        /// The image.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The image is a directory, a device, a pipe or a socket.
    #[error("{} is {what}: an image must be a regular file with a disk, kernel or ramdisk", path.display())]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The image has no bytes.
    #[error("the image {image} is empty")]
    EmptyImage {
        /// The image.
        image: String,
    },
    /// The image cannot be read, or has another size than announced.
    #[error("cannot read the image {image}")]
    ReadImage {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: ArchiveError,
    },
    /// The image's size or time changed.
    #[error(
        "the image {image} changed while it was read: stop the program that writes to it, and try again"
    )]
    ImageChanged {
        /// The image.
        image: String,
    },
    /// Holes are known in files only.
    #[error("the holes of {image} are not known, so it cannot be stored as a sparse file")]
    SparseReader {
        /// The image.
        image: String,
    },
    /// The image has so many holes that readers would refuse the map of them.
    #[error("the image {image} has {segments} data segments, too many for a sparse file")]
    SparseFragmented {
        /// The image.
        image: String,
        /// How many pieces of data are between the holes.
        segments: usize,
    },
    /// The compressor failed.
    #[error("cannot compress the image")]
    Compress(#[source] ArchiveError),
    /// A part could not be stored.
    #[error("cannot write the bundle")]
    WriteParts(#[source] SplitterError),
    /// No key could be made or wrapped.
    #[error("cannot generate the bundle's key")]
    Key(#[source] CryptoError),
    /// The manifest would not be valid.
    #[error("cannot create the manifest")]
    Manifest(#[source] ManifestError),

    /// A part is missing, damaged, or another one.
    #[error("cannot read the bundle")]
    ReadParts(#[source] SplitterError),
    /// The manifest's sum of part sizes cannot be that of encrypted data.
    #[error(
        "the manifest says that the parts have {size} bytes, which is not a positive multiple of 16"
    )]
    BundledSize {
        /// The size in bytes.
        size: u64,
    },
    /// The image is larger than the limit.
    #[error("the image would have {size} bytes, the limit is {limit}")]
    ImageTooLarge {
        /// The size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The decrypted bytes do not end as they must.
    #[error("cannot decrypt the bundle: the key is wrong, or the bundle is damaged")]
    Decrypt(#[source] io::Error),
    /// The decrypted bytes are no right gzip stream.
    #[error("cannot decompress the bundle")]
    Gunzip(#[source] ArchiveError),
    /// The decompressed bytes are no right tar stream.
    #[error("cannot unpack the bundle")]
    Untar(#[source] ArchiveError),
    /// The size of the packed file is not the manifest's.
    #[error("the bundle contains an image of {actual} bytes, the manifest says {expected}")]
    ImageSize {
        /// What the manifest says.
        expected: u64,
        /// What the tar header says.
        actual: u64,
    },
    /// The image digest is not the manifest's.
    #[error("the bundle's image digest is {actual}, the manifest says {expected}")]
    ImageDigest {
        /// What the manifest says.
        expected: Sha1Digest,
        /// What the tar stream has.
        actual: Sha1Digest,
    },

    /// The output exists already.
    #[error("{} exists already", path.display())]
    OutputExists {
        /// The path.
        path: PathBuf,
    },
    /// The output has the name of a part.
    #[error("the image must not be written to {}: that is the name of a part of the bundle", path.display())]
    OutputIsPart {
        /// The path.
        path: PathBuf,
        /// The part.
        part: PartName,
    },
    /// The output cannot be made or given its name.
    #[error("cannot write {}", path.display())]
    Output {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The restored image cannot be stored.
    #[error("cannot write the restored image")]
    WriteImage(#[source] io::Error),

    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The system refused to start a thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A thread died.
    #[error("the thread `{name}` panicked, which is a bug in gumnut: please report it")]
    Died {
        /// The thread.
        name: &'static str,
    },
}

impl BundleError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Cancelled => Fault::Cancelled,
            Self::Died { .. } | Self::Compress(ArchiveError::WorkerDied) => Fault::Unexpected,
            Self::WriteParts(
                SplitterError::Exists { .. }
                | SplitterError::Prefix { .. }
                | SplitterError::TooManyParts { .. },
            ) => Fault::Input,
            // The path that was given cannot be a file, whatever the state of the machine.
            Self::Output { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::NotADirectory
                        | io::ErrorKind::IsADirectory
                        | io::ErrorKind::InvalidFilename
                ) =>
            {
                Fault::Input
            }
            Self::Compress(_)
            | Self::WriteParts(_)
            | Self::Key(_)
            | Self::Output { .. }
            | Self::WriteImage(_)
            | Self::Thread(_) => Fault::System,
            _ => Fault::Input,
        }
    }
}
