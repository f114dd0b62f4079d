//! The seam: what a store of blobs can do.

use std::any::Any;
use std::fmt::Debug;
use std::io::{self, Read};
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;

use crate::{BlobError, BlobName, BlobPin, Body, Folder, PendingBlob, PutError, Tap};

/// The bytes of a blob in pieces, none of them empty.
pub type BlobStream = Pin<Box<dyn Stream<Item = Result<Bytes, BlobError>> + Send + Sync>>;

/// The bytes of a blob, read by calls that block.
pub type BlobReader = Box<dyn Read + Send + Sync>;

/// A blob that a list has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: BlobName,
    /// Its size in bytes.
    pub size: u64,
    /// How long ago it was written, by the clock of the machine that holds the bytes. Zero when that clock was set back.
    pub age: Duration,
}

/// How long blobs must be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// The age from which a blob that is listed and that no row names is nobody's. Rows must be committed well before.
    /// `None` if a blob must never be deleted because no row names it: [`BlobStore::unfinished`] lists all that a stop
    /// has left.
    pub orphan: Option<Duration>,
    /// The time from the commit that gave a blob up to its deletion, within which readers find it that have looked up
    /// the row before. Zero where pins are enough.
    pub reader: Duration,
}

/// A place for blobs. Clones of a store see the same blobs.
#[async_trait]
pub trait BlobStore: Debug + Send + Sync {
    /// Stores a body under a name of its own; it is durable when this returns, and can be read. `tap` sees the bytes
    /// on their way.
    ///
    /// Nothing is kept when an error is returned, or, soon after, when the future is dropped.
    ///
    /// # Errors
    /// [`PutError::Refused`] if the body fails or the tap refuses it, [`BlobError::Full`] if there is no room for it,
    /// [`BlobError::Io`] if the store cannot be written.
    async fn put(
        &self,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError>;

    /// Reads the bytes `range` of a blob, counted from 0, as a stream.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], always before the first byte: look the row up again. [`BlobError::Io`] if the blob
    /// cannot be read or ends before the range does, here or as the last item of the stream.
    async fn get(&self, name: BlobName, range: Range<u64>) -> Result<BlobStream, BlobError>;

    /// Reads the bytes `range` of a blob, counted from 0, by calls that block. Call it where blocking is allowed.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], always before the first byte: look the row up again. [`BlobError::Io`] if the blob
    /// cannot be opened. A blob that ends before the range does gives [`io::ErrorKind::UnexpectedEof`], here or as the
    /// last result of the reader.
    fn get_blocking(&self, name: BlobName, range: Range<u64>) -> Result<BlobReader, BlobError>;

    /// Copies a blob inside the store, so that no bytes pass through this process. `None` when the store cannot: read it and
    /// put it then.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] if it is not there, [`BlobError::Full`] if there is no room, [`BlobError::Io`] if the store
    /// cannot be used. Nothing is kept then.
    async fn copy(&self, _name: BlobName) -> Result<Option<PendingBlob>, BlobError> {
        Ok(None)
    }

    /// The directory in which this store keeps a blob that another store has in `folder`.
    fn folder_for(&self, folder: Folder) -> Folder;

    /// Stores a body as [`BlobStore::put`] does, under the name of a blob of another store. Its directory must be one of
    /// [`BlobStore::folder_for`], and nobody else may use this store. A blob of this name that is there is replaced.
    ///
    /// # Errors
    /// Those of [`BlobStore::put`].
    async fn put_as(
        &self,
        name: BlobName,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<PendingBlob, PutError>;

    /// Makes sure that the store can be used.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`] or [`BlobError::Io`] with the reason.
    async fn ready(&self) -> Result<(), BlobError> {
        Ok(())
    }

    /// Deletes blobs; it is no error when one is not there.
    ///
    /// Blobs that are pinned are not deleted yet. They go with their last pin, and their names are given back, so that
    /// a list of what is to be deleted can keep them until a later call no longer names them. A store may keep blobs for
    /// other reasons, for example while somebody copies all of them, and gives their names back, too.
    ///
    /// Nothing waits for the disk: after a power cut a deleted blob may be there again, as one without a row.
    ///
    /// # Errors
    /// [`BlobError::Io`] if one of the blobs cannot be deleted. The others are deleted anyway.
    async fn delete(&self, names: &[BlobName]) -> Result<Vec<BlobName>, BlobError>;

    /// The directories that may have blobs, from the oldest to the newest.
    ///
    /// # Errors
    /// [`BlobError::Io`] if the store cannot be read.
    async fn folders(&self) -> Result<Vec<Folder>, BlobError>;

    /// The blobs of a directory, in no order: those that were kept before the call and not deleted, and perhaps others.
    /// There are none in a directory that does not exist. The stream ends with the first error.
    fn list(&self, folder: Folder) -> BoxStream<'static, Result<Found, BlobError>>;

    /// Keeps blobs from being deleted by this process until the pin is dropped. It costs no look at the store: a blob
    /// that is gone already does not come back, see [`BlobStore::check`].
    ///
    /// Stores that have no pins rely on [`Grace::reader`] alone.
    fn pin(&self, names: &[BlobName]) -> BlobPin;

    /// Makes sure that all these blobs are there. For names that were pinned before, this holds until the pin is
    /// dropped.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] for one that is not there. [`BlobError::Io`] if the store cannot be read.
    async fn check(&self, names: &[BlobName]) -> Result<(), BlobError>;

    /// Blobs that a stop of a process, or [`PendingBlob::leave`], has left between the beginning of their bodies and
    /// [`PendingBlob::keep`]. Ask at the start, before anything is put: those that a row names are to be adopted, the
    /// others to be deleted.
    ///
    /// Stores that several processes share have none, because there is no such start; a list finds everything.
    ///
    /// # Errors
    /// [`BlobError::Io`] if the store cannot be read.
    async fn unfinished(&self) -> Result<Vec<BlobName>, BlobError>;

    /// Keeps unfinished blobs, because rows name them. It is no error when one is kept already or not there.
    ///
    /// # Errors
    /// [`BlobError::Io`] if the store cannot be written.
    async fn adopt(&self, names: &[BlobName]) -> Result<(), BlobError>;

    /// How long blobs must be left alone.
    fn grace(&self) -> Grace;

    /// The clock by which [`PendingBlob::begun`] was read.
    fn now(&self) -> Instant {
        Instant::now()
    }
}

impl dyn BlobStore {
    /// Stores a body as [`BlobStore::put`] does, and gives the tap back with its own type.
    ///
    /// # Errors
    /// [`PutError::Refused`] if the body fails or the tap refuses it, [`BlobError::Full`] if there is no room for it,
    /// [`BlobError::Io`] if the store cannot be written.
    pub async fn put_with<T: Tap>(&self, body: Body, tap: T) -> Result<(PendingBlob, T), PutError> {
        let (blob, tap) = self.put(body, Box::new(tap)).await?;
        let given_back: Box<dyn Any> = tap;
        match given_back.downcast() {
            Ok(tap) => Ok((blob, *tap)),
            Err(_) => Err(BlobError::Io(io::Error::other("the store lost the tap")).into()),
        }
    }
}

/// Runs work that blocks where it may.
pub(crate) async fn blocking<T: Send + 'static, E: From<BlobError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    joined(tokio::task::spawn_blocking(work)).await
}

/// Waits for work that was begun by `spawn_blocking`.
pub(crate) async fn joined<T, E: From<BlobError>>(
    task: tokio::task::JoinHandle<Result<T, E>>,
) -> Result<T, E> {
    task.await
        .unwrap_or_else(|error| Err(BlobError::Io(io::Error::other(error)).into()))
}
