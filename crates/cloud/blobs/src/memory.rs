//! Blobs in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};

use crate::pins::{self, Pinned, Pins};
use crate::store::blocking;
use crate::{
    BlobError, BlobName, BlobPin, BlobReader, BlobStore, BlobStream, Body, Fate, Folder, Found,
    Grace, PendingBlob, PutError, Source, Tap,
};

/// Bytes of a piece of a blob that is streamed, and of a reader that is read.
const PIECE: usize = 256 << 10;

/// Blobs in memory, for tests. Clones share them, and they go with the last clone.
///
/// It behaves as a store that several processes share: names begin with the hour, a blob that is not kept yet is listed
/// with the others, and nothing is ever unfinished.
#[derive(Clone, Default)]
pub struct MemoryBlobs(Arc<Memory>);

#[derive(Default)]
struct Memory {
    blobs: Mutex<BTreeMap<BlobName, (Bytes, Instant)>>,
    pins: Pins,
    /// Bytes that there is room for. `None` for any number.
    room: Option<u64>,
    grace: Option<Grace>,
    /// What writers see in the place of the clock.
    stopped: Option<Instant>,
    /// By how much the clock of this store was set forward.
    ahead: Mutex<Duration>,
}

impl MemoryBlobs {
    /// A store without blobs, with room for any number of bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store without blobs whose blobs must be left alone for as long as `grace` says.
    pub fn with_grace(grace: Grace) -> Self {
        Self(Arc::new(Memory {
            grace: Some(grace),
            ..Memory::default()
        }))
    }

    /// A store as [`MemoryBlobs::with_grace`] makes it whose writers see a clock that stands still, so that they are never
    /// late: with it, tests of a collector must lose blobs.
    pub fn without_deadline(grace: Grace) -> Self {
        Self(Arc::new(Memory {
            grace: Some(grace),
            stopped: Some(Instant::now()),
            ..Memory::default()
        }))
    }

    /// Sets the clock of the store forward, so that all blobs are older by `time`.
    pub fn advance(&self, time: Duration) {
        *self.0.ahead() += time;
    }

    /// A store without blobs that is full when they have `room` bytes together.
    pub fn with_room(room: u64) -> Self {
        Self(Arc::new(Memory {
            room: Some(room),
            ..Memory::default()
        }))
    }

    async fn receive(
        &self,
        name: BlobName,
        body: Body,
        mut tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let memory = Arc::clone(&self.0);
        let (bytes, mut tap) = match body.source {
            Source::Stream(mut pieces) => {
                let mut body = BytesMut::new();
                while let Some(piece) = pieces.next().await {
                    memory.gather(&mut body, &piece.map_err(PutError::Refused)?, &mut *tap)?;
                }
                (body.freeze(), tap)
            }
            Source::Reader(reader) => {
                let memory = Arc::clone(&memory);
                let work = move || Ok::<_, PutError>((memory.read(reader, &mut *tap)?, tap));
                blocking(work).await?
            }
        };
        tap.finish().map_err(PutError::Refused)?;
        let begun = memory.now();
        let size = bytes.len() as u64;
        memory.blobs().insert(name, (bytes, begun));
        let settle = move |fate| {
            if fate == Fate::Discard {
                memory.blobs().remove(&name);
            }
        };
        Ok((PendingBlob::new(name, size, begun, settle), tap))
    }
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryBlobs({} blobs)", self.0.blobs().len())
    }
}

impl Memory {
    fn ahead(&self) -> MutexGuard<'_, Duration> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        Instant::now() + *self.ahead()
    }

    fn blobs(&self) -> MutexGuard<'_, BTreeMap<BlobName, (Bytes, Instant)>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range(&self, name: BlobName, range: Range<u64>) -> Result<Bytes, BlobError> {
        let blobs = self.blobs();
        let (bytes, _) = blobs.get(&name).ok_or(BlobError::NotFound(name))?;
        let [start, end] = [range.start, range.end.max(range.start)].map(usize::try_from);
        let wanted = start.unwrap_or(usize::MAX)..end.unwrap_or(usize::MAX);
        if wanted.is_empty() {
            return Ok(Bytes::new());
        }
        if wanted.end > bytes.len() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes.slice(wanted))
    }

    /// Adds a piece to a body, if there is room.
    fn gather(
        &self,
        body: &mut BytesMut,
        piece: &[u8],
        tap: &mut dyn Tap,
    ) -> Result<(), BlobError> {
        if let Some(room) = self.room {
            let blobs = self.blobs();
            let others: usize = blobs.values().map(|(bytes, _)| bytes.len()).sum();
            if (others + body.len() + piece.len()) as u64 > room {
                return Err(BlobError::writing(io::ErrorKind::StorageFull.into()));
            }
        }
        body.extend_from_slice(piece);
        tap.bytes(piece);
        Ok(())
    }

    fn read(&self, mut reader: Box<dyn Read + Send>, tap: &mut dyn Tap) -> Result<Bytes, PutError> {
        let (mut body, mut buffer) = (BytesMut::new(), vec![0; PIECE]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(body.freeze()),
                Ok(count) => self.gather(&mut body, &buffer[..count], tap)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(PutError::Refused(error.into())),
            }
        }
    }
}

impl Pinned for Memory {
    fn pins(&self) -> &Pins {
        &self.pins
    }

    fn remove(&self, name: BlobName) -> io::Result<()> {
        self.blobs().remove(&name);
        Ok(())
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(
        &self,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let name =
            BlobName::fresh(Folder::hour_after(*self.0.ahead())).map_err(BlobError::writing)?;
        self.receive(name, body, tap).await
    }

    fn folder_for(&self, folder: Folder) -> Folder {
        Folder::Hour(folder.hour().unwrap_or(0))
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
        let bytes = self.0.range(name, range)?;
        let pieces = (0..bytes.len())
            .step_by(PIECE)
            .map(move |start| Ok(bytes.slice(start..bytes.len().min(start + PIECE))));
        Ok(Box::pin(stream::iter(pieces)))
    }

    fn get_blocking(&self, name: BlobName, range: Range<u64>) -> Result<BlobReader, BlobError> {
        Ok(Box::new(Cursor::new(self.0.range(name, range)?)))
    }

    async fn delete(&self, names: &[BlobName]) -> Result<Vec<BlobName>, BlobError> {
        pins::delete(&*self.0, names)
    }

    async fn folders(&self) -> Result<Vec<Folder>, BlobError> {
        let mut folders: Vec<_> = self.0.blobs().keys().map(BlobName::folder).collect();
        folders.dedup();
        Ok(folders)
    }

    fn list(&self, folder: Folder) -> BoxStream<'static, Result<Found, BlobError>> {
        let (mut found, now) = (Vec::new(), self.0.now());
        for (&name, (bytes, written)) in self.0.blobs().iter() {
            if name.folder() == folder {
                found.push(Ok(Found {
                    name,
                    size: bytes.len() as u64,
                    age: now.saturating_duration_since(*written),
                }));
            }
        }
        stream::iter(found).boxed()
    }

    fn pin(&self, names: &[BlobName]) -> BlobPin {
        pins::pin(&self.0, names)
    }

    async fn check(&self, names: &[BlobName]) -> Result<(), BlobError> {
        let blobs = self.0.blobs();
        for name in names {
            if self.0.pins.is_going(*name) || !blobs.contains_key(name) {
                return Err(BlobError::NotFound(*name));
            }
        }
        Ok(())
    }

    /// Nothing survives a stop.
    async fn unfinished(&self) -> Result<Vec<BlobName>, BlobError> {
        Ok(Vec::new())
    }

    async fn adopt(&self, _names: &[BlobName]) -> Result<(), BlobError> {
        Ok(())
    }

    fn grace(&self) -> Grace {
        self.0.grace.unwrap_or(Grace {
            orphan: Some(Duration::from_hours(1)),
            reader: Duration::ZERO,
        })
    }

    fn now(&self) -> Instant {
        self.0.stopped.unwrap_or_else(|| self.0.now())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract;

    fn open() -> Arc<dyn BlobStore> {
        Arc::new(MemoryBlobs::new())
    }

    crate::contract_tests!(((), open()));

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_history_is_that_of_the_model(steps in contract::histories(40)) {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            let outcome = runtime.block_on(contract::history(&open(), steps));
            outcome.map_err(|error| TestCaseError::fail(error.to_string()))?;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_without_room_is_full() -> contract::Outcome {
        let store: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::with_room(1024 * 1024));
        contract::full(&store).await
    }

    #[tokio::test]
    async fn a_blob_goes_with_its_last_pin() {
        let store = open();
        let put = store.put(Body::bytes("abc"), Box::new(())).await;
        let name = put.unwrap().0.keep();
        let pin = store.pin(&[name]);
        assert_eq!(store.delete(&[name]).await.unwrap(), [name]);
        store.check(&[name]).await.unwrap();
        drop(pin);
        assert!(store.check(&[name]).await.is_err());
    }
}
