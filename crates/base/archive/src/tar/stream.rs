//! An image as the tar stream of a bundle.

use std::io;

use gumnut_types::ImageName;

use super::{RECORD, SparseMap, header};
use crate::{ArchiveError, BLOCK_SIZE, Block, BlockSource, ReaderBlocks};

/// Tar streams are padded to a multiple of this, in bytes.
const BLOCKING: u64 = 10_240;

/// The blocks of a tar stream whose one member is a file with the blocks of `S`.
///
/// Header, data and end of the archive are blocks of their own, so that the blocks of an image are
/// in the stream as they are in the image. The member has mode 0644, owner 0 and time 0: equal
/// images under equal names give equal streams.
#[derive(Debug)]
pub struct TarStream<S> {
    header: ReaderBlocks<io::Cursor<Vec<u8>>>,
    source: S,
    size: u64,
    left: u64,
    end: Option<Block>,
}

impl<S: BlockSource> TarStream<S> {
    /// A plain member: `source` has all its bytes, exactly `size`.
    pub fn new(name: &ImageName, size: u64, source: S) -> Self {
        Self::with_header(&header::encode(name, size), size, source)
    }

    /// An old-GNU sparse member: `source` has the bytes of the map's segments only, as
    /// [`SegmentBlocks`](crate::SegmentBlocks) gives them. Holes are not in the stream at all.
    ///
    /// GNU tar, Python's tarfile and this crate read it, and so do Eucalyptus clouds; a plain member
    /// is read everywhere.
    pub fn sparse(name: &ImageName, map: &SparseMap, source: S) -> Self {
        Self::with_header(&header::encode_sparse(name, map), map.stored(), source)
    }

    fn with_header(header: &[u8], size: u64, source: S) -> Self {
        let used = header.len() as u64 % BLOCKING + size % BLOCKING;
        let data_end = used.next_multiple_of(RECORD as u64);
        let end = (data_end + 2 * RECORD as u64).next_multiple_of(BLOCKING) - used;
        Self {
            header: ReaderBlocks::new(io::Cursor::new(header.to_vec())),
            source,
            size,
            left: size,
            end: Some(Block::zeros(usize::try_from(end).unwrap_or(BLOCK_SIZE))),
        }
    }

    fn data(&mut self) -> Result<Option<Block>, ArchiveError> {
        let expected = self.size;
        let Some(block) = self.source.next_block().map_err(ArchiveError::from_io)? else {
            let actual = expected - self.left;
            return if self.left == 0 {
                Ok(None)
            } else {
                Err(ArchiveError::Shrank { expected, actual })
            };
        };
        let left = self.left.checked_sub(block.len() as u64);
        self.left = left.ok_or(ArchiveError::Grew { expected })?;
        Ok(Some(block))
    }
}

impl<S: BlockSource> BlockSource for TarStream<S> {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        if let Some(header) = self.header.next_block()? {
            return Ok(Some(header));
        }
        if self.end.is_none() {
            return Ok(None);
        }
        match self.data()? {
            Some(block) => Ok(Some(block)),
            None => Ok(self.end.take()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::BlockReader;

    fn stream(size: u64, data: &[u8]) -> io::Result<Vec<u8>> {
        let name = "image".parse().unwrap();
        let mut bytes = Vec::new();
        let blocks = TarStream::new(&name, size, ReaderBlocks::new(data));
        BlockReader::new(blocks)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    }

    #[test]
    fn the_stream_is_padded_like_any_tar_file() {
        for (size, total) in [
            (0, 10240),
            (1, 10240),
            (8704, 10240),
            (8705, 20480),
            (9216, 20480),
        ] {
            let data = vec![7; size];
            let bytes = stream(size as u64, &data).unwrap();
            assert_eq!(bytes.len(), total, "{size}");
            assert_eq!(bytes[RECORD..RECORD + size], data);
            assert!(bytes[RECORD + size..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn another_size_than_announced_is_an_error() {
        let error = |size| ArchiveError::from_io(stream(size, b"12345").unwrap_err());
        assert!(matches!(
            error(6),
            ArchiveError::Shrank {
                expected: 6,
                actual: 5
            }
        ));
        assert!(matches!(error(4), ArchiveError::Grew { expected: 4 }));
    }
}
