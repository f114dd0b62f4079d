//! The bytes of an object, from however many files.

use std::collections::VecDeque;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use fs_err as fs;
use futures::Stream;

use super::Blobs;

/// Bytes that are read at a time when an object is streamed.
const PIECE: usize = 256 << 10;

/// One file of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) blob: String,
    pub(crate) size: u64,
}

/// Reads an object, or a range of it. Its files stay until the reader is dropped, whatever happens to the
/// object.
#[derive(Debug)]
pub(crate) struct ObjectReader {
    blobs: Blobs,
    /// Files to come, and the range of each that is wanted.
    segments: VecDeque<(Segment, Range<u64>)>,
    current: Option<io::Take<fs::File>>,
    pinned: Vec<String>,
    left: u64,
}

impl ObjectReader {
    /// A reader of all. Make it while the catalogue is locked.
    pub(super) fn new(blobs: &Blobs, segments: Vec<Segment>) -> Self {
        for segment in &segments {
            blobs.pin(&segment.blob);
        }
        let pinned = segments
            .iter()
            .map(|segment| segment.blob.clone())
            .collect();
        let left = segments.iter().map(|segment| segment.size).sum();
        let whole = |segment: Segment| {
            let range = 0..segment.size;
            (segment, range)
        };
        Self {
            blobs: blobs.clone(),
            segments: segments.into_iter().map(whole).collect(),
            current: None,
            pinned,
            left,
        }
    }

    /// How many files there are: the parts of an upload, or one.
    pub(crate) fn parts(&self) -> usize {
        self.segments.len()
    }

    /// The range of the file with this number, counted from 1. Call it before the first read.
    pub(crate) fn part(&self, number: usize) -> Option<Range<u64>> {
        let sizes = self.segments.iter().map(|(segment, _)| segment.size);
        let start = sizes.clone().take(number.checked_sub(1)?).sum();
        let size = sizes.clone().nth(number - 1)?;
        Some(start..start + size)
    }

    /// Bytes that are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Reads only this range of what would have been read. Call it before the first read.
    #[must_use]
    pub(crate) fn range(mut self, range: Range<u64>) -> Self {
        let mut at = 0;
        let segments = std::mem::take(&mut self.segments);
        for (segment, part) in segments {
            let (start, end) = (at, at + (part.end - part.start));
            let from = range.start.clamp(start, end) - start;
            let to = range.end.clamp(start, end) - start;
            if from < to {
                let wanted = part.start + from..part.start + to;
                self.segments.push_back((segment, wanted));
            }
            at = end;
        }
        let wanted = self
            .segments
            .iter()
            .map(|(_, range)| range.end - range.start);
        self.left = wanted.sum();
        self
    }

    /// The bytes as a stream for a response.
    pub(crate) fn into_stream(
        self,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        futures::stream::try_unfold(self, |reader| async {
            if reader.left == 0 {
                return Ok(None);
            }
            let piece = tokio::task::spawn_blocking(move || reader.piece());
            piece.await.map_err(io::Error::other)?.map(Some)
        })
    }

    fn piece(mut self) -> io::Result<(Bytes, Self)> {
        let size = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut bytes = vec![0; size];
        self.read_exact(&mut bytes)?;
        Ok((bytes.into(), self))
    }

    fn open_next(&mut self) -> io::Result<()> {
        let Some((segment, range)) = self.segments.pop_front() else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let mut file = fs::File::open(self.blobs.path(&segment.blob))?;
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start))?;
        }
        self.current = Some(file.take(range.end - range.start));
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left > 0 && !buffer.is_empty() {
            if let Some(file) = &mut self.current {
                let count = file.read(buffer)?;
                self.left -= count as u64;
                if count > 0 {
                    return Ok(count);
                }
                // A file that has lost its end must not pass for a shorter object.
                if file.limit() > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            self.open_next()?;
        }
        Ok(0)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        for name in &self.pinned {
            self.blobs.unpin(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::BlobWriter;

    fn store(pieces: &[&[u8]]) -> (tempfile::TempDir, Blobs, Vec<Segment>) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let mut segments = Vec::new();
        for piece in pieces {
            let mut writer = BlobWriter::create(&blobs, None).unwrap();
            writer.write(piece).unwrap();
            let blob = writer.finish().unwrap();
            let (blob_name, size) = (blob.name().to_owned(), blob.size);
            segments.push(Segment {
                blob: blob_name,
                size,
            });
            blob.keep();
        }
        (dir, blobs, segments)
    }

    #[test]
    fn every_range_of_several_files() {
        let (_dir, blobs, segments) = store(&[b"abc", b"", b"d", b"efgh"]);
        let whole = b"abcdefgh";
        for start in 0..=8 {
            for end in start..=8 {
                let reader = ObjectReader::new(&blobs, segments.clone());
                let mut reader = reader.range(start as u64..end as u64);
                assert_eq!(reader.left(), (end - start) as u64);
                let mut read = Vec::new();
                reader.read_to_end(&mut read).unwrap();
                assert_eq!(read, whole[start..end]);
            }
        }
    }

    #[test]
    fn parts_are_counted_from_one() {
        let (_dir, blobs, segments) = store(&[b"abc", b"d", b"efgh"]);
        let reader = ObjectReader::new(&blobs, segments);
        assert_eq!(reader.parts(), 3);
        let parts: Vec<_> = (0..5).map(|number| reader.part(number)).collect();
        assert_eq!(parts, [None, Some(0..3), Some(3..4), Some(4..8), None]);
    }

    #[test]
    fn a_discarded_file_goes_with_its_last_reader() {
        let (_dir, blobs, segments) = store(&[b"abc"]);
        let path = blobs.path(&segments[0].blob);
        let mut first = ObjectReader::new(&blobs, segments.clone());
        let second = ObjectReader::new(&blobs, segments.clone());
        blobs.discard([segments[0].blob.as_str()]);
        drop(second);
        let mut text = String::new();
        first.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        assert!(path.exists());
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_without_its_end_is_an_error() {
        let (_dir, blobs, mut segments) = store(&[b"abc", b"def"]);
        segments[0].size = 4;
        let mut reader = ObjectReader::new(&blobs, segments);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
