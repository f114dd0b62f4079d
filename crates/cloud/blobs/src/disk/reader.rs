//! A file that is read.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use futures::{StreamExt as _, stream};

use super::shared::Disk;
use crate::store::blocking;
use crate::{BlobError, BlobName, BlobStream};

/// Bytes that are read at a time when a blob is streamed.
const PIECE: u64 = 256 << 10;

/// Reads a range of a file. A file that ends before the range does is an error.
#[derive(Debug)]
pub(super) struct FileReader(io::Take<fs::File>);

impl FileReader {
    pub(super) fn open(disk: &Disk, name: BlobName, range: Range<u64>) -> Result<Self, BlobError> {
        let mut file = disk
            .folders
            .find(name, |path| fs::File::open(path))
            .map_err(|source| BlobError::opening(name, source))?;
        if range.start > 0 {
            file.seek(SeekFrom::Start(range.start))?;
        }
        let size = range.end.saturating_sub(range.start);
        Ok(Self(file.take(size)))
    }

    /// Opens a file and reads its first piece in one task, the other pieces in one each.
    pub(super) async fn stream(
        disk: Arc<Disk>,
        name: BlobName,
        range: Range<u64>,
    ) -> Result<BlobStream, BlobError> {
        let first = blocking(move || Self::open(&disk, name, range)?.piece()).await?;
        let Some((piece, reader)) = first else {
            return Ok(Box::pin(stream::empty()));
        };
        let others = stream::try_unfold(reader, |reader| async {
            if reader.0.limit() == 0 {
                return Ok(None);
            }
            blocking(move || reader.piece()).await
        });
        Ok(Box::pin(stream::iter([Ok(piece)]).chain(others)))
    }

    /// The next bytes, or `None` at the end of the range.
    fn piece(mut self) -> Result<Option<(Bytes, Self)>, BlobError> {
        let size = usize::try_from(self.0.limit().min(PIECE)).unwrap_or(0);
        if size == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; size];
        self.read_exact(&mut piece)?;
        Ok(Some((piece.into(), self)))
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        // A file that has lost its end must not pass for a shorter blob.
        if count == 0 && self.0.limit() > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}
