//! Blobs as files in a data directory.

mod folders;
mod hold;
mod listing;
mod reader;
mod shared;
mod together;
mod upload;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use crate::pins;
use crate::store::blocking;
use crate::{
    BlobError, BlobName, BlobPin, BlobReader, BlobStore, BlobStream, Body, Folder, Found, Grace,
    PendingBlob, PutError, Source, Tap,
};
pub use hold::DiskHold;
use reader::FileReader;
use shared::Disk;
use upload::Upload;

/// Blobs as files in a data directory. Clones share it; other processes must not have it at the same time.
///
/// A blob is the file `objects/RANDOM`. Until it is kept it is the file `tmp/RANDOM`, so that what a stop has left in
/// `tmp` is all that must be compared with rows at the next start.
///
/// A body that arrives in pieces is gathered in batches of 512 KiB. A batch is written, and shown to the tap, on a
/// thread that may block, while the next one is received: a body takes twice as many of memory. A body that fits into
/// one batch takes one such task from the making of its file to the disk. [`PendingBlob::keep`] renames the file, and
/// does not wait for the disk.
///
/// While somebody has a [`DiskHold`] no blob is deleted: all of them are as if they were pinned.
#[derive(Clone, Debug)]
pub struct DiskBlobs(Arc<Disk>);

impl DiskBlobs {
    /// Opens the directories `objects` and `tmp` below `data_dir`, and makes them if needed. It removes nothing.
    ///
    /// # Errors
    /// If the directories cannot be made or brought to the disk; the error names the path.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Disk::open(data_dir)?)))
    }

    async fn receive(
        &self,
        name: BlobName,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let upload = Upload::new(Arc::clone(&self.0), name, tap);
        match body.source {
            Source::Stream(pieces) => upload.receive(pieces).await,
            Source::Reader(reader) => blocking(move || upload.copy(reader)).await,
        }
    }
}

#[async_trait]
impl BlobStore for DiskBlobs {
    async fn put(
        &self,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let name = BlobName::fresh(Folder::Root).map_err(BlobError::writing)?;
        self.receive(name, body, tap).await
    }

    fn folder_for(&self, _folder: Folder) -> Folder {
        Folder::Root
    }

    async fn put_as(
        &self,
        name: BlobName,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<PendingBlob, PutError> {
        self.receive(name, body, tap).await.map(|(blob, _)| blob)
    }

    async fn get(&self, name: BlobName, range: Range<u64>) -> Result<BlobStream, BlobError> {
        FileReader::stream(Arc::clone(&self.0), name, range).await
    }

    fn get_blocking(&self, name: BlobName, range: Range<u64>) -> Result<BlobReader, BlobError> {
        let reader = FileReader::open(&self.0, name, range)?;
        Ok(Box::new(reader))
    }

    async fn delete(&self, names: &[BlobName]) -> Result<Vec<BlobName>, BlobError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (disk, names) = (Arc::clone(&self.0), names.to_vec());
        blocking(move || {
            if disk.is_held()? {
                return Ok(names);
            }
            pins::delete(&*disk, &names)
        })
        .await
    }

    async fn folders(&self) -> Result<Vec<Folder>, BlobError> {
        Ok(vec![Folder::Root])
    }

    fn list(&self, folder: Folder) -> BoxStream<'static, Result<Found, BlobError>> {
        match folder {
            Folder::Root => listing::list(self.0.folders.objects().to_owned()).boxed(),
            Folder::Hour(_) => stream::empty().boxed(),
        }
    }

    fn pin(&self, names: &[BlobName]) -> BlobPin {
        pins::pin(&self.0, names)
    }

    async fn check(&self, names: &[BlobName]) -> Result<(), BlobError> {
        let (disk, names) = (Arc::clone(&self.0), names.to_vec());
        blocking(move || disk.check(&names)).await
    }

    async fn unfinished(&self) -> Result<Vec<BlobName>, BlobError> {
        let disk = Arc::clone(&self.0);
        blocking(move || Ok(disk.folders.unfinished()?)).await
    }

    async fn adopt(&self, names: &[BlobName]) -> Result<(), BlobError> {
        let (disk, names) = (Arc::clone(&self.0), names.to_vec());
        blocking(move || {
            for name in names {
                disk.folders.keep(name)?;
            }
            Ok(())
        })
        .await
    }

    fn grace(&self) -> Grace {
        Grace {
            orphan: None,
            reader: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
