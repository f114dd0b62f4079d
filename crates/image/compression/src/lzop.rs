//! LZO in the form of lzop: a header, then blocks, each behind its lengths and checksums.

use std::io::{self, BufRead, Read};

use crate::member::{invalid, read_block};

/// The most that a block holds, in bytes: what lzop writes, and the most that Linux reads.
const BLOCK: u32 = 256 << 10;
/// The longest extra field that is skipped, in bytes.
const MAX_EXTRA: u32 = 64 << 10;
const MAGIC: [u8; 9] = [0x89, 0x4C, 0x5A, 0x4F, 0, 0x0D, 0x0A, 0x1A, 0x0A];

/// Bits of the header.
mod flag {
    pub(super) const ADLER_PLAIN: u32 = 0x1;
    pub(super) const ADLER_PACKED: u32 = 0x2;
    pub(super) const EXTRA_FIELD: u32 = 0x40;
    pub(super) const CRC_PLAIN: u32 = 0x100;
    pub(super) const CRC_PACKED: u32 = 0x200;
    pub(super) const FILTER: u32 = 0x800;
}

pub(crate) struct Lzop<R> {
    inner: R,
    /// The bits of the header; `None` before it was read.
    flags: Option<u32>,
    over: bool,
    packed: Vec<u8>,
    plain: Vec<u8>,
    /// How much of `plain` has been returned.
    given: usize,
}

impl<R: BufRead> Lzop<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            flags: None,
            over: false,
            packed: Vec::new(),
            plain: Vec::new(),
            given: 0,
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// Reads the header and gives its flags.
    fn header(&mut self) -> io::Result<u32> {
        if self.array()? != MAGIC {
            return Err(invalid("it is not an lzop file"));
        }
        let [high, low, ..]: [u8; 4] = self.array()?;
        // With version 0.94 came the version that is needed, the level, and the second half of the time.
        let is_new = u16::from_be_bytes([high, low]) >= 0x0940;
        self.skip(if is_new { 4 } else { 1 })?;
        let flags = self.number()?;
        if flags & flag::FILTER != 0 {
            return Err(invalid("it was filtered before it was compressed"));
        }
        self.skip(if is_new { 12 } else { 8 })?;
        let [name] = self.array()?;
        self.skip(u32::from(name) + 4)?;
        if flags & flag::EXTRA_FIELD != 0 {
            let extra = self.number()?;
            if extra > MAX_EXTRA {
                return Err(invalid("the extra field of its header is too long"));
            }
            self.skip(extra + 4)?;
        }
        Ok(flags)
    }

    /// Unpacks the next block; `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let flags = match self.flags {
            Some(flags) => flags,
            None => self.header()?,
        };
        self.flags = Some(flags);
        let plain_length = self.number()?;
        if plain_length == 0 {
            return Ok(false);
        }
        let packed_length = self.number()?;
        if plain_length > BLOCK || packed_length > plain_length || packed_length == 0 {
            return Err(invalid("a block is longer than lzop makes any"));
        }
        let adler = self.sum(flags, flag::ADLER_PLAIN)?;
        let crc = self.sum(flags, flag::CRC_PLAIN)?;
        if packed_length == plain_length {
            read_block(&mut self.inner, plain_length as usize, &mut self.plain)?;
        } else {
            // These are of the packed bytes, and those of the plain ones say more.
            self.sum(flags, flag::ADLER_PACKED)?;
            self.sum(flags, flag::CRC_PACKED)?;
            read_block(&mut self.inner, packed_length as usize, &mut self.packed)?;
            self.plain.resize(plain_length as usize, 0);
            let count = lzokay::decompress::decompress(&self.packed, &mut self.plain)
                .map_err(|_| invalid("a block of the lzop file is damaged"))?;
            self.plain.truncate(count);
            if count != plain_length as usize {
                return Err(invalid("a block of the lzop file has another length"));
            }
        }
        self.given = 0;
        let wrong = adler.is_some_and(|sum| sum != adler2::adler32_slice(&self.plain))
            || crc.is_some_and(|sum| sum != crc32fast::hash(&self.plain));
        if wrong {
            return Err(invalid("the checksum of a block does not match"));
        }
        Ok(true)
    }

    /// A checksum, if the header says that there is one.
    fn sum(&mut self, flags: u32, flag: u32) -> io::Result<Option<u32>> {
        if flags & flag == 0 {
            return Ok(None);
        }
        self.number().map(Some)
    }

    fn number(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u32) -> io::Result<()> {
        for _ in 0..count {
            self.array::<1>()?;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Lzop<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() {
            if self.over || !self.next_block()? {
                self.over = true;
                return Ok(0);
            }
        }
        let rest = &self.plain[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}
