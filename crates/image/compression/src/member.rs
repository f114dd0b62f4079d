//! One member of a compressed stream.

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use crate::Compression;
use crate::lz4::{Frame, Legacy};
use crate::lzop::Lzop;
use crate::zstd::Zstd;

/// Memory that a dictionary may ask for, in bytes: that of `xz -9` has 64 MiB.
const LZMA_MEMORY: u64 = 128 << 20;

/// One member of a compressed stream, from the first byte of the reader on. At the end of the member it reads no further, so that
/// [`Member::into_inner`] gives the reader at the first byte behind it.
///
/// LZ4 in its old form has no end of its own: its member ends with the stream, or where a block would have a length of zero.
pub struct Member<R: BufRead>(Decoder<R>);

enum Decoder<R: BufRead> {
    Gzip(GzDecoder<R>),
    Bzip2(BzDecoder<R>),
    /// lzma, xz and lzip.
    Lzma(XzDecoder<R>),
    Lzop(Lzop<R>),
    Lz4Legacy(Legacy<R>),
    Lz4Frame(Box<Frame<R>>),
    Zstd(Box<Zstd<R>>),
}

impl<R: BufRead> Member<R> {
    /// Begins to read a member.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(compression: Compression, inner: R) -> io::Result<Self> {
        Ok(Self(match compression {
            Compression::Xz => lzma(inner, Stream::new_stream_decoder(LZMA_MEMORY, 0)?),
            Compression::Lzma => lzma(inner, Stream::new_lzma_decoder(LZMA_MEMORY)?),
            Compression::Lzip => lzma(inner, Stream::new_lzip_decoder(LZMA_MEMORY, 0)?),
            Compression::Gzip => Decoder::Gzip(GzDecoder::new(inner)),
            Compression::Bzip2 => Decoder::Bzip2(BzDecoder::new(inner)),
            Compression::Lzop => Decoder::Lzop(Lzop::new(inner)),
            Compression::Lz4Legacy => Decoder::Lz4Legacy(Legacy::new(inner)),
            Compression::Lz4Frame => Decoder::Lz4Frame(Box::new(Frame::new(inner))),
            Compression::Zstd => Decoder::Zstd(Box::new(Zstd::new(inner))),
        }))
    }

    /// The reader of the compressed bytes.
    pub fn into_inner(self) -> R {
        match self.0 {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Bzip2(decoder) => decoder.into_inner(),
            Decoder::Lzma(decoder) => decoder.into_inner(),
            Decoder::Lzop(decoder) => decoder.into_inner(),
            Decoder::Lz4Legacy(decoder) => decoder.into_inner(),
            Decoder::Lz4Frame(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.into_inner(),
        }
    }
}

fn lzma<R: BufRead>(inner: R, stream: Stream) -> Decoder<R> {
    Decoder::Lzma(XzDecoder::new_stream(inner, stream))
}

impl<R: BufRead> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match &mut self.0 {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Bzip2(decoder) => decoder.read(buffer),
            Decoder::Lzma(decoder) => decoder.read(buffer),
            Decoder::Lzop(decoder) => decoder.read(buffer),
            Decoder::Lz4Legacy(decoder) => decoder.read(buffer),
            Decoder::Lz4Frame(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// An error of a stream whose bytes make no sense.
pub(crate) fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Reads exactly `count` bytes into the emptied `buffer`, which grows only with what is there.
pub(crate) fn read_block(
    inner: &mut impl Read,
    count: usize,
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    buffer.clear();
    inner.take(count as u64).read_to_end(buffer)?;
    if buffer.len() < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
