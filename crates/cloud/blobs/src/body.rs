//! What a blob is made from.

use std::any::Any;
use std::fmt;
use std::io::Read;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use crate::BoxError;

/// The bytes of a blob that is to be put, and how many they are.
pub struct Body {
    /// Where they come from.
    pub source: Source,
    /// How many there are; `None` when nobody has said. A store may rely on it to pass them on as they come,
    /// and then refuses a body of another length.
    pub length: Option<u64>,
}

/// Where the bytes of a blob come from.
pub enum Source {
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
        Self {
            source: Source::Stream(pieces.map_err(Into::into).boxed()),
            length: None,
        }
    }

    /// A body that is read by calls that block. An error of it comes back as [`crate::PutError::Refused`].
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self {
            source: Source::Reader(Box::new(reader)),
            length: None,
        }
    }

    /// A body that is in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let piece: Bytes = bytes.into();
        let length = piece.len() as u64;
        Self::stream(futures::stream::iter([Ok::<_, BoxError>(piece)])).of_length(Some(length))
    }

    /// This body, of so many bytes.
    #[must_use]
    pub fn of_length(self, length: Option<u64>) -> Self {
        Self { length, ..self }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Stream(_) => "Stream",
            Source::Reader(_) => "Reader",
        };
        f.debug_struct("Body")
            .field("source", &source)
            .field("length", &self.length)
            .finish()
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

    /// The MD5 of the bytes so far, for a tap that computes it; `None` at any time for one that does not. Stores that
    /// compare the MD5 with what arrived need not compute it again.
    fn md5(&self) -> Option<[u8; 16]> {
        None
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
