//! How much of an image is data.

use gumnut_archive::{Segment, SparseMap};

/// Counts the bytes of an image that are data and not holes, block by block in their order.
#[derive(Clone, Debug)]
pub(crate) struct DataCount {
    /// The stretches of data, the first of which are behind `position`; `None`: all is data.
    segments: Option<Vec<Segment>>,
    whole: u64,
    position: u64,
    /// The first stretch that does not end before the position.
    next: usize,
}

impl DataCount {
    /// Counts in an image of `size` bytes; without a map all of it is data.
    pub(crate) fn new(map: Option<SparseMap>, size: u64) -> Self {
        Self {
            whole: map.as_ref().map_or(size, SparseMap::stored),
            segments: map.map(|map| map.segments().to_vec()),
            position: 0,
            next: 0,
        }
    }

    /// All data of the image, in bytes.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// How much of the next `length` bytes is data.
    pub(crate) fn count(&mut self, length: u64) -> u64 {
        let Some(segments) = &self.segments else {
            return length;
        };
        let (start, end) = (self.position, self.position.saturating_add(length));
        self.position = end;
        let mut data = 0;
        while let Some(segment) = segments.get(self.next) {
            let segment_end = segment.offset.saturating_add(segment.len);
            let overlap = end
                .min(segment_end)
                .saturating_sub(start.max(segment.offset));
            data += overlap;
            if segment_end > end {
                break;
            }
            self.next += 1;
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(stretches: &[(u64, u64)], size: u64) -> SparseMap {
        let mut map = SparseMap::new(size);
        for (offset, len) in stretches {
            let (offset, len) = (*offset, *len);
            map.push(Segment { offset, len }).unwrap();
        }
        map
    }

    #[test]
    fn holes_do_not_count() {
        let mut data = DataCount::new(Some(map(&[(10, 5), (40, 20)], 100)), 100);
        assert_eq!(data.whole(), 25);
        let counted = [12, 30, 3, 55].map(|length| data.count(length));
        assert_eq!(counted, [2, 5, 3, 15]);
        assert_eq!(DataCount::new(None, 7).whole(), 7);
        assert_eq!(DataCount::new(None, 7).count(3), 3);
    }

    proptest! {
        #[test]
        fn all_blocks_together_are_the_whole(
            gaps in proptest::collection::vec((1u64..50, 1u64..50), 0..20),
            blocks in proptest::collection::vec(1u64..40, 0..80),
        ) {
            let (mut at, mut stretches) = (0, Vec::new());
            for (hole, len) in gaps {
                stretches.push((at + hole, len));
                at += hole + len;
            }
            let mut data = DataCount::new(Some(map(&stretches, at)), at);
            let (whole, mut left, mut counted) = (data.whole(), at, 0);
            for block in blocks {
                let block = block.min(left);
                counted += data.count(block);
                left -= block;
            }
            prop_assert_eq!(counted + data.count(left), whole);
        }
    }
}
