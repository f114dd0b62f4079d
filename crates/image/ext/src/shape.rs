//! How much of a file is data, as far as the plan needs to know it.

use std::ops::Range;

use crate::error::ExtError;
use crate::geometry::BLOCK_SIZE;
use crate::indirect;

/// Length of a file, and the number of blocks that it can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileShape {
    pub(crate) length: u64,
    pub(crate) data_blocks: u64,
    pub(crate) segments: u64,
    /// Blocks of pointers that the file needs in an ext3.
    pub(crate) tables: u64,
}

impl FileShape {
    /// A file without holes, or one of which no hole is known. Blocks of zeros become holes when they are written.
    pub fn whole(length: u64) -> Self {
        let mut shape = Self {
            length,
            data_blocks: 0,
            segments: 0,
            tables: 0,
        };
        if length > 0 {
            shape.count(0, (length - 1) / BLOCK_SIZE, None);
        }
        shape
    }

    /// A sparse file: `data` are the ranges of bytes that are not holes, in order.
    ///
    /// # Errors
    /// When ranges are not in order, overlap, or end behind the file.
    pub fn sparse(
        length: u64,
        data: impl IntoIterator<Item = Range<u64>>,
    ) -> Result<Self, ExtError> {
        let mut shape = Self {
            length,
            data_blocks: 0,
            segments: 0,
            tables: 0,
        };
        let (mut end, mut last) = (0, None);
        for range in data {
            if range.start < end || range.end < range.start || range.end > length {
                return Err(ExtError::Segments);
            }
            end = range.end;
            if range.is_empty() {
                continue;
            }
            let begin = range.start / BLOCK_SIZE;
            let first = last.map_or(begin, |last: u64| begin.max(last + 1));
            let block = (range.end - 1) / BLOCK_SIZE;
            if first <= block {
                shape.count(first, block, last);
                last = Some(block);
            }
        }
        Ok(shape)
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes that are stored at most, in blocks of 4 KiB.
    pub fn stored(&self) -> u64 {
        self.data_blocks.saturating_mul(BLOCK_SIZE)
    }

    /// Counts the blocks `first..=last`; `before` is the last block that is already counted.
    fn count(&mut self, first: u64, last: u64, before: Option<u64>) {
        self.data_blocks += last - first + 1;
        self.segments += 1;
        self.tables += indirect::tables(first, last, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(length: u64, data: &[Range<u64>]) -> Result<FileShape, ExtError> {
        FileShape::sparse(length, data.iter().cloned())
    }

    #[test]
    fn a_whole_file_is_one_segment() {
        let data = 0..5 << 30;
        let shape = FileShape::sparse(5 << 30, [data]).unwrap();
        assert_eq!(shape, FileShape::whole(5 << 30));
        assert_eq!(shape.data_blocks, 1_310_720);
        // One table for each 1,024 blocks after the first 12; one above 1,024 of them, and two above those of the third level.
        assert_eq!(shape.tables, 1280 + 1 + 1 + 1);
    }

    #[test]
    fn segments_in_one_block_count_once() {
        let shape = sparse(10_000, &[0..10, 20..30, 4095..4097, 9_000..9_001]).unwrap();
        assert_eq!((shape.data_blocks, shape.segments), (3, 3));
    }

    #[test]
    fn segments_out_of_order_are_refused() {
        assert!(sparse(100, &[10..20, 5..8]).is_err());
        assert!(sparse(100, &[10..20, 15..30]).is_err());
        assert!(sparse(100, &[10..20, 90..101]).is_err());
    }

    #[test]
    fn an_empty_file_needs_nothing() {
        assert_eq!(FileShape::whole(0).data_blocks, 0);
        assert_eq!(sparse(1 << 40, &[]).unwrap().stored(), 0);
    }
}
