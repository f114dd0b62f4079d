//! Blobs that no row names yet.

use std::fmt;
use std::time::Instant;

use crate::BlobName;

/// A durable blob that no row names yet. It is deleted when it is dropped before [`PendingBlob::keep`] or
/// [`PendingBlob::leave`].
#[must_use = "a blob that is not kept is deleted"]
pub struct PendingBlob {
    name: BlobName,
    size: u64,
    begun: Instant,
    settle: Option<Box<dyn FnOnce(Fate) + Send + Sync>>,
}

/// What becomes of a [`PendingBlob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A row names it.
    Keep,
    /// Nobody wants it.
    Discard,
}

impl PendingBlob {
    /// A blob of `size` bytes whose name was made at `begun`. `settle` does to it what was decided; it must neither
    /// fail nor block for long. It does not run when the decision is left to the next start.
    ///
    /// This is for stores.
    pub fn new(
        name: BlobName,
        size: u64,
        begun: Instant,
        settle: impl FnOnce(Fate) + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            size,
            begun,
            settle: Some(Box::new(settle)),
        }
    }

    /// The name by which a row is to name it.
    pub fn name(&self) -> BlobName {
        self.name
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When its name was made. Where a collector deletes blobs without a row once they are as old as
    /// [`crate::Grace::orphan`], a caller that commits a row must do so well before, or give up.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Leaves the blob in the store, because a row names it: call it after the commit. On disk it renames a file.
    pub fn keep(mut self) -> BlobName {
        if let Some(settle) = self.settle.take() {
            settle(Fate::Keep);
        }
        self.name
    }

    /// Leaves the blob as it is, because it is not known whether the commit of its row has succeeded. It can be read
    /// and deleted; [`crate::BlobStore::unfinished`] of the next start, or a collector, finds it.
    pub fn leave(mut self) -> BlobName {
        self.settle = None;
        self.name
    }
}

impl Drop for PendingBlob {
    fn drop(&mut self) {
        if let Some(settle) = self.settle.take() {
            settle(Fate::Discard);
        }
    }
}

impl fmt::Debug for PendingBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingBlob")
            .field("name", &self.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
