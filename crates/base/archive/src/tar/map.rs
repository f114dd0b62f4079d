//! The map of a sparse member: which stretches of the file are stored.

use crate::ArchiveError;

/// A stretch of stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it belongs in the file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

/// The stored segments of a file: ascending, not empty, not overlapping, inside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseMap {
    size: u64,
    segments: Vec<Segment>,
    end: u64,
    stored: u64,
}

impl SparseMap {
    /// A map without any segment of a file of `size` bytes: one hole.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            segments: Vec::new(),
            end: 0,
            stored: 0,
        }
    }

    /// The map of a file of `size` bytes that is stored whole.
    pub fn whole(size: u64) -> Self {
        let segments = if size == 0 {
            vec![]
        } else {
            vec![Segment {
                offset: 0,
                len: size,
            }]
        };
        Self {
            size,
            segments,
            end: size,
            stored: size,
        }
    }

    /// Appends a segment. An empty one is checked and forgotten.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::SparseMap`] if it starts before the end of the last one or ends behind the
    /// file.
    pub fn push(&mut self, segment: Segment) -> Result<(), ArchiveError> {
        let Segment { offset, len } = segment;
        if offset < self.end {
            return Err(ArchiveError::SparseMap(
                "the segments overlap or do not ascend",
            ));
        }
        let end = offset.checked_add(len).filter(|end| *end <= self.size);
        self.end = end.ok_or(ArchiveError::SparseMap(
            "a segment extends beyond the end of the file",
        ))?;
        if len > 0 {
            self.stored += len;
            self.segments.push(segment);
        }
        Ok(())
    }

    /// The size of the file in bytes, holes included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of all segments together.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// The segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(super) fn into_segments(self) -> std::vec::IntoIter<Segment> {
        self.segments.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(size: u64, segments: &[(u64, u64)]) -> Result<SparseMap, ArchiveError> {
        let mut map = SparseMap::new(size);
        for &(offset, len) in segments {
            map.push(Segment { offset, len })?;
        }
        Ok(map)
    }

    #[test]
    fn segments_are_summed() {
        let map = map(100, &[(0, 10), (10, 5), (50, 0), (90, 10), (100, 0)]).unwrap();
        assert_eq!(map.stored(), 25);
        assert_eq!(map.segments().len(), 3);
        assert_eq!(SparseMap::whole(7).stored(), 7);
        assert_eq!(SparseMap::whole(0), SparseMap::new(0));
    }

    #[test]
    fn overlapping_descending_and_overlong_maps_are_refused() {
        let maps: [&[(u64, u64)]; 5] = [
            &[(0, 10), (9, 1)],
            &[(50, 1), (0, 1)],
            &[(99, 2)],
            &[(101, 0)],
            &[(u64::MAX, 2)],
        ];
        for segments in maps {
            assert!(map(100, segments).is_err(), "{segments:?}");
        }
    }
}
