//! Bodies in signed chunks, `Content-Encoding: aws-chunked`.

use data_encoding::HEXLOWER;
use gumnut_types::Fault;
use sha2::{Digest as _, Sha256};

use crate::encode::header_lines;
use crate::mac::{hex_sha256, same};
use crate::v4::Verified;

/// Longest line before a chunk or in the trailer, in bytes.
const MAX_LINE: usize = 4096;
/// Most lines of a trailer.
const MAX_TRAILERS: usize = 16;
/// Largest chunk, in bytes.
const MAX_CHUNK: u64 = 5 << 30;

/// Why a chunked body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The text around the chunks makes no sense.
    #[error("the chunked body is malformed: {0}")]
    Malformed(&'static str),
    /// A chunk or the trailer is not signed as it should be.
    #[error("the signature of a chunk does not match")]
    Signature,
    /// The body ends before its last chunk.
    #[error("the chunked body ends too early")]
    Incomplete,
}

impl ChunkError {
    /// Whose fault it is: always that of the body, which is not trusted, so [`Fault::Input`].
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// Takes chunks apart, however the body is cut into pieces, and checks their signatures.
///
/// The signature of a chunk stands before its data but covers it, so data comes out before it is
/// checked: nothing of a body counts before [`ChunkDecoder::finish`] has succeeded.
#[derive(Debug)]
pub struct ChunkDecoder {
    /// What to check signatures with; `None` for unsigned chunks.
    signed: Option<Signed>,
    has_trailer: bool,
    state: State,
    line: Vec<u8>,
    trailers: Vec<(String, String)>,
}

#[derive(Debug)]
struct Signed {
    context: Verified,
    previous: String,
    expected: String,
    hash: Sha256,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Header,
    Data {
        left: u64,
    },
    DataEnd,
    Trailer,
    Done,
    /// Refused once, refused for ever.
    Failed(ChunkError),
}

impl ChunkDecoder {
    /// A decoder of chunks that are signed one after the other, with or without a signed trailer.
    pub fn signed(context: Verified, has_trailer: bool) -> Self {
        let previous = context.signature.clone();
        let signed = Signed {
            context,
            previous,
            expected: String::new(),
            hash: Sha256::new(),
        };
        Self::new(Some(signed), has_trailer)
    }

    /// A decoder of chunks without signatures, with a trailer.
    pub fn unsigned() -> Self {
        Self::new(None, true)
    }

    fn new(signed: Option<Signed>, has_trailer: bool) -> Self {
        Self {
            signed,
            has_trailer,
            state: State::Header,
            line: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Takes the next piece of the body and adds the data in it to `out`.
    ///
    /// # Errors
    /// When the body is malformed or a signature does not match; every later call fails in the same way.
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) -> Result<(), ChunkError> {
        while !piece.is_empty() {
            piece = self.step(piece, out).inspect_err(|error| {
                self.state = State::Failed(error.clone());
            })?;
        }
        Ok(())
    }

    fn step<'p>(&mut self, piece: &'p [u8], out: &mut Vec<u8>) -> Result<&'p [u8], ChunkError> {
        match &self.state {
            State::Data { left } => self.data(piece, *left, out),
            State::Header | State::DataEnd | State::Trailer => self.text(piece),
            State::Done => Err(ChunkError::Malformed("there is data after the end")),
            State::Failed(error) => Err(error.clone()),
        }
    }

    /// Ends the body and gives the fields of its trailer, names in lower case.
    ///
    /// # Errors
    /// [`ChunkError::Incomplete`], or what [`ChunkDecoder::feed`] failed with.
    pub fn finish(self) -> Result<Vec<(String, String)>, ChunkError> {
        match self.state {
            State::Done => Ok(self.trailers),
            State::Failed(error) => Err(error),
            // Some clients leave out the empty line behind the last chunk.
            State::Trailer if !self.has_trailer && self.line.is_empty() => Ok(self.trailers),
            _ => Err(ChunkError::Incomplete),
        }
    }

    fn data<'p>(
        &mut self,
        piece: &'p [u8],
        left: u64,
        out: &mut Vec<u8>,
    ) -> Result<&'p [u8], ChunkError> {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let (data, rest) = piece.split_at(count);
        out.extend_from_slice(data);
        if let Some(signed) = &mut self.signed {
            signed.hash.update(data);
        }
        let left = left - count as u64;
        self.state = State::Data { left };
        if left == 0 {
            self.check_chunk()?;
            self.state = State::DataEnd;
        }
        Ok(rest)
    }

    /// Gathers a line, and acts on it when it is complete.
    fn text<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], ChunkError> {
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(piece.len(), |end| end + 1);
        if self.line.len() + taken > MAX_LINE {
            return Err(ChunkError::Malformed("a line is too long"));
        }
        self.line.extend_from_slice(&piece[..taken]);
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let Some(bytes) = line.strip_suffix(b"\r\n") else {
                return Err(ChunkError::Malformed("a line does not end in CR LF"));
            };
            let text = std::str::from_utf8(bytes)
                .map_err(|_| ChunkError::Malformed("a line is not text"))?;
            self.take_line(text)?;
        }
        Ok(&piece[taken..])
    }

    fn take_line(&mut self, line: &str) -> Result<(), ChunkError> {
        match self.state {
            State::Header => self.header(line),
            State::DataEnd if line.is_empty() => {
                self.state = State::Header;
                Ok(())
            }
            State::DataEnd => Err(ChunkError::Malformed("a chunk is longer than it says")),
            _ => self.trailer(line),
        }
    }

    fn header(&mut self, line: &str) -> Result<(), ChunkError> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = chunk_size(size.trim()).ok_or(ChunkError::Malformed("a chunk has no size"))?;
        if let Some(signed) = &mut self.signed {
            extension
                .trim()
                .strip_prefix("chunk-signature=")
                .ok_or(ChunkError::Malformed("a chunk has no signature"))?
                .clone_into(&mut signed.expected);
        }
        if size > 0 {
            self.state = State::Data { left: size };
            return Ok(());
        }
        self.check_chunk()?;
        self.state = State::Trailer;
        Ok(())
    }

    fn check_chunk(&mut self) -> Result<(), ChunkError> {
        let Some(signed) = &mut self.signed else {
            return Ok(());
        };
        let hash = HEXLOWER.encode(&std::mem::take(&mut signed.hash).finalize());
        let context = &signed.context;
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{hash}",
            context.amz_date,
            context.scope,
            signed.previous,
            hex_sha256(b""),
        );
        signed.accept(&text)
    }

    fn trailer(&mut self, line: &str) -> Result<(), ChunkError> {
        if line.is_empty() {
            if self.has_trailer {
                self.check_trailer()?;
            }
            self.state = State::Done;
            return Ok(());
        }
        let field = line.split_once(':').filter(|_| self.has_trailer);
        let (name, value) =
            field.ok_or(ChunkError::Malformed("there is data after the last chunk"))?;
        if self.trailers.len() == MAX_TRAILERS {
            return Err(ChunkError::Malformed("the trailer is too long"));
        }
        self.trailers
            .push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        Ok(())
    }

    fn check_trailer(&mut self) -> Result<(), ChunkError> {
        let Some(signed) = &mut self.signed else {
            return Ok(());
        };
        let at = self
            .trailers
            .iter()
            .position(|(name, _)| name == "x-amz-trailer-signature");
        signed.expected = at
            .map(|at| self.trailers.remove(at).1)
            .ok_or(ChunkError::Signature)?;
        let fields = header_lines(self.trailers.iter().map(|(name, value)| (name, value)));
        let context = &signed.context;
        let text = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            context.amz_date,
            context.scope,
            signed.previous,
            hex_sha256(fields.as_bytes()),
        );
        signed.accept(&text)
    }
}

/// Hex digits alone: a sign, which the standard library would take, is read by no other server.
fn chunk_size(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let size = u64::from_str_radix(text, 16).ok()?;
    (digits && size <= MAX_CHUNK).then_some(size)
}

impl Signed {
    /// Compares the signature that was announced with that of `text`, which the next one continues from.
    fn accept(&mut self, text: &str) -> Result<(), ChunkError> {
        let computed = self.context.key.sign(text);
        if !same(&computed, &self.expected) {
            return Err(ChunkError::Signature);
        }
        self.previous = computed;
        Ok(())
    }
}
