//! What all clones of a store on disk share.

use std::io;
use std::path::Path;

use super::folders::Folders;
use super::hold::Holds;
use crate::pins::{Pinned, Pins};
use crate::{BlobError, BlobName, Fate};

#[derive(Debug)]
pub(super) struct Disk {
    pub(super) folders: Folders,
    pins: Pins,
    holds: Holds,
}

impl Disk {
    pub(super) fn open(data_dir: &Path) -> io::Result<Self> {
        Ok(Self {
            folders: Folders::open(data_dir)?,
            pins: Pins::default(),
            holds: Holds::of(data_dir)?,
        })
    }

    /// Whether all blobs are to be kept, because somebody copies them.
    pub(super) fn is_held(&self) -> io::Result<bool> {
        self.holds.any()
    }

    /// Makes sure that all these blobs are there, and are not on their way out.
    pub(super) fn check(&self, names: &[BlobName]) -> Result<(), BlobError> {
        for &name in names {
            // First the mark, then the file: a deletion that ends in between leaves no file.
            if self.pins.is_going(name) {
                return Err(BlobError::NotFound(name));
            }
            self.folders
                .find(name, |path| fs_err::metadata(path))
                .map_err(|source| BlobError::opening(name, source))?;
        }
        Ok(())
    }

    /// Ends the time of a file in `tmp`. When that fails, the next start does it.
    pub(super) fn settle(&self, name: BlobName, fate: Fate) {
        let settled = match fate {
            Fate::Keep => self.folders.keep(name),
            Fate::Discard => self.folders.remove(name),
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "a file remains in the directory of what is not finished");
        }
    }
}

impl Pinned for Disk {
    fn pins(&self) -> &Pins {
        &self.pins
    }

    fn remove(&self, name: BlobName) -> io::Result<()> {
        self.folders.remove(name)
    }
}
