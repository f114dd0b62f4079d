//! Bytes of an object on their way in.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::{Stream, StreamExt as _};
use gumnut_cloud_blobs::{BlobStore, Body, BoxError, PendingBlob, Tap};
use gumnut_cloud_catalogue::{ChecksumAlgorithm, Segment};
use md5::{Digest as _, Md5};

use crate::checksum::ChecksumHasher;
use crate::error::ObjectError;

/// What is computed of a body while it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyDigests {
    /// The MD5 that the body must have (`Content-MD5`); `None` for any. It is computed in any case.
    pub md5: Option<[u8; 16]>,
    /// A checksum that is computed beside the MD5; `None` for none.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// A body that is stored and belongs to nothing yet. Its bytes are removed when it is dropped.
#[derive(Debug)]
pub struct ReceivedBody {
    blob: PendingBlob,
    md5: [u8; 16],
    checksum: Option<(ChecksumAlgorithm, String)>,
}

impl ReceivedBody {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.blob.size()
    }

    /// Its MD5.
    pub fn md5(&self) -> [u8; 16] {
        self.md5
    }

    /// The checksum that was asked for, in base64; `None` when none was.
    pub fn checksum(&self) -> Option<&(ChecksumAlgorithm, String)> {
        self.checksum.as_ref()
    }

    /// The body as the only segment of something, without its checksum.
    pub(crate) fn segment(&self) -> Segment {
        Segment {
            blob: self.blob.name().to_string(),
            size: self.size(),
            md5: HEXLOWER.encode(&self.md5),
            checksum: None,
        }
    }

    pub(crate) fn into_blob(self) -> PendingBlob {
        self.blob
    }
}

/// Stores a body of at most `limit` bytes; `length` is what was said of it, `None` if nothing was.
pub(crate) async fn receive(
    blobs: &Arc<dyn BlobStore>,
    body: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
    length: Option<u64>,
    digests: BodyDigests,
    limit: u64,
) -> Result<ReceivedBody, ObjectError> {
    if length.is_some_and(|length| length > limit) {
        return Err(ObjectError::EntityTooLarge);
    }
    let mut left = limit;
    let counted = body.map(move |received| {
        let piece = received?;
        left = left
            .checked_sub(piece.len() as u64)
            .ok_or(ObjectError::EntityTooLarge)?;
        Ok::<_, ObjectError>(piece)
    });
    store(blobs, Body::stream(counted).of_length(length), digests).await
}

/// Stores a body.
pub(crate) async fn store(
    blobs: &Arc<dyn BlobStore>,
    body: Body,
    digests: BodyDigests,
) -> Result<ReceivedBody, ObjectError> {
    let tap = Digests {
        expected: digests.md5,
        md5: Md5::new(),
        checksum: digests.checksum.map(ChecksumHasher::new),
    };
    let (blob, digests) = blobs.put_with(body, tap).await?;
    Ok(ReceivedBody {
        blob,
        md5: digests.md5.finalize().into(),
        checksum: digests
            .checksum
            .map(|hasher| (hasher.algorithm(), hasher.finish())),
    })
}

/// Computes digests on the thread that writes the bytes.
struct Digests {
    expected: Option<[u8; 16]>,
    md5: Md5,
    checksum: Option<ChecksumHasher>,
}

impl Tap for Digests {
    fn bytes(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        if self.expected.is_some() && self.expected != self.md5() {
            return Err(ObjectError::BadDigest.into());
        }
        Ok(())
    }

    // Of a clone, because what has been computed is asked for once more.
    fn md5(&self) -> Option<[u8; 16]> {
        Some(self.md5.clone().finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use gumnut_cloud_blobs::MemoryBlobs;

    use super::*;

    async fn received(
        pieces: Vec<Result<Bytes, ObjectError>>,
        digests: BodyDigests,
        limit: u64,
    ) -> Result<ReceivedBody, ObjectError> {
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::new());
        receive(&blobs, stream::iter(pieces), None, digests, limit).await
    }

    fn pieces() -> Vec<Result<Bytes, ObjectError>> {
        let pieces: [&'static [u8]; 3] = [b"1234", b"", b"56789"];
        pieces.map(|piece| Ok(Bytes::from_static(piece))).into()
    }

    /// The MD5 of the pieces.
    fn md5() -> [u8; 16] {
        Md5::digest(b"123456789").into()
    }

    #[tokio::test]
    async fn digests_are_of_all_pieces() {
        let digests = BodyDigests {
            md5: Some(md5()),
            checksum: Some(ChecksumAlgorithm::Crc32c),
        };
        let body = received(pieces(), digests, 9).await.unwrap();
        assert_eq!((body.size(), body.md5()), (9, md5()));
        let (algorithm, sum) = body.checksum().unwrap();
        assert_eq!(
            (*algorithm, sum.as_str()),
            (ChecksumAlgorithm::Crc32c, "4waSgw==")
        );
        assert_eq!(body.segment().md5, "25f9e794323b453885f5181f1b624d0b");
    }

    #[tokio::test]
    async fn bodies_that_are_refused() {
        let none = BodyDigests::default();
        let long = received(pieces(), none, 8).await.unwrap_err();
        assert_eq!(long.code(), "EntityTooLarge");
        let mut broken = pieces();
        broken.push(Err(ObjectError::IncompleteBody));
        let refused = received(broken, none, 9).await.unwrap_err();
        assert_eq!(refused.code(), "IncompleteBody");
        let other = BodyDigests {
            md5: Some([0; 16]),
            checksum: None,
        };
        let refused = received(pieces(), other, 9).await.unwrap_err();
        assert!(matches!(refused, ObjectError::BadDigest), "{refused:?}");
    }
}
