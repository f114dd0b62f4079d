//! The index of a part.

use std::fmt;

/// The 0-based index of a part; it decides the order of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartIndex(pub u32);

impl PartIndex {
    /// The index as a position in a list.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for PartIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
