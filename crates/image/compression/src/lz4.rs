//! LZ4 in both of its forms.

use std::io::{self, BufRead, Read};

use lz4_flex::block::decompress_into;
use lz4_flex::frame::FrameDecoder;

use crate::member::{invalid, read_block};

/// The most that a block of the old form holds, in bytes.
const BLOCK: usize = 8 << 20;
/// What a block that cannot be compressed takes at most, in bytes.
const BOUND: usize = BLOCK + BLOCK / 255 + 16;
const MAGIC: u32 = 0x184C_2102;
const STRANGER: &str =
    "the lz4 data are truncated, or are followed by neither a block nor four zeros";

/// The old form: a magic, then blocks, each behind its length. It ends with the stream, or before a length of zero. The magic may
/// come again, which begins nothing new.
pub(crate) struct Legacy<R> {
    inner: R,
    begun: bool,
    /// Blocks that were unpacked.
    blocks: u64,
    over: bool,
    packed: Vec<u8>,
    plain: Vec<u8>,
    /// What of `plain` is still to be returned.
    left: std::ops::Range<usize>,
}

impl<R: BufRead> Legacy<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            begun: false,
            blocks: 0,
            over: false,
            packed: Vec::new(),
            plain: Vec::new(),
            left: 0..0,
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// Unpacks the next block; `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            let Some(length) = self.number()? else {
                return Ok(false);
            };
            if length == MAGIC {
                self.begun = true;
                continue;
            }
            if !self.begun {
                return Err(invalid("it is not in the old format of lz4"));
            }
            if length == 0 {
                return Ok(false);
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > BOUND {
                return Err(invalid(STRANGER));
            }
            let read = read_block(&mut self.inner, length, &mut self.packed);
            let unpacked = read.and_then(|()| {
                self.plain.resize(BLOCK, 0);
                decompress_into(&self.packed, &mut self.plain)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            });
            let count = match unpacked {
                // Another stream would be taken for a block, and its first bytes for the length.
                Err(_) if self.blocks > 0 => return Err(invalid(STRANGER)),
                other => other?,
            };
            self.blocks += 1;
            self.left = 0..count;
            return Ok(true);
        }
    }

    /// The length of a block; `None` at the end of the stream, where up to three zeroes may be left.
    fn number(&mut self) -> io::Result<Option<u32>> {
        let mut bytes = [0; 4];
        for filled in 0..bytes.len() {
            if self.inner.read(&mut bytes[filled..=filled])? == 0 {
                return match bytes {
                    [0, 0, 0, 0] => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
        Ok(Some(u32::from_le_bytes(bytes)))
    }
}

impl<R: BufRead> Read for Legacy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            if self.over || !self.next_block()? {
                self.over = true;
                return Ok(0);
            }
        }
        let count = self.left.len().min(buffer.len());
        let start = self.left.start;
        buffer[..count].copy_from_slice(&self.plain[start..start + count]);
        self.left.start += count;
        Ok(count)
    }
}

/// The frame format.
pub(crate) struct Frame<R: Read> {
    decoder: FrameDecoder<Cut<R>>,
    over: bool,
}

/// Notes that more was wanted than is there: the decoder takes a stream that was cut between two blocks for its end.
struct Cut<R> {
    inner: R,
    cut: bool,
}

impl<R: BufRead> Frame<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            decoder: FrameDecoder::new(Cut { inner, cut: false }),
            over: false,
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.decoder.into_inner().inner
    }
}

impl<R: BufRead> Read for Frame<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over {
            return Ok(0);
        }
        let count = self.decoder.read(buffer)?;
        if count == 0 {
            self.over = true;
            if self.decoder.get_ref().cut {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(count)
    }
}

impl<R: Read> Read for Cut<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.cut |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}
