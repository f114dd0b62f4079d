//! Blobs that were given up.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_cloud_blobs::{BlobName, BlobStore};
use gumnut_cloud_catalogue::Catalogue;

use crate::error::ObjectError;

/// How many names are asked for, deleted or forgotten at a time.
const BATCH: usize = 1000;

/// Deletes blobs that were given up, and forgets them.
///
/// A blob that is deleted remains in the catalogue's list until many can be forgotten in one commit, or until the next start:
/// the name of a blob that is gone does no harm there.
#[derive(Debug)]
pub(crate) struct Garbage {
    catalogue: Catalogue,
    blobs: Arc<dyn BlobStore>,
    /// How often blobs were deleted; see [`Garbage::deletions`].
    deletions: AtomicU64,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    /// Blobs that had readers when they were to be deleted, which go with their last reader, or that the store has kept for another
    /// reason.
    pinned: VecDeque<BlobName>,
    /// Blobs that are gone and not forgotten yet.
    gone: Vec<String>,
}

impl Garbage {
    pub(crate) fn new(catalogue: Catalogue, blobs: Arc<dyn BlobStore>) -> Self {
        Self {
            catalogue,
            blobs,
            deletions: AtomicU64::new(0),
            lists: Mutex::default(),
        }
    }

    /// A number that is larger after each deletion.
    ///
    /// A reader looks at it, looks its row up, pins the blobs that the row names, and looks at it again. If nothing was
    /// deleted in between, all of them are there: a deletion that began before has had its commit before the row was
    /// looked up, and one that begins later sees the pins.
    pub(crate) fn deletions(&self) -> u64 {
        self.deletions.load(Ordering::SeqCst)
    }

    /// Deletes blobs that a unit of change has given up, but those that are being read, which go with their last reader, and all of
    /// them while somebody copies the store.
    pub(crate) async fn delete(&self, names: Vec<String>) {
        // Readers of other processes have their time; the collector of such a store asks the catalogue for its list.
        if names.is_empty() || !self.blobs.grace().reader.is_zero() {
            return;
        }
        let due = self.due(parse(&names));
        self.deletions.fetch_add(1, Ordering::SeqCst);
        match self.blobs.delete(&due).await {
            Ok(pinned) => self.deleted(&due, pinned),
            // It costs room until the next start, and no more.
            Err(error) => {
                tracing::warn!(%error, "blobs that were given up could not be deleted");
            }
        }
    }

    /// What is to be deleted now: these blobs, and some of those that could not be deleted before. After somebody has held the
    /// store for hours all of them at once would take long.
    fn due(&self, mut names: Vec<BlobName>) -> Vec<BlobName> {
        let mut lists = self.lists();
        let room = BATCH.saturating_sub(names.len()).min(lists.pinned.len());
        names.extend(lists.pinned.drain(..room));
        names
    }

    /// Takes down what has become of blobs that were to be deleted.
    fn deleted(&self, due: &[BlobName], pinned: Vec<BlobName>) {
        let still: HashSet<BlobName> = pinned.iter().copied().collect();
        let gone = due.iter().filter(|name| !still.contains(name));
        let mut lists = self.lists();
        lists.gone.extend(gone.map(ToString::to_string));
        lists.pinned.extend(pinned);
        if lists.gone.len() >= BATCH {
            self.forget_later(std::mem::take(&mut lists.gone));
        }
    }

    /// Forgets blobs that are gone, without letting anybody wait for the commit.
    fn forget_later(&self, gone: Vec<String>) {
        let catalogue = self.catalogue.clone();
        tokio::spawn(async move {
            if let Err(error) = catalogue.forget_garbage(gone).await {
                tracing::warn!(%error, "blobs that are deleted remain in a list until the next start");
            }
        });
    }

    /// Settles what a stop has left, before anything is read or put: blobs that were not kept are kept if a row names
    /// them, and deleted otherwise; blobs that were given up are deleted. Nothing else is touched.
    pub(crate) async fn recover(&self) -> Result<(), ObjectError> {
        for unfinished in self.blobs.unfinished().await?.chunks(BATCH) {
            let asked = unfinished.iter().map(ToString::to_string).collect();
            let with_rows = parse(&self.catalogue.named_blobs(asked).await?);
            self.blobs.adopt(&with_rows).await?;
            let mut orphans = unfinished.to_vec();
            orphans.retain(|name| !with_rows.contains(name));
            let pinned = self.blobs.delete(&orphans).await?;
            self.lists().pinned.extend(pinned);
            if !orphans.is_empty() {
                tracing::info!(blobs = orphans.len(), "removed uploads that were cut off");
            }
        }
        if !self.blobs.grace().reader.is_zero() {
            return Ok(());
        }
        loop {
            let names = self.catalogue.garbage(BATCH).await?;
            if names.is_empty() {
                return Ok(());
            }
            let pinned = self.blobs.delete(&parse(&names)).await?;
            let still: HashSet<String> = pinned.iter().map(ToString::to_string).collect();
            let gone = names.into_iter().filter(|name| !still.contains(name));
            self.catalogue.forget_garbage(gone.collect()).await?;
            if !pinned.is_empty() {
                // Somebody holds the store: these go later, and the rest of the list at the next start.
                self.lists().pinned.extend(pinned);
                return Ok(());
            }
        }
    }

    fn lists(&self) -> std::sync::MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of blobs; what is not a name is reported and left out.
pub(crate) fn parse(names: &[String]) -> Vec<BlobName> {
    let mut parsed = Vec::with_capacity(names.len());
    for name in names {
        match name.parse() {
            Ok(name) => parsed.push(name),
            Err(error) => tracing::warn!(name, %error, "the catalogue names something as a blob"),
        }
    }
    parsed
}
