//! Bytes of a blob on their way out.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use gumnut_cloud_blobs::{BlobError, BlobStream};
use tokio::runtime::Handle;

/// The bytes of a range in pieces, none of them empty, and an error when there are too few.
pub(crate) struct Pieces {
    // Never locked: it lets the stream be shared between threads.
    stream: Mutex<BoxStream<'static, object_store::Result<Bytes>>>,
    /// Bytes that are still to come.
    left: u64,
    /// Makes an error of the store one of blobs.
    failed: Box<dyn Fn(object_store::Error) -> BlobError + Send + Sync>,
    ended: bool,
}

impl Pieces {
    pub(crate) fn new(
        stream: BoxStream<'static, object_store::Result<Bytes>>,
        left: u64,
        failed: impl Fn(object_store::Error) -> BlobError + Send + Sync + 'static,
    ) -> Self {
        Self {
            stream: Mutex::new(stream),
            left,
            failed: Box::new(failed),
            ended: false,
        }
    }

    fn counted(
        &mut self,
        piece: Option<object_store::Result<Bytes>>,
    ) -> Option<Result<Bytes, BlobError>> {
        match piece {
            Some(Ok(piece)) if piece.len() as u64 <= self.left => {
                self.left -= piece.len() as u64;
                Some(Ok(piece))
            }
            None if self.left == 0 => None,
            None => Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
            Some(Ok(_)) => {
                let error = io::Error::other("the store has sent more bytes than requested");
                Some(Err(error.into()))
            }
            Some(Err(error)) => Some(Err((self.failed)(error))),
        }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            let stream = self.stream.get_mut();
            let stream = stream.unwrap_or_else(PoisonError::into_inner);
            let Poll::Ready(piece) = stream.poll_next_unpin(context) else {
                return Poll::Pending;
            };
            if matches!(&piece, Some(Ok(piece)) if piece.is_empty()) {
                continue;
            }
            let taken = self.counted(piece);
            self.ended = !matches!(taken, Some(Ok(_)));
            return Poll::Ready(taken);
        }
        Poll::Ready(None)
    }
}

/// A stream that is read by calls that block, on threads where that is allowed.
pub(crate) struct Blocking {
    pub(crate) pieces: BlobStream,
    pub(crate) current: Bytes,
    pub(crate) runtime: Handle,
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !buffer.is_empty() {
            match self.runtime.block_on(self.pieces.next()) {
                None => return Ok(0),
                Some(Ok(piece)) => self.current = piece,
                Some(Err(BlobError::Io(error))) => return Err(error),
                Some(Err(error)) => return Err(io::Error::other(error)),
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current[..count]);
        self.current.advance(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use futures::{TryStreamExt as _, stream};

    use super::*;

    fn pieces(sizes: &[usize], left: u64) -> Pieces {
        let pieces: Vec<_> = sizes.iter().map(|size| Ok(vec![7; *size].into())).collect();
        Pieces::new(stream::iter(pieces).boxed(), left, |error| {
            BlobError::Io(io::Error::other(error))
        })
    }

    #[tokio::test]
    async fn an_answer_of_another_length_is_an_error() {
        let whole: Vec<Bytes> = pieces(&[3, 0, 4], 7).try_collect().await.unwrap();
        assert_eq!(whole.iter().map(Bytes::len).collect::<Vec<_>>(), [3, 4]);
        let short = pieces(&[3, 3], 7).try_collect::<Vec<_>>().await;
        let Err(BlobError::Io(error)) = short else {
            panic!("{short:?}");
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let mut long = pieces(&[3, 5, 1], 7);
        assert!(long.next().await.unwrap().is_ok());
        assert!(long.next().await.unwrap().is_err());
        assert!(long.next().await.is_none(), "nothing comes after an error");
    }
}
