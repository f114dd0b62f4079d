//! Bytes of an object on their way in.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::{Stream, StreamExt as _, TryStreamExt as _, future};
use gumnut_cloud_blobs::{BlobError, BlobStore, Body, BoxError, PendingBlob, Tap};
use gumnut_cloud_catalogue::{ChecksumAlgorithm, Content, Segment};
use md5::{Digest as _, Md5};

use crate::checksum::ChecksumHasher;
use crate::error::ObjectError;
use crate::limits::ObjectLimits;
use crate::reader::ObjectReader;

/// What is computed of a body while it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyDigests {
    /// The MD5 that the body must have (`Content-MD5`); `None` for any. It is computed in any case.
    pub md5: Option<[u8; 16]>,
    /// A checksum that is computed beside the MD5; `None` for none.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// What was computed of a body.
#[derive(Debug)]
struct Computed {
    md5: [u8; 16],
    checksum: Option<(ChecksumAlgorithm, String)>,
}

/// The bytes of an object to be, which belong to nothing yet: few are in memory, others are stored. What is stored is removed when
/// this is dropped.
#[derive(Debug)]
pub struct ReceivedBody {
    bytes: Received,
    computed: Computed,
}

#[derive(Debug)]
enum Received {
    InMemory(Bytes),
    InBlob(PendingBlob),
}

impl ReceivedBody {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        match &self.bytes {
            Received::InMemory(bytes) => bytes.len() as u64,
            Received::InBlob(blob) => blob.size(),
        }
    }

    /// Its MD5.
    pub fn md5(&self) -> [u8; 16] {
        self.computed.md5
    }

    /// The checksum that was asked for, in base64; `None` when none was.
    pub fn checksum(&self) -> Option<&(ChecksumAlgorithm, String)> {
        self.computed.checksum.as_ref()
    }

    /// The MD5 in hex, which is the `ETag` of an object that comes at once.
    pub(crate) fn etag(&self) -> String {
        HEXLOWER.encode(&self.computed.md5)
    }

    /// Where its bytes are.
    pub(crate) fn content(&self) -> Content {
        match &self.bytes {
            Received::InMemory(bytes) => Content::Inline(bytes.clone()),
            Received::InBlob(blob) => Content::Blobs(vec![self.computed.segment(blob)]),
        }
    }

    /// The blob that gets a row; `None` for bytes in memory.
    pub(crate) fn into_blob(self) -> Option<PendingBlob> {
        match self.bytes {
            Received::InMemory(_) => None,
            Received::InBlob(blob) => Some(blob),
        }
    }
}

/// The bytes of a part of a multipart upload, which are stored and belong to nothing yet. They are removed when this is dropped.
#[derive(Debug)]
pub struct ReceivedPart {
    blob: PendingBlob,
    computed: Computed,
}

impl ReceivedPart {
    /// The checksum that was asked for, in base64; `None` when none was.
    pub(crate) fn checksum(&self) -> Option<&(ChecksumAlgorithm, String)> {
        self.computed.checksum.as_ref()
    }

    /// The part as a segment, without its checksum.
    pub(crate) fn segment(&self) -> Segment {
        self.computed.segment(&self.blob)
    }

    pub(crate) fn into_blob(self) -> PendingBlob {
        self.blob
    }
}

impl Computed {
    /// A blob with these digests as a segment, without its checksum.
    fn segment(&self, blob: &PendingBlob) -> Segment {
        Segment {
            blob: blob.name().to_string(),
            size: blob.size(),
            md5: HEXLOWER.encode(&self.md5),
            checksum: None,
        }
    }
}

/// Takes the bytes of an object: up to [`ObjectLimits::inline_bytes`] into memory, others into the store. `length` is what was said
/// of it, `None` if nothing was.
pub(crate) async fn receive(
    blobs: &Arc<dyn BlobStore>,
    body: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
    length: Option<u64>,
    digests: BodyDigests,
    limits: &ObjectLimits,
) -> Result<ReceivedBody, ObjectError> {
    let most = limits.inline_bytes;
    let mut pieces = limited(body, length, limits.put_bytes)?.boxed();
    let mut start = Vec::new();
    let is_small = most > 0
        && loop {
            match pieces.next().await {
                // Copied: pieces may be many, and parts of larger buffers.
                Some(piece) => start.extend_from_slice(&piece?),
                None => break true,
            }
            if start.len() > most {
                break false;
            }
        };
    let start = Bytes::from(start);
    if is_small {
        return in_memory(start, digests);
    }
    let all = futures::stream::iter([Ok(start)]).chain(pieces);
    in_blob(blobs, Body::stream(all).of_length(length), digests).await
}

/// Stores the bytes of a part.
pub(crate) async fn receive_part(
    blobs: &Arc<dyn BlobStore>,
    body: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
    length: Option<u64>,
    digests: BodyDigests,
    limits: &ObjectLimits,
) -> Result<ReceivedPart, ObjectError> {
    let pieces = limited(body, length, limits.put_bytes)?;
    store(blobs, Body::stream(pieces).of_length(length), digests).await
}

/// Takes the bytes of a copy, as [`receive`] does.
pub(crate) async fn receive_copy(
    blobs: &Arc<dyn BlobStore>,
    reader: ObjectReader,
    digests: BodyDigests,
    limits: &ObjectLimits,
) -> Result<ReceivedBody, ObjectError> {
    let most = limits.inline_bytes;
    if most > 0 && reader.left() <= most as u64 {
        let read = reader.into_stream().try_fold(Vec::new(), |mut all, piece| {
            all.extend_from_slice(&piece);
            future::ready(Ok(all))
        });
        let bytes = read.await.map_err(BlobError::Io)?;
        return in_memory(bytes.into(), digests);
    }
    let ReceivedPart { blob, computed } = receive_part_copy(blobs, reader, digests).await?;
    Ok(ReceivedBody {
        bytes: Received::InBlob(blob),
        computed,
    })
}

/// Stores the bytes of a copy of a part. A whole blob is copied by the store itself, if it can and nothing is to be computed.
pub(crate) async fn receive_part_copy(
    blobs: &Arc<dyn BlobStore>,
    reader: ObjectReader,
    digests: BodyDigests,
) -> Result<ReceivedPart, ObjectError> {
    if let Some(whole) = reader.whole_blob()
        && digests == BodyDigests::default()
        && let Some(blob) = blobs.copy(whole.name).await?
    {
        if blob.size() != whole.size {
            let other = std::io::Error::other("the store of blobs made a copy of another size");
            return Err(BlobError::Io(other).into());
        }
        let computed = Computed {
            md5: whole.md5,
            checksum: None,
        };
        return Ok(ReceivedPart { blob, computed });
    }
    let length = Some(reader.left());
    store(blobs, Body::reader(reader).of_length(length), digests).await
}

/// The pieces of a body; one byte more than `limit` is an error, and a `length` that is.
fn limited(
    body: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
    length: Option<u64>,
    limit: u64,
) -> Result<impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static, ObjectError> {
    if length.is_some_and(|length| length > limit) {
        return Err(ObjectError::EntityTooLarge);
    }
    let mut left = limit;
    Ok(body.map(move |received| {
        let piece = received?;
        left = left
            .checked_sub(piece.len() as u64)
            .ok_or(ObjectError::EntityTooLarge)?;
        Ok(piece)
    }))
}

fn in_memory(bytes: Bytes, digests: BodyDigests) -> Result<ReceivedBody, ObjectError> {
    let mut hashers = Digests::new(digests);
    hashers.bytes(&bytes);
    let computed = hashers.checked()?;
    Ok(ReceivedBody {
        bytes: Received::InMemory(bytes),
        computed,
    })
}

async fn in_blob(
    blobs: &Arc<dyn BlobStore>,
    body: Body,
    digests: BodyDigests,
) -> Result<ReceivedBody, ObjectError> {
    let ReceivedPart { blob, computed } = store(blobs, body, digests).await?;
    Ok(ReceivedBody {
        bytes: Received::InBlob(blob),
        computed,
    })
}

/// Stores a body as a blob.
async fn store(
    blobs: &Arc<dyn BlobStore>,
    body: Body,
    digests: BodyDigests,
) -> Result<ReceivedPart, ObjectError> {
    let (blob, digests) = blobs.put_with(body, Digests::new(digests)).await?;
    let computed = digests.computed();
    Ok(ReceivedPart { blob, computed })
}

/// Computes digests on the thread that writes the bytes.
struct Digests {
    expected: Option<[u8; 16]>,
    md5: Md5,
    checksum: Option<ChecksumHasher>,
}

impl Digests {
    fn new(digests: BodyDigests) -> Self {
        Self {
            expected: digests.md5,
            md5: Md5::new(),
            checksum: digests.checksum.map(ChecksumHasher::new),
        }
    }

    fn computed(self) -> Computed {
        Computed {
            md5: self.md5.finalize().into(),
            checksum: self
                .checksum
                .map(|hasher| (hasher.algorithm(), hasher.finish())),
        }
    }

    /// What was computed of a body that has ended, unless it must have another MD5.
    fn checked(self) -> Result<Computed, ObjectError> {
        let expected = self.expected;
        let computed = self.computed();
        if expected.is_some_and(|expected| expected != computed.md5) {
            return Err(ObjectError::BadDigest);
        }
        Ok(computed)
    }
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

    /// Limits on bodies of so many bytes, and of bytes that are held in memory.
    fn limits(put_bytes: u64, inline_bytes: usize) -> ObjectLimits {
        ObjectLimits {
            put_bytes,
            inline_bytes,
            ..ObjectLimits::default()
        }
    }

    async fn received(
        pieces: Vec<Result<Bytes, ObjectError>>,
        digests: BodyDigests,
        limits: ObjectLimits,
    ) -> Result<ReceivedBody, ObjectError> {
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::new());
        receive(&blobs, stream::iter(pieces), None, digests, &limits).await
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
    async fn few_bytes_are_held_and_more_are_stored() {
        for (inline, is_held) in [(0, false), (3, false), (8, false), (9, true), (10, true)] {
            let digests = BodyDigests {
                md5: Some(md5()),
                checksum: Some(ChecksumAlgorithm::Crc32c),
            };
            let body = received(pieces(), digests, limits(9, inline));
            let body = body.await.unwrap();
            assert_eq!((body.size(), body.md5()), (9, md5()), "{inline}");
            let (algorithm, sum) = body.checksum().unwrap();
            assert_eq!(
                (*algorithm, sum.as_str()),
                (ChecksumAlgorithm::Crc32c, "4waSgw==")
            );
            assert_eq!(body.etag(), "25f9e794323b453885f5181f1b624d0b");
            match body.content() {
                Content::Inline(bytes) => assert!(is_held && bytes == b"123456789"[..]),
                Content::Blobs(segments) => {
                    assert!(!is_held, "{inline}");
                    assert_eq!((segments[0].size, &segments[0].md5), (9, &body.etag()));
                }
            }
            assert_eq!(body.into_blob().is_none(), is_held, "{inline}");
        }
    }

    #[tokio::test]
    async fn a_body_without_bytes_is_held_unless_none_are() {
        for (inline, is_held) in [(0, false), (1, true)] {
            let body = received(Vec::new(), BodyDigests::default(), limits(9, inline));
            let content = body.await.unwrap().content();
            assert_eq!(matches!(content, Content::Inline(_)), is_held);
            assert_eq!(content.size(), 0);
        }
    }

    #[tokio::test]
    async fn bodies_that_are_refused() {
        for inline in [0, 4, 100] {
            let none = BodyDigests::default();
            let long = received(pieces(), none, limits(8, inline)).await;
            assert_eq!(long.unwrap_err().code(), "EntityTooLarge");
            let mut broken = pieces();
            broken.push(Err(ObjectError::IncompleteBody));
            let refused = received(broken, none, limits(9, inline)).await;
            assert_eq!(refused.unwrap_err().code(), "IncompleteBody");
            let other = BodyDigests {
                md5: Some([0; 16]),
                checksum: None,
            };
            let refused = received(pieces(), other, limits(9, inline)).await;
            let refused = refused.unwrap_err();
            assert!(matches!(refused, ObjectError::BadDigest), "{refused:?}");
        }
    }
}
