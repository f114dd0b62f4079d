//! A store of blobs of whose calls somebody hears.

use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::{
    BlobError, BlobName, BlobPin, BlobReader, BlobStore, BlobStream, Body, Folder, Found, Grace,
    PendingBlob, PutError, Tap,
};

/// Hears of the calls of a store of blobs.
pub trait BlobObserver: Debug + Send + Sync + 'static {
    /// A call has ended: `operation` is the name of the method of [`BlobStore`]. It took `time`, that of a `get` without the bytes
    /// themselves. `error` is why the store could not do it; a body that breaks off, or that its tap refuses, is no error.
    fn called(&self, operation: &'static str, time: Duration, error: Option<&BlobError>);
}

/// A store of blobs of whose calls an observer hears. Lists are not among them, as they continue while they are read.
#[derive(Clone, Debug)]
pub struct ObservedBlobs {
    store: Arc<dyn BlobStore>,
    observer: Arc<dyn BlobObserver>,
}

impl ObservedBlobs {
    /// This store, of whose calls the observer hears.
    pub fn new(store: Arc<dyn BlobStore>, observer: Arc<dyn BlobObserver>) -> Self {
        Self { store, observer }
    }

    /// Reports a put that has ended.
    fn report_put<T>(
        &self,
        operation: &'static str,
        begun: Instant,
        outcome: &Result<T, PutError>,
    ) {
        let error = match outcome {
            Err(PutError::Blob(error)) => Some(error),
            _ => None,
        };
        self.observer.called(operation, begun.elapsed(), error);
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        let begun = Instant::now();
        let outcome = call.await;
        let error = outcome.as_ref().err();
        self.observer.called(operation, begun.elapsed(), error);
        outcome
    }
}

// Every method is passed on, those too that the trait has an answer for.
#[async_trait]
impl BlobStore for ObservedBlobs {
    async fn put(
        &self,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let begun = Instant::now();
        let outcome = self.store.put(body, tap).await;
        self.report_put("put", begun, &outcome);
        outcome
    }

    async fn get(&self, name: BlobName, range: Range<u64>) -> Result<BlobStream, BlobError> {
        self.call("get", self.store.get(name, range)).await
    }

    fn get_blocking(&self, name: BlobName, range: Range<u64>) -> Result<BlobReader, BlobError> {
        let begun = Instant::now();
        let outcome = self.store.get_blocking(name, range);
        let error = outcome.as_ref().err();
        self.observer.called("get", begun.elapsed(), error);
        outcome
    }

    async fn copy(&self, name: BlobName) -> Result<Option<PendingBlob>, BlobError> {
        self.call("copy", self.store.copy(name)).await
    }

    async fn ready(&self) -> Result<(), BlobError> {
        self.call("ready", self.store.ready()).await
    }

    async fn delete(&self, names: &[BlobName]) -> Result<Vec<BlobName>, BlobError> {
        self.call("delete", self.store.delete(names)).await
    }

    async fn folders(&self) -> Result<Vec<Folder>, BlobError> {
        self.call("folders", self.store.folders()).await
    }

    fn folder_for(&self, folder: Folder) -> Folder {
        self.store.folder_for(folder)
    }

    async fn put_as(
        &self,
        name: BlobName,
        body: Body,
        tap: Box<dyn Tap>,
    ) -> Result<PendingBlob, PutError> {
        let begun = Instant::now();
        let outcome = self.store.put_as(name, body, tap).await;
        self.report_put("put_as", begun, &outcome);
        outcome
    }

    fn list(&self, folder: Folder) -> BoxStream<'static, Result<Found, BlobError>> {
        self.store.list(folder)
    }

    fn pin(&self, names: &[BlobName]) -> BlobPin {
        self.store.pin(names)
    }

    async fn check(&self, names: &[BlobName]) -> Result<(), BlobError> {
        self.call("check", self.store.check(names)).await
    }

    async fn unfinished(&self) -> Result<Vec<BlobName>, BlobError> {
        self.call("unfinished", self.store.unfinished()).await
    }

    async fn adopt(&self, names: &[BlobName]) -> Result<(), BlobError> {
        self.call("adopt", self.store.adopt(names)).await
    }

    fn grace(&self) -> Grace {
        self.store.grace()
    }

    fn now(&self) -> Instant {
        self.store.now()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{MemoryBlobs, contract};

    /// Notes operations, and whether they failed.
    #[derive(Debug, Default)]
    struct Notes(Mutex<Vec<(&'static str, bool)>>);

    impl BlobObserver for Notes {
        fn called(&self, operation: &'static str, _: Duration, error: Option<&BlobError>) {
            self.0.lock().unwrap().push((operation, error.is_some()));
        }
    }

    fn observed() -> (Arc<Notes>, Arc<dyn BlobStore>) {
        let notes = Arc::<Notes>::default();
        let store = ObservedBlobs::new(Arc::new(MemoryBlobs::new()), notes.clone());
        (notes, Arc::new(store))
    }

    crate::contract_tests!(observed());

    #[tokio::test]
    async fn an_observer_hears_of_calls_and_errors() {
        let (notes, store) = observed();
        let absent = BlobName::fresh(Folder::Hour(1)).unwrap();
        assert!(store.get(absent, 0..1).await.is_err());
        assert!(store.delete(&[absent]).await.unwrap().is_empty());
        contract::a_tap_may_refuse(&store).await.unwrap();
        let notes = notes.0.lock().unwrap();
        assert_eq!(notes[..2], [("get", true), ("delete", false)]);
        assert!(notes.contains(&("put", false)), "{notes:?}");
    }
}
