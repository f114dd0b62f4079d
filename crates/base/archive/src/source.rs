//! Images as sequences of blocks.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::vec;

use rustix::fs::{SeekFrom, seek};

use crate::{ArchiveError, BLOCK_SIZE, Block, BlockPool, BlockSource, Segment, SparseMap};

/// The blocks of a regular file. Holes are not read; blocks of zeros are recognised.
///
/// The file's own position is moved about and means nothing.
#[derive(Debug)]
pub struct FileBlocks<'a> {
    file: &'a File,
    size: u64,
    position: u64,
    /// The stretch at or behind `position` that the file system calls data.
    data: Range<u64>,
    pool: BlockPool,
}

impl<'a> FileBlocks<'a> {
    /// The blocks of the first `size` bytes of `file`, which must not have more.
    pub fn new(file: &'a File, size: u64) -> Self {
        let pool = BlockPool::new(BLOCK_SIZE);
        Self {
            file,
            size,
            position: 0,
            data: 0..0,
            pool,
        }
    }

    fn block(&mut self, end: u64) -> io::Result<Block> {
        let mut buffer = self.pool.take();
        while self.position < end {
            self.find_data()?;
            let hole_end = self.data.start.min(end);
            if self.position < hole_end {
                if buffer.is_empty() && hole_end == end {
                    let len = end - self.position;
                    self.position = end;
                    return Ok(Block::zeros(clamp(len)));
                }
                let len = clamp(hole_end - self.position);
                buffer.room()[..len].fill(0);
                buffer.advance(len);
                self.position = hole_end;
            } else {
                let len = clamp(self.data.end.min(end) - self.position);
                let count = read_at(self.file, &mut buffer.room()[..len], self.position)?;
                buffer.advance(count);
                self.position += count as u64;
                if count == 0 {
                    // The file has shrunk; code that knows the announced size says so.
                    self.size = self.position;
                    break;
                }
            }
        }
        Ok(buffer.freeze())
    }

    /// Makes `data` the first data that ends behind the position.
    fn find_data(&mut self) -> io::Result<()> {
        if self.data.end <= self.position {
            self.data = next_data(self.file, self.position, self.size)?;
        }
        Ok(())
    }

    fn check_end(&self) -> io::Result<()> {
        match read_at(self.file, &mut [0], self.size)? {
            0 => Ok(()),
            _ => Err(ArchiveError::Grew {
                expected: self.size,
            }
            .into()),
        }
    }
}

impl BlockSource for FileBlocks<'_> {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        if self.position < self.size {
            let end = self.size.min(self.position + BLOCK_SIZE as u64);
            let block = self.block(end)?;
            if !block.is_empty() {
                return Ok(Some(block));
            }
        }
        self.check_end().map(|()| None)
    }
}

/// The first stretch at or behind `position` that the file system calls data; if there is none, one
/// that starts at the end of the file.
fn next_data(file: &File, position: u64, size: u64) -> io::Result<Range<u64>> {
    let data = match seek(file, SeekFrom::Data(position)) {
        Ok(start) => start..seek(file, SeekFrom::Hole(start)).unwrap_or(size),
        // Nothing but a hole up to the end, which may have come nearer meanwhile.
        Err(rustix::io::Errno::NXIO) => file.metadata()?.len().min(size)..u64::MAX,
        // A file system without holes.
        Err(_) => position..size,
    };
    let sane = data.start >= position && data.end > position;
    Ok(if sane { data } else { position..size })
}

/// Where a file of `size` bytes has data, according to its file system.
///
/// # Errors
///
/// The file cannot be asked.
pub fn data_map(file: &File, size: u64) -> io::Result<SparseMap> {
    let mut map = SparseMap::new(size);
    let mut position = 0;
    while position < size {
        let data = next_data(file, position, size)?;
        let (start, end) = (data.start.min(size), data.end.min(size));
        map.push(Segment {
            offset: start,
            len: end - start,
        })?;
        position = end;
    }
    Ok(map)
}

/// The blocks of a file's segments, joined without gaps: what a sparse member stores.
#[derive(Debug)]
pub struct SegmentBlocks<'a>(ReaderBlocks<Segments<'a>>);

impl<'a> SegmentBlocks<'a> {
    /// The segments of `map` in `file`.
    pub fn new(file: &'a File, map: &SparseMap) -> Self {
        let waiting = map.segments().to_vec().into_iter();
        Self(ReaderBlocks::new(Segments {
            file,
            waiting,
            position: 0,
            left: 0,
        }))
    }
}

impl BlockSource for SegmentBlocks<'_> {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        self.0.next_block()
    }
}

#[derive(Debug)]
struct Segments<'a> {
    file: &'a File,
    waiting: vec::IntoIter<Segment>,
    position: u64,
    left: u64,
}

impl Read for Segments<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let Some(segment) = self.waiting.next() else {
                return Ok(0);
            };
            self.position = segment.offset;
            self.left = segment.len;
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = read_at(self.file, &mut buffer[..most], self.position)?;
        self.position += count as u64;
        self.left -= count as u64;
        if count == 0 && most > 0 {
            // The file has shrunk: whatever is left of it, this is the end.
            self.waiting = vec![].into_iter();
            self.left = 0;
        }
        Ok(count)
    }
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn clamp(len: u64) -> usize {
    usize::try_from(len).map_or(BLOCK_SIZE, |len| len.min(BLOCK_SIZE))
}

/// The blocks of any reader. Blocks of zeros are recognised.
#[derive(Debug)]
pub struct ReaderBlocks<R> {
    inner: R,
    pool: BlockPool,
}

impl<R: Read> ReaderBlocks<R> {
    /// The blocks of everything that `inner` has.
    pub fn new(inner: R) -> Self {
        Self::with_block_size(inner, BLOCK_SIZE)
    }

    /// Everything that `inner` has in blocks of `size` bytes, at most [`BLOCK_SIZE`].
    pub fn with_block_size(inner: R, size: usize) -> Self {
        Self {
            inner,
            pool: BlockPool::new(size),
        }
    }
}

impl<R: Read> BlockSource for ReaderBlocks<R> {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        let mut buffer = self.pool.take();
        while !buffer.is_full() {
            match self.inner.read(buffer.room()) {
                Ok(0) => break,
                Ok(count) => buffer.advance(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let block = buffer.freeze();
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn blocks(source: &mut impl BlockSource) -> Vec<Block> {
        std::iter::from_fn(|| source.next_block().unwrap()).collect()
    }

    #[test]
    fn holes_and_written_zeros_are_blocks_of_zeros() {
        let mut file = tempfile::tempfile().unwrap();
        // Data, a hole, zeros that are written, a few bytes inside a hole, a hole to the end.
        file.write_all(&vec![1; BLOCK_SIZE]).unwrap();
        file.seek(io::SeekFrom::Start(3 * MIB)).unwrap();
        file.write_all(&vec![0; BLOCK_SIZE]).unwrap();
        file.seek(io::SeekFrom::Start(4 * MIB + 65_536)).unwrap();
        file.write_all(b"island").unwrap();
        file.set_len(7 * MIB + 9).unwrap();
        let all = blocks(&mut FileBlocks::new(&file, 7 * MIB + 9));
        let zero: Vec<bool> = all.iter().map(Block::is_zero).collect();
        assert_eq!(zero, [false, true, true, true, false, true, true, true]);
        let mut expected = vec![0; BLOCK_SIZE];
        expected[65_536..65_542].copy_from_slice(b"island");
        assert_eq!(&*all[4], &*expected);
        assert_eq!(all[7].len(), 9);
        file.rewind().unwrap();
        let read = blocks(&mut ReaderBlocks::new(&file));
        for (one, two) in all.iter().zip(&read) {
            assert_eq!((&**one, one.is_zero()), (&**two, two.is_zero()));
        }
        assert_eq!(all.len(), read.len());
    }

    #[test]
    fn a_map_has_the_data_and_no_hole() {
        let mut file = tempfile::tempfile().unwrap();
        file.seek(io::SeekFrom::Start(MIB)).unwrap();
        file.write_all(b"island").unwrap();
        file.set_len(5 * MIB).unwrap();
        let map = data_map(&file, 5 * MIB).unwrap();
        assert_eq!(map.size(), 5 * MIB);
        assert!((6..MIB).contains(&map.stored()), "{map:?}");
        let stored = blocks(&mut SegmentBlocks::new(&file, &map));
        assert_eq!(
            stored.iter().map(|block| block.len() as u64).sum::<u64>(),
            map.stored()
        );
        assert!(stored[0].windows(6).any(|bytes| bytes == b"island"));
        file.set_len(0).unwrap();
        assert!(blocks(&mut SegmentBlocks::new(&file, &map)).is_empty());
    }

    #[test]
    fn a_longer_file_is_noticed_and_a_shorter_one_ends() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"12345").unwrap();
        let mut longer = FileBlocks::new(&file, 4);
        assert_eq!(&*longer.next_block().unwrap().unwrap(), b"1234");
        let error = ArchiveError::from_io(longer.next_block().unwrap_err());
        assert!(matches!(error, ArchiveError::Grew { expected: 4 }));
        let mut shorter = FileBlocks::new(&file, 3 * MIB);
        let bytes: usize = blocks(&mut shorter).iter().map(|block| block.len()).sum();
        assert!(bytes < BLOCK_SIZE);
    }
}
