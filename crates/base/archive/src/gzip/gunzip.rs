//! Reading gzip strictly: every member's check, nothing behind the last, a bound on the output.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::frame::{DEFLATE, MAGIC, modulo};
use crate::ArchiveError;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// Longest name or comment in a member's header, in bytes. The longest path of Linux is 4096.
const MAX_TEXT: usize = 64 << 10;

/// What the gzip members of a stream hold, joined.
///
/// CRC-32 and length of each member are compared; anything but a member behind a member is refused;
/// reading fails as soon as more than the given number of bytes would come out. The end of the
/// output is thus the proof that the whole stream was right.
///
/// Errors are [`ArchiveError`]s inside [`io::Error`]s; the inner reader's own errors pass unchanged.
#[derive(Debug)]
pub struct GunzipReader<R> {
    inner: R,
    inflate: Decompress,
    /// Of the member's data so far, like `len`.
    crc: crc32fast::Hasher,
    len: u64,
    state: State,
    left: u64,
    limit: u64,
}

#[derive(Debug)]
enum State {
    FirstHeader,
    Data,
    Trailer,
    NextHeader,
    End,
}

impl<R: BufRead> GunzipReader<R> {
    /// Reads the members of `inner`, which may hold `limit` bytes in all.
    pub fn new(inner: R, limit: u64) -> Self {
        Self {
            inner,
            inflate: Decompress::new(false),
            crc: crc32fast::Hasher::new(),
            len: 0,
            state: State::FirstHeader,
            left: limit,
            limit,
        }
    }

    /// Reads on in the first member of `inner`, from a place where nothing refers to what was before, when data of this
    /// checksum and length was read.
    pub(super) fn within_member(inner: R, limit: u64, crc: crc32fast::Hasher, len: u64) -> Self {
        Self {
            crc,
            len,
            state: State::Data,
            left: limit.saturating_sub(len),
            ..Self::new(inner, limit)
        }
    }

    fn advance(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.state {
            State::FirstHeader => self.header(ArchiveError::NotGzip)?,
            State::NextHeader if self.inner.fill_buf()?.is_empty() => self.state = State::End,
            State::NextHeader => self.header(ArchiveError::GzipJunk)?,
            State::Trailer => self.trailer()?,
            State::End => return Ok(Some(0)),
            State::Data => match self.data(buffer)? {
                0 => {}
                count => return Ok(Some(count)),
            },
        }
        Ok(None)
    }

    fn header(&mut self, other: ArchiveError) -> io::Result<()> {
        read_header(&mut self.inner, other)?;
        self.inflate.reset(false);
        self.crc.reset();
        self.len = 0;
        self.state = State::Data;
        Ok(())
    }

    /// Inflates into `buffer`; 0 at the end of the member's data, or when a call made no output.
    fn data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = self.inner.fill_buf()?;
        let cut = input.is_empty();
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, buffer, FlushDecompress::None)
            .map_err(ArchiveError::Inflate)?;
        let read = self.inflate.total_in() - before.0;
        let made = self.inflate.total_out() - before.1;
        self.inner.consume(clamp(read, usize::MAX));
        if status == Status::StreamEnd {
            self.state = State::Trailer;
        } else if cut && made == 0 {
            return Err(ArchiveError::GzipCut.into());
        }
        let limit = self.limit;
        self.left = self
            .left
            .checked_sub(made)
            .ok_or(ArchiveError::TooLong { limit })?;
        self.len += made;
        let made = clamp(made, buffer.len());
        self.crc.update(&buffer[..made]);
        Ok(made)
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut words = [0; 2];
        for word in &mut words {
            let mut bytes = [0; 4];
            for byte in &mut bytes {
                *byte = next(&mut self.inner)?;
            }
            *word = u32::from_le_bytes(bytes);
        }
        let [expected, length] = words;
        let actual = self.crc.clone().finalize();
        if actual != expected {
            return Err(ArchiveError::Crc { expected, actual }.into());
        }
        let (expected, actual) = (length, modulo(self.len));
        if actual != expected {
            return Err(ArchiveError::Length { expected, actual }.into());
        }
        self.state = State::NextHeader;
        Ok(())
    }
}

impl<R: BufRead> Read for GunzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(count) = self.advance(buffer)? {
                return Ok(count);
            }
        }
    }
}

fn clamp(count: u64, most: usize) -> usize {
    usize::try_from(count).map_or(most, |count| count.min(most))
}

fn next(inner: &mut impl BufRead) -> io::Result<u8> {
    let byte = inner
        .fill_buf()?
        .first()
        .copied()
        .ok_or(ArchiveError::GzipCut)?;
    inner.consume(1);
    Ok(byte)
}

/// Reads a member's header; fails with `other` if it is not a header at all.
pub(super) fn read_header(inner: &mut impl BufRead, other: ArchiveError) -> io::Result<()> {
    let crc = crc32fast::Hasher::new();
    Header { inner, crc }.check(other)
}

/// A member's header, read byte by byte: it is short, and part of it is counted into a checksum.
struct Header<'a, R> {
    inner: &'a mut R,
    crc: crc32fast::Hasher,
}

impl<R: BufRead> Header<'_, R> {
    fn byte(&mut self) -> io::Result<u8> {
        let byte = next(self.inner)?;
        self.crc.update(&[byte]);
        Ok(byte)
    }

    fn check(&mut self, other: ArchiveError) -> io::Result<()> {
        if self.byte()? != MAGIC[0] || self.byte()? != MAGIC[1] {
            return Err(other.into());
        }
        if self.byte()? != DEFLATE {
            return Err(ArchiveError::GzipHeader("unknown compression method").into());
        }
        let flags = self.byte()?;
        if flags & RESERVED != 0 {
            return Err(ArchiveError::GzipHeader("unknown flags").into());
        }
        // Time (4 bytes), extra flags and operating system: nothing depends on them.
        self.skip(6)?;
        if flags & EXTRA != 0 {
            let len = u16::from_le_bytes([self.byte()?, self.byte()?]);
            self.skip(len.into())?;
        }
        for flag in [NAME, COMMENT] {
            if flags & flag != 0 {
                self.text()?;
            }
        }
        if flags & HEADER_CRC != 0 {
            self.checksum()?;
        }
        Ok(())
    }

    fn skip(&mut self, count: usize) -> io::Result<()> {
        (0..count).try_for_each(|_| self.byte().map(drop))
    }

    fn text(&mut self) -> io::Result<()> {
        for _ in 0..MAX_TEXT {
            if self.byte()? == 0 {
                return Ok(());
            }
        }
        Err(ArchiveError::GzipHeader("a name or comment without end").into())
    }

    fn checksum(&mut self) -> io::Result<()> {
        let actual = self.crc.clone().finalize() & 0xffff;
        let expected = u16::from_le_bytes([self.byte()?, self.byte()?]);
        if actual != u32::from(expected) {
            return Err(ArchiveError::GzipHeader("wrong checksum").into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, GzBuilder};

    use super::*;

    fn member(data: &[u8]) -> Vec<u8> {
        let builder = GzBuilder::new()
            .filename("x")
            .comment("y")
            .extra(vec![1, 2, 3]);
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn gunzip(bytes: &[u8], limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut data = Vec::new();
        // A reader of three bytes at a time meets every border.
        let inner = io::BufReader::with_capacity(3, bytes);
        let read = GunzipReader::new(inner, limit).read_to_end(&mut data);
        read.map(|_| data).map_err(ArchiveError::from_io)
    }

    #[test]
    fn members_are_joined() {
        let bytes = [member(b"one "), member(b""), member(b"two")].concat();
        assert_eq!(gunzip(&bytes, 7).unwrap(), b"one two");
    }

    #[test]
    fn a_header_checksum_is_compared() {
        let mut bytes = vec![MAGIC[0], MAGIC[1], DEFLATE, HEADER_CRC, 0, 0, 0, 0, 0, 3];
        let crc = crc32fast::hash(&bytes).to_le_bytes();
        bytes.extend_from_slice(&crc[..2]);
        bytes.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(gunzip(&bytes, 0).unwrap(), b"");
        bytes[4] ^= 1;
        assert!(matches!(
            gunzip(&bytes, 0),
            Err(ArchiveError::GzipHeader("wrong checksum"))
        ));
    }

    #[test]
    fn each_fault_has_its_name() {
        let good = member(b"the data of a member");
        let fault = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            gunzip(&bytes, 1000).unwrap_err()
        };
        let end = good.len();
        assert!(matches!(fault(&|b| b[0] = 0), ArchiveError::NotGzip));
        assert!(matches!(fault(&|b| b[2] = 7), ArchiveError::GzipHeader(_)));
        assert!(matches!(
            fault(&|b| b[3] |= 0x20),
            ArchiveError::GzipHeader(_)
        ));
        assert!(matches!(
            fault(&|b| b[end - 5] ^= 1),
            ArchiveError::Crc { .. }
        ));
        assert!(matches!(
            fault(&|b| b[end - 1] ^= 1),
            ArchiveError::Length { .. }
        ));
        assert!(matches!(fault(&|b| b.push(0)), ArchiveError::GzipJunk));
        assert!(matches!(
            fault(&|b| b.push(MAGIC[0])),
            ArchiveError::GzipCut
        ));
        let first_of_data = 10 + 2 + 3 + 2 + 2;
        assert!(matches!(
            fault(&|b| b[first_of_data] |= 6),
            ArchiveError::Inflate(_)
        ));
    }

    #[test]
    fn a_stream_cut_anywhere_is_refused() {
        let good = member(b"the data of a member");
        for len in 0..good.len() {
            let error = gunzip(&good[..len], 1000).unwrap_err();
            assert!(matches!(error, ArchiveError::GzipCut), "{len}: {error}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let bomb = member(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        let mut reader = GunzipReader::new(&*bomb, 1 << 20);
        let mut seen = 0;
        let mut buffer = vec![0; 64 << 10];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(count) => seen += count,
                Err(error) => break ArchiveError::from_io(error),
            }
        };
        assert!(matches!(error, ArchiveError::TooLong { limit: 1_048_576 }));
        assert!(seen <= 1 << 20);
        assert_eq!(gunzip(&member(&[7; 50]), 50).unwrap(), [7; 50]);
    }
}
