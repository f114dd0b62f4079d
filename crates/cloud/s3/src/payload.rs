//! Bodies on their way in: counted, taken out of their chunks, and compared with what was said of them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use gumnut_cloud_accounts::Payload;
use gumnut_cloud_http::{BodyError, ClientBody};
use gumnut_cloud_objects::ObjectError;
use gumnut_signing::ChunkError;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::sent_checksums::{ChecksumFault, SentChecksums};

/// Most bytes that are read off after a refusal, so that the client gets to hear it.
const MAX_DRAIN: usize = 64 << 20;
/// How long reading off may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayloadError {
    /// The body does not come.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is not the one that was signed.
    #[error("the body is not the one that was signed")]
    Hash,
    /// A checksum is of another body, or does not come as it should.
    #[error(transparent)]
    Checksum(#[from] ChecksumFault),
    /// The chunks are malformed or wrongly signed.
    #[error(transparent)]
    Chunks(#[from] ChunkError),
    /// The chunks hold another number of bytes than was said.
    #[error("the body has another length than was said")]
    Length,
}

impl From<&PayloadError> for ObjectError {
    fn from(error: &PayloadError) -> Self {
        match error {
            PayloadError::Body(BodyError::Slow) => Self::Timeout,
            PayloadError::Body(_)
            | PayloadError::Length
            | PayloadError::Chunks(ChunkError::Incomplete) => Self::IncompleteBody,
            PayloadError::Checksum(fault) => (*fault).into(),
            PayloadError::Hash => Self::ContentSha256Mismatch,
            PayloadError::Chunks(ChunkError::Signature) => Self::SignatureDoesNotMatch,
            PayloadError::Chunks(error) => {
                Self::invalid_request(format!("Cannot process request: {error}."))
            }
        }
    }
}

/// A body that ends in an error when it is not what it should be.
pub(super) struct CheckedBody {
    source: BorrowedBody,
    payload: Payload,
    sha256: Sha256,
    checksums: SentChecksums,
    /// What is to come out, when that was said apart from the length of the body itself.
    expected: Option<u64>,
    seen: u64,
    ended: bool,
}

impl CheckedBody {
    /// `expected` is the length of the content; `None` when that is the length of the body itself.
    pub(super) fn new(
        source: BorrowedBody,
        payload: Payload,
        checksums: SentChecksums,
        expected: Option<u64>,
    ) -> Self {
        Self {
            source,
            payload,
            sha256: Sha256::new(),
            checksums,
            expected,
            seen: 0,
            ended: false,
        }
    }

    /// Takes a piece as it came and gives what is in it.
    fn take(&mut self, piece: Bytes) -> Result<Bytes, PayloadError> {
        let data = match &mut self.payload {
            Payload::Chunks(decoder) => {
                let mut data = Vec::with_capacity(piece.len());
                decoder.feed(&piece, &mut data)?;
                data.into()
            }
            Payload::Sha256(_) => {
                self.sha256.update(&piece);
                piece
            }
            Payload::Unchecked => piece,
        };
        self.seen += data.len() as u64;
        if self.expected.is_some_and(|expected| self.seen > expected) {
            return Err(PayloadError::Length);
        }
        self.checksums.update(&data);
        Ok(data)
    }

    /// Compares the whole, with the fields behind the chunks.
    fn end(&mut self) -> Result<(), PayloadError> {
        let trailers = match std::mem::replace(&mut self.payload, Payload::Unchecked) {
            Payload::Chunks(decoder) => decoder.finish()?,
            Payload::Sha256(hash) => {
                if HEXLOWER.encode(&self.sha256.finalize_reset()) != hash {
                    return Err(PayloadError::Hash);
                }
                Vec::new()
            }
            Payload::Unchecked => Vec::new(),
        };
        if self.expected.is_some_and(|expected| self.seen != expected) {
            return Err(PayloadError::Length);
        }
        Ok(std::mem::take(&mut self.checksums).finish(&trailers)?)
    }
}

impl Body for CheckedBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        while !self.ended {
            let Poll::Ready(frame) = self.source.poll(cx) else {
                return Poll::Pending;
            };
            let result = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => self.take(piece),
                    // Trailers of HTTP itself say nothing that was signed.
                    Err(_) => continue,
                },
                Some(Err(error)) => Err(error.into()),
                None => {
                    self.ended = true;
                    match self.end() {
                        Ok(()) => return Poll::Ready(None),
                        Err(error) => Err(error),
                    }
                }
            };
            match result {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// A body that goes back to where it came from when it is dropped before its end, so that the rest can be read
/// off: a client that is still sending hears no answer.
pub(super) struct BorrowedBody {
    body: Option<ClientBody>,
    /// Whether the client knows that it should send: it does without `Expect`, or when we have read.
    sending: bool,
    back: Option<oneshot::Sender<LeftBody>>,
}

/// A body that was not read to its end.
enum LeftBody {
    /// The client is sending this.
    Coming(ClientBody),
    /// The client was never told to send, and does not know whether it should.
    Unasked,
}

impl BorrowedBody {
    /// Lends the body of a request with these headers, and gives the place where what is not read of it will be.
    pub(super) fn new(body: ClientBody, headers: &HeaderMap) -> (Self, Leftover) {
        let (back, receiver) = oneshot::channel();
        let borrowed = Self {
            body: Some(body),
            sending: !asks_first(headers),
            back: Some(back),
        };
        (borrowed, Leftover(receiver))
    }

    /// The next frame.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.sending = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for BorrowedBody {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            let left = if self.sending {
                LeftBody::Coming(body)
            } else {
                LeftBody::Unasked
            };
            // Nobody waits for it any more when the request itself was given up.
            let _ = back.send(left);
        }
    }
}

/// What a request leaves of its body.
pub(super) struct Leftover(oneshot::Receiver<LeftBody>);

impl Leftover {
    /// Reads off what the client is still sending; or has the connection closed, by a header of the answer, when the client may
    /// send its body anyway.
    pub(super) async fn drain(mut self, answer: &mut HeaderMap) {
        match self.0.try_recv() {
            Ok(LeftBody::Coming(body)) => read_off(body).await,
            Ok(LeftBody::Unasked) => {
                answer.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Err(_) => {}
        }
    }
}

async fn read_off(mut body: ClientBody) {
    let read = async {
        let mut left = MAX_DRAIN;
        while left > 0
            && !body.is_end_stream()
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // A client that continues for longer has to do without the answer.
    let _ = tokio::time::timeout(DRAIN_TIME, read).await;
}

/// Whether the client waits to be told to send its body.
fn asks_first(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
