//! AES-128-CBC with PKCS#7 padding as a writer and a reader.

use std::io::{self, Read, Write};

use aes::Aes128;
use aes::cipher::array::Array;
use aes::cipher::{Block, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};

use crate::{BundleIv, BundleKey};

/// Bytes of a cipher block.
const BLOCK: usize = 16;
/// Bytes that are worked on at once: large enough that calls cost nothing, small enough for a cache.
const BUFFER: usize = 64 << 10;

/// Encrypts what is written into it and writes the ciphertext to `W`.
///
/// Call [`CbcEncryptor::finish`]: without it the padding is missing and the ciphertext is worthless.
#[must_use]
pub struct CbcEncryptor<W: Write> {
    cipher: ::cbc::Encryptor<Aes128>,
    inner: W,
    buffer: Vec<u8>,
}

impl<W: Write> CbcEncryptor<W> {
    /// An encryptor in front of `inner`.
    pub fn new(inner: W, key: &BundleKey, iv: &BundleIv) -> Self {
        let cipher = ::cbc::Encryptor::new(key.expose().into(), iv.expose().into());
        Self {
            cipher,
            inner,
            buffer: Vec::with_capacity(BUFFER),
        }
    }

    /// Writes the last block, which always holds 1 to 16 bytes of padding, and gives `inner` back.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn finish(mut self) -> io::Result<W> {
        let padding = BLOCK - self.buffer.len() % BLOCK;
        self.buffer.resize(
            self.buffer.len() + padding,
            u8::try_from(padding).unwrap_or(0),
        );
        self.flush_blocks()?;
        Ok(self.inner)
    }

    /// Encrypts the buffer in place and hands it on. It holds whole blocks.
    fn flush_blocks(&mut self) -> io::Result<()> {
        self.cipher.encrypt_blocks(blocks(&mut self.buffer));
        let written = self.inner.write_all(&self.buffer);
        self.buffer.clear();
        written
    }
}

impl<W: Write> Write for CbcEncryptor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BUFFER - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == BUFFER {
            self.flush_blocks()?;
        }
        Ok(taken)
    }

    /// Flushes `inner`. What is not yet a whole buffer is kept here, because a block cannot be cut.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Decrypts what it reads from `R`.
///
/// The ciphertext must be a positive multiple of 16 bytes and end in valid padding, otherwise reading ends
/// in an error of the kind `InvalidData`. Bytes that came out before are not authenticated: CBC cannot.
pub struct CbcDecryptor<R: Read> {
    cipher: ::cbc::Decryptor<Aes128>,
    inner: R,
    buffer: Box<[u8]>,
    /// Plaintext that has not been read yet.
    ready: std::ops::Range<usize>,
    /// Bytes of ciphertext behind `ready`, kept because they may be the last block.
    kept: usize,
    ended: bool,
}

impl<R: Read> CbcDecryptor<R> {
    /// A decryptor behind `inner`.
    pub fn new(inner: R, key: &BundleKey, iv: &BundleIv) -> Self {
        let cipher = ::cbc::Decryptor::new(key.expose().into(), iv.expose().into());
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Self {
            cipher,
            inner,
            buffer,
            ready: 0..0,
            kept: 0,
            ended: false,
        }
    }

    /// The writer below.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Fills the buffer and decrypts all of it but what may be the last block.
    fn refill(&mut self) -> io::Result<()> {
        let start = self.ready.end;
        self.buffer.copy_within(start..start + self.kept, 0);
        // Whatever fails below must not give the same bytes twice.
        self.ready = 0..0;
        while self.kept < BUFFER {
            match self.inner.read(&mut self.buffer[self.kept..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => self.kept += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.ended {
            return self.decrypt_last();
        }
        self.decrypt_some();
        Ok(())
    }

    fn decrypt_some(&mut self) {
        let whole = BUFFER - BLOCK;
        self.cipher
            .decrypt_blocks(blocks(&mut self.buffer[..whole]));
        self.ready = 0..whole;
        self.kept -= whole;
    }

    fn decrypt_last(&mut self) -> io::Result<()> {
        let length = std::mem::take(&mut self.kept);
        if length == 0 || !length.is_multiple_of(BLOCK) {
            return Err(invalid(
                "the ciphertext is not a positive multiple of 16 bytes",
            ));
        }
        self.cipher
            .decrypt_blocks(blocks(&mut self.buffer[..length]));
        let padding = usize::from(self.buffer[length - 1]);
        let padded = (1..=BLOCK).contains(&padding)
            && self.buffer[length - padding..length]
                .iter()
                .all(|byte| usize::from(*byte) == padding);
        if !padded {
            return Err(invalid("the ciphertext does not end in valid padding"));
        }
        self.ready = 0..length - padding;
        Ok(())
    }
}

impl<R: Read> Read for CbcDecryptor<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended && !out.is_empty() {
            self.refill()?;
        }
        let count = out.len().min(self.ready.len());
        out[..count].copy_from_slice(&self.buffer[self.ready.start..self.ready.start + count]);
        self.ready.start += count;
        Ok(count)
    }
}

/// Whole blocks of a buffer, in place.
fn blocks(bytes: &mut [u8]) -> &mut [Block<Aes128>] {
    let (blocks, rest) = Array::slice_as_chunks_mut(bytes);
    debug_assert!(rest.is_empty(), "only whole blocks are ciphered");
    blocks
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
