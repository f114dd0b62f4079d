//! Block maps as ext2 and ext3 have them: twelve blocks in the inode, then tables of pointers in up to three levels.

use crate::disk::{Disk, Output};
use crate::error::ExtError;
use crate::geometry::{BLOCK_SIZE, POINTERS};

const DIRECT: u64 = 12;
/// A file can have fewer than 2^32 sectors of 512 bytes.
pub(crate) const MAX_LENGTH: u64 = (2 << 40) - BLOCK_SIZE;

/// Where the pointer to a block is: the slot in the inode, and an index in each table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Route {
    slot: usize,
    path: Vec<usize>,
}

impl Route {
    fn to(block: u64) -> Self {
        let Some(first) = block.checked_sub(DIRECT) else {
            return Self {
                slot: block as usize,
                path: Vec::new(),
            };
        };
        let index = |number: u64| (number % POINTERS) as usize;
        let Some(second) = first.checked_sub(POINTERS) else {
            return Self {
                slot: 12,
                path: vec![index(first)],
            };
        };
        let Some(third) = second.checked_sub(POINTERS * POINTERS) else {
            let path = vec![index(second / POINTERS), index(second)];
            return Self { slot: 13, path };
        };
        let top = index(third / POINTERS / POINTERS);
        Self {
            slot: 14,
            path: vec![top, index(third / POINTERS), index(third)],
        }
    }

    /// How many of the tables on this way are on another one, too.
    fn shared(&self, other: &Self) -> usize {
        if self.slot != other.slot || self.path.is_empty() {
            return 0;
        }
        let tables = self.path.iter().zip(&other.path).take(self.path.len() - 1);
        1 + tables.take_while(|(one, two)| one == two).count()
    }
}

/// The number of tables that the blocks `first..=last` need beside those that `before`, an earlier block, has needed.
pub(crate) fn tables(first: u64, last: u64, before: Option<u64>) -> u64 {
    let until = |block: Option<u64>, span: u64, above: u64| {
        // Tables of a level whose first pointer leads to block `above`, each of them to `span` blocks.
        block
            .and_then(|block| block.checked_sub(above))
            .map_or(0, |behind| behind / span + 1)
    };
    let levels = [
        (POINTERS, DIRECT),
        (POINTERS * POINTERS, DIRECT + POINTERS),
        (POINTERS.pow(3), DIRECT + POINTERS + POINTERS * POINTERS),
    ];
    let needed = |(span, above): (u64, u64)| {
        let end = until(Some(last), span, above);
        let skipped = until(Some(first), span, above).saturating_sub(1);
        end - skipped.max(until(before, span, above)).min(end)
    };
    levels.into_iter().map(needed).sum()
}

/// A block map that grows at its end. A table is written when nothing more comes into it.
#[derive(Default)]
pub(crate) struct Indirect {
    root: [u32; 15],
    route: Route,
    tables: Vec<Vec<u32>>,
    written: u64,
}

impl Indirect {
    /// Takes the block for a block of the file, which is behind those that the map has.
    pub(crate) fn place<O: Output>(
        &mut self,
        logical: u64,
        disk: &mut Disk<O>,
    ) -> Result<u32, ExtError> {
        let route = Route::to(logical);
        self.close(route.shared(&self.route), disk)?;
        let physical = disk.take()?;
        self.tables
            .resize_with(route.path.len(), || vec![0; POINTERS as usize]);
        match (self.tables.last_mut(), route.path.last()) {
            (Some(table), Some(index)) => table[*index] = physical,
            _ => self.root[route.slot] = physical,
        }
        self.route = route;
        Ok(physical)
    }

    /// Writes the tables that are not among the first `keep`.
    fn close<O: Output>(&mut self, keep: usize, disk: &mut Disk<O>) -> Result<(), ExtError> {
        while self.tables.len() > keep
            && let Some(table) = self.tables.pop()
        {
            let block = disk.take()?;
            let bytes: Vec<u8> = table.into_iter().flat_map(u32::to_le_bytes).collect();
            disk.write_block(block, &bytes)?;
            self.written += 1;
            let depth = self.tables.len();
            match self.tables.last_mut() {
                Some(parent) => parent[self.route.path[depth - 1]] = block,
                None => self.root[self.route.slot] = block,
            }
        }
        Ok(())
    }

    /// What the inode has of the map, and the number of tables.
    pub(crate) fn finish<O: Output>(
        mut self,
        disk: &mut Disk<O>,
    ) -> Result<([u8; 60], u64), ExtError> {
        self.close(0, disk)?;
        let mut root = [0; 60];
        for (bytes, block) in root.as_chunks_mut().0.iter_mut().zip(self.root) {
            *bytes = block.to_le_bytes();
        }
        Ok((root, self.written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_through_the_tables() {
        let cases = [
            (11, 11, vec![]),
            (12, 12, vec![0]),
            (1035, 12, vec![1023]),
            (1036, 13, vec![0, 0]),
            (1036 + 1024 * 1024, 14, vec![0, 0, 0]),
            (1036 + 1024 * 1024 + 1024 + 3, 14, vec![0, 1, 3]),
        ];
        for (block, slot, path) in cases {
            assert_eq!(Route::to(block), Route { slot, path }, "block {block}");
        }
    }

    #[test]
    fn tables_are_counted_once() {
        assert_eq!(tables(0, 11, None), 0);
        assert_eq!(tables(0, 12, None), 1);
        assert_eq!(tables(13, 20, Some(12)), 0);
        assert_eq!(tables(1036, 1036, Some(12)), 2);
        assert_eq!(tables(500_000, 500_000, None), 2);
        assert_eq!(tables(2_000_000, 2_000_000, None), 3);
        assert_eq!(tables(2_000_000, 2_000_000, Some(1_999_999)), 0);
    }
}
