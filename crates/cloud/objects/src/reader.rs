//! The bytes of an object, of however many blobs.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use gumnut_cloud_blobs::{BlobError, BlobName, BlobPin, BlobReader, BlobStore, BlobStream};
use gumnut_cloud_catalogue::Segment;

use crate::error::ObjectError;

/// Reads an object, or a range of it. Its bytes are kept until the reader is dropped, whatever happens to the object.
///
/// [`Read`] blocks: use it where that is allowed, or [`ObjectReader::into_stream`].
pub struct ObjectReader {
    blobs: Arc<dyn BlobStore>,
    runs: VecDeque<Run>,
    current: Option<BlobReader>,
    left: u64,
    pin: BlobPin,
}

/// The bytes of one blob that are wanted.
#[derive(Clone, Debug)]
struct Run {
    name: BlobName,
    wanted: Range<u64>,
}

impl Run {
    fn size(&self) -> u64 {
        self.wanted.end - self.wanted.start
    }
}

impl ObjectReader {
    /// A reader of all. From now on the blobs are not deleted, if they are there.
    pub(crate) fn new(
        blobs: &Arc<dyn BlobStore>,
        segments: &[Segment],
    ) -> Result<Self, ObjectError> {
        let mut runs = VecDeque::with_capacity(segments.len());
        for segment in segments {
            let name = segment.blob.parse().map_err(io::Error::other);
            runs.push_back(Run {
                name: name.map_err(BlobError::Io)?,
                wanted: 0..segment.size,
            });
        }
        let mut reader = Self {
            blobs: Arc::clone(blobs),
            left: runs.iter().map(Run::size).sum(),
            runs,
            current: None,
            pin: BlobPin::none(),
        };
        reader.pin = blobs.pin(&reader.names());
        Ok(reader)
    }

    /// The blobs that are to be read.
    pub(crate) fn names(&self) -> Vec<BlobName> {
        self.runs.iter().map(|run| run.name).collect()
    }

    /// How many parts the object has; one that came at once has one. Call it before the first read.
    pub fn parts(&self) -> usize {
        self.runs.len()
    }

    /// The range of bytes of the part with this number, counted from 1; `None` when there is no such part. Call it before
    /// the first read.
    pub fn part(&self, number: usize) -> Option<Range<u64>> {
        let before = number.checked_sub(1)?;
        let size = self.runs.get(before)?.size();
        let start = self.runs.iter().take(before).map(Run::size).sum();
        Some(start..start + size)
    }

    /// How many bytes are still to be read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Reads only this range of the bytes that would have been read, counted from 0. Call it before the first read.
    #[must_use]
    pub fn range(mut self, range: Range<u64>) -> Self {
        let mut at = 0;
        for run in std::mem::take(&mut self.runs) {
            let (start, end) = (at, at + run.size());
            let from = range.start.clamp(start, end) - start;
            let to = range.end.clamp(start, end) - start;
            if from < to {
                self.runs.push_back(Run {
                    name: run.name,
                    wanted: run.wanted.start + from..run.wanted.start + to,
                });
            }
            at = end;
        }
        self.left = self.runs.iter().map(Run::size).sum();
        self
    }

    /// The bytes as a stream, for example for a response. Call it before the first read.
    pub fn into_stream(self) -> ObjectStream {
        let Self {
            blobs, runs, pin, ..
        } = self;
        let pieces = Pieces {
            blobs,
            runs,
            current: None,
            _pin: pin,
        };
        ObjectStream(Mutex::new(stream::try_unfold(pieces, Pieces::next).boxed()))
    }

    fn open_next(&mut self) -> io::Result<()> {
        let run = self.runs.pop_front().ok_or(io::ErrorKind::UnexpectedEof)?;
        if run.size() > 0 {
            let opened = self.blobs.get_blocking(run.name, run.wanted);
            self.current = Some(opened.map_err(io::Error::other)?);
        }
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left > 0 && !buffer.is_empty() {
            if let Some(blob) = &mut self.current {
                // A blob that has lost its end gives an error, so that it does not pass for a shorter object.
                let count = blob.read(buffer)?;
                self.left = self.left.saturating_sub(count as u64);
                if count > 0 {
                    return Ok(count);
                }
                self.current = None;
            }
            self.open_next()?;
        }
        Ok(0)
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader")
            .field("runs", &self.runs)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// What is still to be streamed.
struct Pieces {
    blobs: Arc<dyn BlobStore>,
    runs: VecDeque<Run>,
    current: Option<BlobStream>,
    /// Held until the last piece is out.
    _pin: BlobPin,
}

impl Pieces {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        loop {
            if let Some(blob) = &mut self.current {
                match blob.next().await {
                    Some(piece) => return Ok(Some((piece.map_err(io::Error::other)?, self))),
                    None => self.current = None,
                }
            }
            let Some(run) = self.runs.pop_front() else {
                return Ok(None);
            };
            if run.size() > 0 {
                let opened = self.blobs.get(run.name, run.wanted).await;
                self.current = Some(opened.map_err(io::Error::other)?);
            }
        }
    }
}

/// The bytes of an object in pieces, none of them empty. An error is the last item.
pub struct ObjectStream(
    // Never locked: it lets the stream be shared between threads, which the code that sends it may require.
    Mutex<BoxStream<'static, io::Result<Bytes>>>,
);

impl Stream for ObjectStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let pieces = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        pieces.poll_next_unpin(context)
    }
}

impl fmt::Debug for ObjectStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectStream")
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;
    use gumnut_cloud_blobs::{Body, DiskBlobs, MemoryBlobs};

    use super::*;

    async fn put(blobs: &Arc<dyn BlobStore>, pieces: &[&'static [u8]]) -> Vec<Segment> {
        let mut segments = Vec::new();
        for piece in pieces {
            let (blob, _) = blobs.put(Body::bytes(*piece), Box::new(())).await.unwrap();
            segments.push(Segment {
                blob: blob.keep().to_string(),
                size: piece.len() as u64,
                md5: String::new(),
                checksum: None,
            });
        }
        segments
    }

    fn in_memory() -> Arc<dyn BlobStore> {
        Arc::new(MemoryBlobs::new())
    }

    #[tokio::test]
    async fn every_range_of_several_blobs() {
        let blobs = in_memory();
        let segments = put(&blobs, &[b"abc", b"", b"d", b"efgh"]).await;
        let whole = b"abcdefgh";
        for start in 0..=8 {
            for end in start..=8 {
                let reader = || {
                    let all = ObjectReader::new(&blobs, &segments).unwrap();
                    all.range(start as u64..end as u64)
                };
                assert_eq!(reader().left(), (end - start) as u64);
                let mut read = Vec::new();
                reader().read_to_end(&mut read).unwrap();
                assert_eq!(read, whole[start..end]);
                let pieces: Vec<Bytes> = reader().into_stream().try_collect().await.unwrap();
                assert_eq!(pieces.concat(), whole[start..end]);
            }
        }
    }

    #[tokio::test]
    async fn parts_are_counted_from_one() {
        let blobs = in_memory();
        let segments = put(&blobs, &[b"abc", b"d", b"efgh"]).await;
        let reader = ObjectReader::new(&blobs, &segments).unwrap();
        assert_eq!(reader.parts(), 3);
        let parts: Vec<_> = (0..5).map(|number| reader.part(number)).collect();
        assert_eq!(parts, [None, Some(0..3), Some(3..4), Some(4..8), None]);
    }

    #[tokio::test]
    async fn a_blob_that_was_given_up_goes_with_its_last_reader() {
        let folder = tempfile::tempdir().unwrap();
        let blobs: Arc<dyn BlobStore> = Arc::new(DiskBlobs::open(folder.path()).unwrap());
        let segments = put(&blobs, &[b"abc"]).await;
        let path = folder.path().join("objects").join(&segments[0].blob);
        let mut first = ObjectReader::new(&blobs, &segments).unwrap();
        let second = ObjectReader::new(&blobs, &segments).unwrap();
        let pinned = blobs.delete(&first.names()).await.unwrap();
        assert_eq!(pinned, first.names());
        let pieces: Vec<Bytes> = second.into_stream().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), b"abc");
        let mut text = String::new();
        first.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        assert!(path.exists());
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_blob_without_its_end_is_an_error() {
        let blobs = in_memory();
        let mut segments = put(&blobs, &[b"abc", b"def"]).await;
        segments[0].size = 4;
        let reader = || ObjectReader::new(&blobs, &segments).unwrap();
        assert!(reader().read_to_end(&mut Vec::new()).is_err());
        let streamed: io::Result<Vec<Bytes>> = reader().into_stream().try_collect().await;
        assert!(streamed.is_err());
    }

    #[tokio::test]
    async fn what_is_no_name_is_an_error() {
        let mut segments = put(&in_memory(), &[b"abc"]).await;
        segments[0].blob = "../etc/passwd".to_owned();
        let error = ObjectReader::new(&in_memory(), &segments).unwrap_err();
        assert_eq!(error.code(), "InternalError");
    }
}
