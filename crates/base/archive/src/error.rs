//! What can go wrong with an archive.

use std::io;

use gumnut_types::Fault;

/// Why a stream could not be written or read.
///
/// Inside `Read`, `BufRead` and `Write` it travels as the inner error of an [`io::Error`];
/// [`ArchiveError::from_io`] takes it out again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Reading or writing the stream beneath failed.
    #[error("cannot read or write a stream")]
    Io(#[source] io::Error),

    /// The image ended before its announced size.
    #[error("the image ended after {actual} of {expected} bytes: did it shrink while it was read?")]
    Shrank {
        /// The announced size in bytes.
        expected: u64,
        /// Bytes that there were.
        actual: u64,
    },
    /// The image continued behind its announced size.
    #[error("the image has more than {expected} bytes: did it grow while it was read?")]
    Grew {
        /// The announced size in bytes.
        expected: u64,
    },

    /// A compressor could not be driven to the end of a block.
    #[error("deflate stopped in the middle of a block, which is a bug in gumnut: please report it")]
    DeflateStuck,
    /// A compressed block did not inflate to its input.
    #[error(
        "a compressed block does not inflate to its input: \
         the memory or the processor of this machine may be faulty"
    )]
    SelfCheck,
    /// A compressor thread ended early.
    #[error("a compressor thread panicked, which is a bug in gumnut: please report it")]
    WorkerDied,
    /// The writing end of a compressor was dropped without being finished.
    #[error("the input of the compressor ended early")]
    Abandoned,

    /// The bytes are not the start of a gzip member.
    #[error("not a gzip stream: wrong key, or not a bundle")]
    NotGzip,
    /// A gzip header is malformed.
    #[error("malformed gzip header: {0}")]
    GzipHeader(&'static str),
    /// The compressed data are malformed.
    #[error("malformed deflate data in the gzip stream")]
    Inflate(#[source] flate2::DecompressError),
    /// A gzip member's CRC-32 differs.
    #[error("gzip check failed: CRC-32 is {actual:08x}, the stream says {expected:08x}")]
    Crc {
        /// What the trailer says.
        expected: u32,
        /// What the data have.
        actual: u32,
    },
    /// A gzip member's length differs.
    #[error("gzip check failed: {actual} bytes modulo 2^32, the stream says {expected}")]
    Length {
        /// What the trailer says.
        expected: u32,
        /// What the data have.
        actual: u32,
    },
    /// The gzip stream stops in the middle.
    #[error("the gzip stream is truncated")]
    GzipCut,
    /// Something that is no gzip member follows the last one.
    #[error("extra bytes after the gzip stream")]
    GzipJunk,
    /// More bytes come out of the gzip stream than the bound allows.
    #[error("the gzip stream contains more than the {limit} bytes that the image can need")]
    TooLong {
        /// The bound in bytes.
        limit: u64,
    },

    /// The tar stream stops in the middle.
    #[error("the tar stream is truncated")]
    TarCut,
    /// There is no member at all.
    #[error("the tar stream is empty")]
    NoMember,
    /// A tar header's checksum does not match.
    #[error("tar header with a wrong checksum at byte {offset}")]
    TarChecksum {
        /// Where the header starts in the stream.
        offset: u64,
    },
    /// A number in a tar header is malformed or too large.
    #[error("malformed number in the tar header: {field}")]
    TarNumber {
        /// Which field it is.
        field: &'static str,
    },
    /// A member of a type that is no plain or sparse file.
    #[error("the tar member has type {kind:?}: only a regular file is an image")]
    TarType {
        /// The type flag.
        kind: char,
    },
    /// A PAX extended header is malformed.
    #[error("malformed PAX header in the tar stream")]
    Pax,
    /// A PAX sparse member.
    #[error("the tar member is a PAX sparse file ({key}), which clouds restore wrongly")]
    PaxSparse {
        /// The keyword that shows it.
        key: String,
    },
    /// The headers before the member exceed their bound.
    #[error("the headers before the tar member exceed {limit} bytes")]
    TarHeaders {
        /// The bound in bytes.
        limit: usize,
    },
    /// A sparse map whose segments are not ascending, overlap, or leave the file.
    #[error("malformed sparse map in the tar header: {0}")]
    SparseMap(&'static str),
    /// A sparse map larger than its bound.
    #[error("the sparse map exceeds {limit} bytes")]
    SparseMapSize {
        /// The bound in bytes.
        limit: u64,
    },
    /// A second member follows the image.
    #[error("the tar stream has a second member; a bundle contains one")]
    SecondMember,
    /// Something other than zeros follows the end of the archive.
    #[error("extra bytes after the end of the tar stream")]
    TarJunk,
}

impl ArchiveError {
    /// Takes an archive error out of an [`io::Error`] that carries one; any other becomes
    /// [`ArchiveError::Io`].
    pub fn from_io(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
    }

    /// Whose fault it is: what a stream holds is [`Fault::Input`], what the machine does to it [`Fault::System`].
    pub fn fault(&self) -> Fault {
        match self {
            Self::Io(_) | Self::SelfCheck => Fault::System,
            Self::DeflateStuck | Self::WorkerDied | Self::Abandoned => Fault::Unexpected,
            _ => Fault::Input,
        }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::DeflateStuck | Self::SelfCheck | Self::WorkerDied => io::ErrorKind::Other,
            Self::Abandoned => io::ErrorKind::BrokenPipe,
            Self::Shrank { .. } | Self::GzipCut | Self::TarCut => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        }
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Io(error) => error,
            error => Self::new(error.kind(), error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_error_survives_the_way_through_io() {
        let error = io::Error::from(ArchiveError::TooLong { limit: 5 });
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(matches!(
            ArchiveError::from_io(error),
            ArchiveError::TooLong { limit: 5 }
        ));
    }

    #[test]
    fn an_io_error_is_not_wrapped_twice() {
        let error = io::Error::from(ArchiveError::Io(io::ErrorKind::StorageFull.into()));
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(matches!(ArchiveError::from_io(error), ArchiveError::Io(_)));
    }

    #[test]
    fn the_content_the_machine_and_gumnut_are_told_apart() {
        let io = ArchiveError::Io(io::ErrorKind::StorageFull.into());
        assert_eq!(io.fault(), Fault::System);
        assert_eq!(ArchiveError::SelfCheck.fault(), Fault::System);
        assert_eq!(ArchiveError::WorkerDied.fault(), Fault::Unexpected);
        assert_eq!(ArchiveError::Grew { expected: 1 }.fault(), Fault::Input);
        assert_eq!(ArchiveError::TarCut.fault(), Fault::Input);
    }
}
