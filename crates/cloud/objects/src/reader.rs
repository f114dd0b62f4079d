//! The bytes of an object, of however many blobs.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use data_encoding::HEXLOWER;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use gumnut_cloud_blobs::{BlobError, BlobName, BlobPin, BlobReader, BlobStore, BlobStream};
use gumnut_cloud_catalogue::{Content, Segment};

use crate::error::ObjectError;

/// Reads an object, or a range of it. Its bytes are kept until the reader is dropped, whatever happens to the object.
///
/// [`Read`] blocks: use it where that is allowed, or [`ObjectReader::into_stream`].
pub struct ObjectReader {
    source: Source,
    left: u64,
}

/// Where the bytes come from.
enum Source {
    /// Bytes that the catalogue has given.
    Memory(Bytes),
    Blobs(Blobs),
}

/// Blobs that are read one after the other.
struct Blobs {
    store: Arc<dyn BlobStore>,
    runs: VecDeque<Run>,
    current: Option<BlobReader>,
    pin: BlobPin,
}

/// The bytes of one blob that are wanted.
#[derive(Clone, Debug)]
struct Run {
    name: BlobName,
    wanted: Range<u64>,
    /// Of the whole blob.
    size: u64,
    /// Of the whole blob, in hex.
    md5: String,
}

/// A blob all of whose bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeBlob {
    pub(crate) name: BlobName,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
}

impl Run {
    fn size(&self) -> u64 {
        self.wanted.end - self.wanted.start
    }
}

impl ObjectReader {
    /// A reader of all. From now on the blobs are not deleted, if they are there.
    pub(crate) fn new(blobs: &Arc<dyn BlobStore>, content: &Content) -> Result<Self, ObjectError> {
        let source = match content {
            Content::Inline(bytes) => Source::Memory(bytes.clone()),
            Content::Blobs(segments) => Source::Blobs(Blobs::new(blobs, segments)?),
        };
        let left = content.size();
        Ok(Self { source, left })
    }

    /// The blobs that are to be read.
    pub(crate) fn names(&self) -> Vec<BlobName> {
        match &self.source {
            Source::Memory(_) => Vec::new(),
            Source::Blobs(blobs) => blobs.names(),
        }
    }

    /// The blob, when its bytes and no others are to be read. Call it before the first read.
    pub(crate) fn whole_blob(&self) -> Option<WholeBlob> {
        let Source::Blobs(blobs) = &self.source else {
            return None;
        };
        let [run] = blobs.runs.as_slices().0 else {
            return None;
        };
        let md5 = HEXLOWER.decode(run.md5.as_bytes()).ok()?.try_into().ok()?;
        (run.size() == run.size).then_some(WholeBlob {
            name: run.name,
            size: run.size,
            md5,
        })
    }

    /// How many parts the object has; one that came at once has one. Call it before the first read.
    pub fn parts(&self) -> usize {
        match &self.source {
            Source::Memory(_) => 1,
            Source::Blobs(blobs) => blobs.runs.len(),
        }
    }

    /// The range of bytes of the part with this number, counted from 1; `None` when there is no such part. Call it before
    /// the first read.
    pub fn part(&self, number: usize) -> Option<Range<u64>> {
        let runs = match &self.source {
            Source::Memory(_) => return (number == 1).then_some(0..self.left),
            Source::Blobs(blobs) => &blobs.runs,
        };
        let before = number.checked_sub(1)?;
        let size = runs.get(before)?.size();
        let start = runs.iter().take(before).map(Run::size).sum();
        Some(start..start + size)
    }

    /// How many bytes are still to be read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Reads only this range of the bytes that would have been read, counted from 0. Call it before the first read.
    #[must_use]
    pub fn range(mut self, range: Range<u64>) -> Self {
        match &mut self.source {
            Source::Memory(bytes) => {
                let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let (from, to) = (within(range.start), within(range.end));
                *bytes = bytes.slice(from.min(to)..to);
                self.left = bytes.len() as u64;
            }
            Source::Blobs(blobs) => {
                blobs.limit(range);
                self.left = blobs.runs.iter().map(Run::size).sum();
            }
        }
        self
    }

    /// The bytes as a stream, for example for a response. Call it before the first read.
    pub fn into_stream(self) -> ObjectStream {
        match self.source {
            Source::Memory(bytes) => ObjectStream(Pieces::Memory(bytes)),
            Source::Blobs(blobs) => BlobPieces::new(blobs).into_stream(),
        }
    }

    /// The bytes as a stream whose beginning is there already, so that a response with an error is still possible. Call it before
    /// the first read.
    ///
    /// # Errors
    /// [`ObjectError::Blob`] when the store cannot be used, or when the first blob is not there: look the object up again.
    pub async fn open_stream(self) -> Result<ObjectStream, ObjectError> {
        let mut pieces = match self.source {
            Source::Memory(bytes) => return Ok(ObjectStream(Pieces::Memory(bytes))),
            Source::Blobs(blobs) => BlobPieces::new(blobs),
        };
        pieces.open_next().await?;
        Ok(pieces.into_stream())
    }
}

impl Blobs {
    /// All bytes of the segments. From now on the blobs are not deleted, if they are there.
    fn new(store: &Arc<dyn BlobStore>, segments: &[Segment]) -> Result<Self, ObjectError> {
        let mut runs = VecDeque::with_capacity(segments.len());
        for segment in segments {
            let name = segment.blob.parse().map_err(io::Error::other);
            runs.push_back(Run {
                name: name.map_err(BlobError::Io)?,
                wanted: 0..segment.size,
                size: segment.size,
                md5: segment.md5.clone(),
            });
        }
        let mut blobs = Self {
            store: Arc::clone(store),
            runs,
            current: None,
            pin: BlobPin::none(),
        };
        blobs.pin = store.pin(&blobs.names());
        Ok(blobs)
    }

    fn names(&self) -> Vec<BlobName> {
        self.runs.iter().map(|run| run.name).collect()
    }

    /// Leaves out what is not in the range.
    fn limit(&mut self, range: Range<u64>) {
        let mut at = 0;
        for run in std::mem::take(&mut self.runs) {
            let (start, end) = (at, at + run.size());
            let from = range.start.clamp(start, end) - start;
            let to = range.end.clamp(start, end) - start;
            if from < to {
                self.runs.push_back(Run {
                    name: run.name,
                    wanted: run.wanted.start + from..run.wanted.start + to,
                    ..run
                });
            }
            at = end;
        }
    }

    fn open_next(&mut self) -> io::Result<()> {
        let run = self.runs.pop_front().ok_or(io::ErrorKind::UnexpectedEof)?;
        if run.size() > 0 {
            let opened = self.store.get_blocking(run.name, run.wanted);
            self.current = Some(opened.map_err(io::Error::other)?);
        }
        Ok(())
    }

    /// Reads at least a byte; there are some left.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(blob) = &mut self.current {
                // A blob that has lost its end gives an error, so that it does not pass for a shorter object.
                let count = blob.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.current = None;
            }
            self.open_next()?;
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.source {
            Source::Memory(bytes) => {
                let count = bytes.len().min(buffer.len());
                bytes.split_to(count).copy_to_slice(&mut buffer[..count]);
                count
            }
            Source::Blobs(blobs) => blobs.read(buffer)?,
        };
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// What is still to be streamed.
struct BlobPieces {
    store: Arc<dyn BlobStore>,
    runs: VecDeque<Run>,
    current: Option<BlobStream>,
    /// Held until the last piece is out.
    _pin: BlobPin,
}

impl BlobPieces {
    fn new(blobs: Blobs) -> Self {
        Self {
            store: blobs.store,
            runs: blobs.runs,
            current: None,
            _pin: blobs.pin,
        }
    }

    fn into_stream(self) -> ObjectStream {
        let pieces = stream::try_unfold(self, Self::next).boxed();
        ObjectStream(Pieces::Blobs(Mutex::new(pieces)))
    }

    /// Opens the next blob with bytes that are wanted, if there is one.
    async fn open_next(&mut self) -> Result<bool, BlobError> {
        while let Some(run) = self.runs.pop_front() {
            if run.size() > 0 {
                self.current = Some(self.store.get(run.name, run.wanted).await?);
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        loop {
            if let Some(blob) = &mut self.current {
                match blob.next().await {
                    Some(piece) => return Ok(Some((piece.map_err(io::Error::other)?, self))),
                    None => self.current = None,
                }
            }
            if !self.open_next().await.map_err(io::Error::other)? {
                return Ok(None);
            }
        }
    }
}

/// The bytes of an object in pieces, none of them empty. An error is the last item.
pub struct ObjectStream(Pieces);

enum Pieces {
    /// One piece, or none when it is empty.
    Memory(Bytes),
    // Never locked: it lets the stream be shared between threads, which the code that sends it may require.
    Blobs(Mutex<BoxStream<'static, io::Result<Bytes>>>),
}

impl Stream for ObjectStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Pieces::Memory(bytes) if bytes.is_empty() => Poll::Ready(None),
            Pieces::Memory(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Pieces::Blobs(pieces) => {
                let pieces = pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
                pieces.poll_next_unpin(context)
            }
        }
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
        let inline = Content::Inline(Bytes::from_static(whole));
        for content in [Content::Blobs(segments), inline] {
            for start in 0..=8 {
                for end in start..=9 {
                    let reader = || {
                        let all = ObjectReader::new(&blobs, &content).unwrap();
                        all.range(start as u64..end as u64)
                    };
                    let wanted = &whole[start..end.min(8)];
                    assert_eq!(reader().left(), wanted.len() as u64);
                    let mut read = Vec::new();
                    reader().read_to_end(&mut read).unwrap();
                    assert_eq!(read, wanted);
                    let mut of_one = [0];
                    let count = reader().read(&mut of_one).unwrap();
                    assert_eq!(of_one[..count], wanted[..count.min(wanted.len())]);
                    let pieces: Vec<Bytes> = reader().into_stream().try_collect().await.unwrap();
                    assert_eq!(pieces.concat(), wanted);
                    assert!(pieces.iter().all(|piece| !piece.is_empty()));
                }
            }
        }
    }

    #[tokio::test]
    async fn parts_are_counted_from_one() {
        let blobs = in_memory();
        let segments = put(&blobs, &[b"abc", b"d", b"efgh"]).await;
        let reader = ObjectReader::new(&blobs, &Content::Blobs(segments.clone())).unwrap();
        assert_eq!(reader.parts(), 3);
        let parts: Vec<_> = (0..5).map(|number| reader.part(number)).collect();
        assert_eq!(parts, [None, Some(0..3), Some(3..4), Some(4..8), None]);
        let inline = Content::Inline(Bytes::from_static(b"abc"));
        let reader = ObjectReader::new(&blobs, &inline).unwrap();
        assert_eq!(reader.parts(), 1);
        let parts: Vec<_> = (0..3).map(|number| reader.part(number)).collect();
        assert_eq!(parts, [None, Some(0..3), None]);
    }

    #[tokio::test]
    async fn a_blob_that_was_given_up_goes_with_its_last_reader() {
        let folder = tempfile::tempdir().unwrap();
        let blobs: Arc<dyn BlobStore> = Arc::new(DiskBlobs::open(folder.path()).unwrap());
        let segments = put(&blobs, &[b"abc"]).await;
        let path = folder.path().join("objects").join(&segments[0].blob);
        let mut first = ObjectReader::new(&blobs, &Content::Blobs(segments.clone())).unwrap();
        let second = ObjectReader::new(&blobs, &Content::Blobs(segments.clone())).unwrap();
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
        let reader = || ObjectReader::new(&blobs, &Content::Blobs(segments.clone())).unwrap();
        assert!(reader().read_to_end(&mut Vec::new()).is_err());
        let streamed: io::Result<Vec<Bytes>> = reader().into_stream().try_collect().await;
        assert!(streamed.is_err());
    }

    #[tokio::test]
    async fn what_is_no_name_is_an_error() {
        let mut segments = put(&in_memory(), &[b"abc"]).await;
        segments[0].blob = "../etc/passwd".to_owned();
        let error = ObjectReader::new(&in_memory(), &Content::Blobs(segments)).unwrap_err();
        assert_eq!(error.code(), "InternalError");
    }
}
