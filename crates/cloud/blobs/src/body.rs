//! What a blob is made from.

use std::any::Any;
use std::fmt;
use std::io::Read;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::BoxError;

/// The bytes of a blob that is to be put.
pub enum Body {
    /// Pieces as they arrive, for example from a client.
    Stream(BoxStream<'static, Result<Bytes, BoxError>>),
    /// A reader that blocks, for example of a blob that is copied. A store on disk reads it to its end on one thread.
    Reader(Box<dyn Read + Send>),
}

impl Body {
    /// A body that arrives in pieces of any size. An error of it comes back as [`crate::PutError::Refused`].
    pub fn stream<E: Into<BoxError> + 'static>(
        pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self {
        Self::Stream(pieces.map_err(Into::into).boxed())
    }

    /// A body that is read by calls that block. An error of it comes back as [`crate::PutError::Refused`].
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self::Reader(Box::new(reader))
    }

    /// A body that is in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let piece: Bytes = bytes.into();
        Self::stream(futures::stream::iter([Ok::<_, BoxError>(piece)]))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Body::Stream",
            Self::Reader(_) => "Body::Reader",
        })
    }
}

/// Sees the bytes of a blob as they are put, on the thread that writes them: for checksums.
///
/// [`crate::BlobStore::put`] gives the tap back, and `Box<dyn Any>::downcast` its type; [`crate::BlobStore`] has
/// `put_with` for both at once. The tap of a put that fails or is dropped is dropped after everything that the put
/// has left in the store is gone.
pub trait Tap: Any + Send {
    /// The next bytes. Together the pieces are the body, in its order; where they are cut means nothing.
    fn bytes(&mut self, bytes: &[u8]);

    /// The body has ended, and is made durable when this returns `Ok`.
    ///
    /// # Errors
    /// The tap may refuse the body, for example because a checksum is not that which the client told. The error comes
    /// back as [`crate::PutError::Refused`].
    fn finish(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl fmt::Debug for dyn Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

/// Looks at nothing.
impl Tap for () {
    fn bytes(&mut self, _bytes: &[u8]) {}
}
