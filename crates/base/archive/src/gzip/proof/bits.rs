//! The bits of deflate data, from the lowest of each byte to the highest.

/// Bytes that a refill looks at.
const WORD: usize = 8;

/// Bits that a refill makes ready, at least: seven bytes.
const READY: u32 = 0x38;

/// Reads bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The first byte that is not accounted for in `count`.
    position: usize,
    /// The next `count` bits, lowest first. What stands above them is of the bytes that follow, or zero.
    buffer: u64,
    count: u32,
    /// How many of the bytes accounted for are zeros that stand for those behind the end.
    beyond: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            buffer: 0,
            count: 0,
            beyond: 0,
        }
    }

    /// The number of the next bit.
    pub(super) fn number(&self) -> usize {
        (self.position + self.beyond) * 8 - self.count as usize
    }

    /// Whether bits were used that are not there.
    pub(super) fn is_beyond_end(&self) -> bool {
        self.number() > self.data.len() * 8
    }

    /// Makes at least 56 bits ready, if `reserve` more bytes than it takes are there.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn refill(&mut self, reserve: usize) -> bool {
        let rest = self.data.get(self.position..self.position + WORD + reserve);
        let Some(bytes) = rest.and_then(<[u8]>::first_chunk) else {
            return false;
        };
        self.buffer |= u64::from_le_bytes(*bytes) << self.count;
        self.position += ((63 - self.count) >> 3) as usize;
        self.count |= READY;
        true
    }

    /// Makes at least 56 bits ready; behind the end there are zeros.
    pub(super) fn refill_slowly(&mut self) {
        while self.count < READY {
            let byte = self.data.get(self.position).copied();
            match byte {
                Some(_) => self.position += 1,
                None => self.beyond += 1,
            }
            let ready = self.buffer & ((1 << self.count) - 1);
            self.buffer = ready | u64::from(byte.unwrap_or(0)) << self.count;
            self.count += 8;
        }
    }

    /// The next bits, without using them.
    pub(super) fn peek(&self) -> u64 {
        self.buffer
    }

    /// Uses `count` bits, at most as many as are ready.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer >>= count;
        self.count -= count;
    }

    /// Uses `count` bits, at most 16 and as many as are ready.
    pub(super) fn take(&mut self, count: u32) -> u16 {
        let low = self.buffer & ((1 << count) - 1);
        self.skip(count);
        u16::try_from(low).unwrap_or(u16::MAX)
    }

    /// Uses the rest of the current byte, then `count` bytes, which it gives.
    pub(super) fn take_bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let start = self.number().div_ceil(8);
        let bytes = self.data.get(start..start + count)?;
        *self = Self {
            position: start + count,
            ..Self::new(self.data)
        };
        Some(bytes)
    }
}
