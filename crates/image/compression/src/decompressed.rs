//! A whole compressed stream.

use std::io::{self, BufRead, Read};

use crate::Compression;
use crate::member::{Member, invalid};

/// The plain bytes of a compressed stream: of all members, which have one compression. Zeroes may follow them, and nothing else.
pub struct Decompressed<R: BufRead> {
    compression: Compression,
    state: State<R>,
}

enum State<R: BufRead> {
    Within(Box<Member<R>>),
    Between(R),
    /// An error came up, or the end.
    Over,
}

impl<R: BufRead> Decompressed<R> {
    /// Reads a stream of this compression from its first byte on.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(compression: Compression, inner: R) -> io::Result<Self> {
        Ok(Self {
            compression,
            state: State::Within(Box::new(Member::new(compression, inner)?)),
        })
    }

    /// What comes behind a member: another one, or after zeroes the end.
    fn next(&self, mut inner: R) -> io::Result<State<R>> {
        if skip_zeros(&mut inner)? {
            return Ok(State::Over);
        }
        let next = inner.fill_buf()?.first();
        // What only begins like a member fails there.
        if next.is_some_and(|byte| can_begin(self.compression, *byte)) {
            let member = Member::new(self.compression, inner)?;
            return Ok(State::Within(Box::new(member)));
        }
        Err(invalid("something else follows the compressed data"))
    }
}

/// Whether a member can begin with this byte.
fn can_begin(compression: Compression, byte: u8) -> bool {
    match compression {
        Compression::Gzip => byte == 0x1F,
        Compression::Bzip2 => byte == b'B',
        // Its header has no magic, so that nobody writes several.
        Compression::Lzma => false,
        Compression::Xz => byte == 0xFD,
        Compression::Lzip => byte == b'L',
        Compression::Lzop => byte == 0x89,
        Compression::Lz4Legacy => byte == 0x02,
        Compression::Lz4Frame => byte == 0x04,
        // A frame, or one to be skipped.
        Compression::Zstd => matches!(byte, 0x28 | 0x50..=0x5F),
    }
}

/// Skips zeroes; `true` when nothing else was left.
fn skip_zeros(inner: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = inner.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        match (bytes.len(), zeros) {
            (0, _) => return Ok(true),
            (all, zeros) if zeros < all => {
                inner.consume(zeros);
                return Ok(false);
            }
            (_, zeros) => inner.consume(zeros),
        }
    }
}

impl<R: BufRead> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Between(inner) => self.next(inner)?,
                State::Within(mut member) => match member.read(buffer)? {
                    0 => State::Between(member.into_inner()),
                    count => {
                        self.state = State::Within(member);
                        return Ok(count);
                    }
                },
            };
        }
    }
}
