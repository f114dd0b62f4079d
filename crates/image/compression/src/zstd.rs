//! Zstandard.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::member::invalid;

/// One frame of a Zstandard stream, and frames before it that are to be skipped.
pub(crate) struct Zstd<R> {
    inner: R,
    decoder: FrameDecoder,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Before,
    Within,
    Over,
}

impl<R: BufRead> Zstd<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            decoder: FrameDecoder::new(),
            state: State::Before,
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// Reads the header of the frame; a frame that is to be skipped is a member without content.
    fn begin(&mut self) -> io::Result<State> {
        match self.decoder.reset(&mut self.inner) {
            Ok(()) => Ok(State::Within),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let skipped = (&mut self.inner).take(length.into());
                let count = io::copy(&mut { skipped }, &mut io::sink())?;
                if count < u64::from(length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(State::Over)
            }
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    fn checksum(&self) -> io::Result<()> {
        let expected = self.decoder.get_checksum_from_data();
        let found = self.decoder.get_calculated_checksum();
        if expected.is_some() && expected != found {
            return Err(invalid("the checksum of the zstd stream does not match"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                State::Over => return Ok(0),
                State::Before => self.state = self.begin()?,
                State::Within => {
                    if self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                        let strategy = BlockDecodingStrategy::UptoBytes(buffer.len());
                        let decoded = self.decoder.decode_blocks(&mut self.inner, strategy);
                        decoded
                            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                    }
                    let count = self.decoder.read(buffer)?;
                    if count > 0 {
                        return Ok(count);
                    }
                    if self.decoder.is_finished() {
                        self.checksum()?;
                        self.state = State::Over;
                    }
                }
            }
        }
    }
}
