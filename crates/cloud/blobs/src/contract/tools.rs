//! Bodies, taps and short forms that the tests of the contract share.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream};
use futures::{TryStreamExt as _, future};
use tokio::sync::oneshot;

use crate::{BlobError, BlobName, BlobStore, Body, BoxError, PendingBlob, PutError, Tap};

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// Bytes that differ by place and by seed.
pub(super) fn pattern(size: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(size).collect()
}

pub(super) fn in_pieces(
    body: &[u8],
    size: usize,
) -> impl Stream<Item = Result<Bytes, Refusal>> + Send + 'static {
    let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    stream::iter(pieces.into_iter().map(Ok))
}

pub(super) async fn put(store: &Arc<dyn BlobStore>, body: &[u8]) -> Result<PendingBlob, PutError> {
    let body = Body::bytes(Bytes::copy_from_slice(body));
    Ok(store.put(body, Box::new(())).await?.0)
}

pub(super) async fn read(
    store: &Arc<dyn BlobStore>,
    name: BlobName,
    range: Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let pieces: Vec<_> = store.get(name, range).await?.try_collect().await?;
    assert!(pieces.iter().all(|piece| !piece.is_empty()));
    Ok(pieces.concat())
}

pub(super) async fn read_blocking(
    store: &Arc<dyn BlobStore>,
    name: BlobName,
    range: Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let store = Arc::clone(store);
    crate::store::blocking(move || {
        let mut bytes = Vec::new();
        store.get_blocking(name, range)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    })
    .await
}

/// The names of all blobs of a store in order, finished or not.
pub(super) async fn all(store: &Arc<dyn BlobStore>) -> Result<Vec<BlobName>, BlobError> {
    let mut names = store.unfinished().await?;
    for folder in store.folders().await? {
        let found: Vec<_> = store.list(folder).try_collect().await?;
        names.extend(found.iter().map(|found| found.name));
    }
    names.sort_unstable();
    Ok(names)
}

/// An error of a body or of a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused by {0}")]
pub(super) struct Refusal(pub(super) &'static str);

/// A piece that never comes; it says so once it is asked for.
pub(super) async fn stall(at_end: oneshot::Sender<()>) -> Result<Bytes, Refusal> {
    // A caller that has gone gets no answer.
    let _ = at_end.send(());
    future::pending().await
}

/// A tap that keeps what it sees.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) seen: Vec<u8>,
    pub(super) ends: usize,
}

impl Tap for Recorder {
    fn bytes(&mut self, bytes: &[u8]) {
        assert_eq!(self.ends, 0, "bytes after the end");
        self.seen.extend_from_slice(bytes);
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.ends += 1;
        Ok(())
    }
}

/// A tap that refuses each body at its end.
pub(super) struct Refuser;

impl Tap for Refuser {
    fn bytes(&mut self, _bytes: &[u8]) {}

    fn finish(&mut self) -> Result<(), BoxError> {
        Err(Refusal("the tap").into())
    }
}

/// A tap whose end can be waited for.
pub(super) struct Witness(
    #[expect(dead_code, reason = "its end is what counts")] oneshot::Sender<()>,
);

/// The end of a [`Witness`].
pub(super) struct Gone(oneshot::Receiver<()>);

impl Witness {
    pub(super) fn new() -> (Self, Gone) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), Gone(receiver))
    }
}

impl Tap for Witness {
    fn bytes(&mut self, _bytes: &[u8]) {}
}

impl Gone {
    pub(super) async fn wait(self) -> Result<(), BoxError> {
        let end = tokio::time::timeout(PATIENCE, self.0).await?;
        assert!(end.is_err(), "a witness says nothing");
        Ok(())
    }
}

/// A reader that fails.
pub(super) struct Broken;

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}
