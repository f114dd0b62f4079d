//! Gives out blocks, each one behind the last: what is in use follows from one number.

use crate::error::ExtError;
use crate::geometry::Geometry;

/// The next free block of a file system that is written from its beginning to its end.
pub(crate) struct Allocator {
    geometry: Geometry,
    group: u64,
    next: u64,
    end: u64,
}

impl Allocator {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let first = geometry.data(0);
        Self {
            group: 0,
            next: first.start,
            end: first.end,
            geometry,
        }
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The block that `take` gives out next; `None` if the file system is full.
    pub(crate) fn next(&self) -> Option<u32> {
        let block = if self.next < self.end {
            self.next
        } else if self.group + 1 < self.geometry.groups {
            self.geometry.data(self.group + 1).start
        } else {
            return None;
        };
        // A file system has fewer than 2^32 blocks.
        Some(block as u32)
    }

    pub(crate) fn take(&mut self) -> Result<u32, ExtError> {
        let block = self.next().ok_or(ExtError::Full)?;
        if self.next == self.end {
            self.group += 1;
            self.end = self.geometry.data(self.group).end;
        }
        self.next = u64::from(block) + 1;
        Ok(block)
    }

    /// The number of blocks in use from the beginning of a group: its tables, and its data.
    pub(crate) fn used(&self, group: u64) -> u64 {
        let range = self.geometry.range(group);
        let end = match group.cmp(&self.group) {
            std::cmp::Ordering::Less => range.end,
            std::cmp::Ordering::Equal => self.next,
            std::cmp::Ordering::Greater => self.geometry.data(group).start,
        };
        end - range.start
    }

    pub(crate) fn size(&self, group: u64) -> u64 {
        let range = self.geometry.range(group);
        range.end - range.start
    }

    pub(crate) fn free(&self, group: u64) -> u64 {
        self.size(group) - self.used(group)
    }
}
