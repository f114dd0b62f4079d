//! Bodies on their way in: counted, taken out of their chunks, and compared with what was said of them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use gumnut_signing::ChunkError;
use http_body::{Body, Frame};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::ClientBody;
use super::checksum::Checksums;
use super::client_body::BodyError;
use crate::auth::Payload;
use crate::store::StoreError;

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    /// The body does not come.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is not the one that was signed.
    #[error("the body is not the one that was signed")]
    Hash,
    /// The body is not the one that the checksum is of.
    #[error("the checksum is of another body")]
    Checksum,
    /// The chunks are malformed or wrongly signed.
    #[error(transparent)]
    Chunks(#[from] ChunkError),
    /// The chunks hold another number of bytes than was said.
    #[error("the body has another length than was said")]
    Length,
}

impl From<&PayloadError> for StoreError {
    fn from(error: &PayloadError) -> Self {
        match error {
            PayloadError::Body(BodyError::Slow) => Self::Timeout,
            PayloadError::Body(BodyError::Transport(_))
            | PayloadError::Length
            | PayloadError::Chunks(ChunkError::Incomplete) => Self::IncompleteBody,
            PayloadError::Checksum => Self::BadChecksum,
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
    source: Loan,
    payload: Payload,
    sha256: Sha256,
    checksums: Checksums,
    /// What is to come out, when that was said apart from the length of the body itself.
    expected: Option<u64>,
    seen: u64,
    ended: bool,
}

impl CheckedBody {
    pub(super) fn new(
        source: Loan,
        payload: Payload,
        checksums: Checksums,
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
        if std::mem::take(&mut self.checksums).finish(&trailers) {
            Ok(())
        } else {
            Err(PayloadError::Checksum)
        }
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
pub(super) struct Loan {
    body: Option<ClientBody>,
    /// Whether the client knows that it should send: it does without `Expect`, or when we have read.
    sending: bool,
    back: Option<oneshot::Sender<Rest>>,
}

/// What a request leaves of its body.
pub(super) enum Rest {
    /// The client is sending this.
    Coming(ClientBody),
    /// The client was never told to send, and does not know whether it should.
    Unasked,
}

impl Loan {
    /// Lends a body; `expects` says whether the client waits to be told to send.
    pub(super) fn new(body: ClientBody, expects: bool) -> (Self, oneshot::Receiver<Rest>) {
        let (back, receiver) = oneshot::channel();
        let loan = Self {
            body: Some(body),
            sending: !expects,
            back: Some(back),
        };
        (loan, receiver)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.sending = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            let rest = if self.sending {
                Rest::Coming(body)
            } else {
                Rest::Unasked
            };
            // Nobody waits for it any more when the request itself was given up.
            let _ = back.send(rest);
        }
    }
}
