//! Compressed streams, told by their magic: gzip, xz and zstd.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::elf::Elf;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// What is behind the compression, or in a file that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    Cpio,
    Tar,
    Elf(Elf),
    Other,
}

/// Memory that a stream may ask for, in bytes: the dictionary of `xz -9` has 64 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// A tar header; the others are shorter.
const PEEK: u64 = 512;

impl Compression {
    /// The compression of a stream that begins with `head`.
    pub(crate) fn recognise(head: &[u8]) -> Option<Self> {
        if head.starts_with(&[0x1F, 0x8B]) {
            Some(Self::Gzip)
        } else if head.starts_with(&[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) {
            Some(Self::Xz)
        } else if head.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// The plain bytes of a compressed stream, all of its members.
    pub(crate) fn reader<'a>(self, inner: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(inner)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(inner, stream))
            }
            Self::Zstd => Box::new(Zstd::new(inner)),
        })
    }
}

/// What the plain bytes of `stream` begin with.
pub(crate) fn peek(stream: impl Read) -> Inside {
    let mut plain = Vec::new();
    // An error only means that less than a whole header came out.
    let _ = stream.take(PEEK).read_to_end(&mut plain);
    inside(&plain)
}

/// What a stream is by its first bytes.
pub(crate) fn inside(plain: &[u8]) -> Inside {
    if plain.starts_with(b"070701") || plain.starts_with(b"070702") {
        Inside::Cpio
    } else if plain.get(257..262) == Some(b"ustar") {
        Inside::Tar
    } else {
        Elf::parse(plain).map_or(Inside::Other, Inside::Elf)
    }
}

/// The frames of a Zstandard stream one behind the other. Windows of more than 100 MiB are refused.
struct Zstd<R> {
    inner: R,
    decoder: FrameDecoder,
    within: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            decoder: FrameDecoder::new(),
            within: false,
        }
    }

    /// Begins the next frame; `false` at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.inner.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.inner) {
                Ok(()) => {
                    self.within = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = (&mut self.inner).take(length.into());
                    io::copy(&mut { skipped }, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within && !self.next_frame()? {
                return Ok(0);
            }
            if self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let strategy = BlockDecodingStrategy::UptoBytes(buffer.len());
                let decoded = self.decoder.decode_blocks(&mut self.inner, strategy);
                decoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if self.decoder.is_finished() {
                self.checksum()?;
                self.within = false;
            }
        }
    }
}

impl<R> Zstd<R> {
    fn checksum(&self) -> io::Result<()> {
        let expected = self.decoder.get_checksum_from_data();
        let found = self.decoder.get_calculated_checksum();
        if expected.is_some() && expected != found {
            let message = "the checksum of the zstd stream does not match";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn peeked(bytes: &[u8]) -> Inside {
        let compression = Compression::recognise(bytes).unwrap();
        peek(compression.reader(bytes).unwrap())
    }

    #[test]
    fn ramdisk_tarball_and_other_are_told_apart() {
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(peeked(&gzip(&tar)), Inside::Tar);
        assert_eq!(peeked(&gzip(b"0707010000")), Inside::Cpio);
        assert_eq!(peeked(&gzip(b"hello")), Inside::Other);
        assert_eq!(peeked(&gzip(&vec![0; 1 << 20])[..20]), Inside::Other);
        assert_eq!(peeked(b"\x1f\x8b"), Inside::Other);
    }
}
