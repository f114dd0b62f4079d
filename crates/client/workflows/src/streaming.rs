//! From the thread that bundles an image to the network: parts in memory, and never more than so many.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_bundle::{PartRecord, PartSink};
use gumnut_types::{PartIndex, PartName, Sha1Digest};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::WorkflowError;

/// Parts that need not be sent: digest and length in bytes of each, by its index.
pub(crate) type Kept = BTreeMap<u32, (Sha1Digest, u64)>;

/// Bundles on a thread of its own, and sends each part while the next ones are made. At most `jobs` parts are in memory: the
/// one that is being filled, and those that are being sent. Parts in `kept` are made again, compared and not sent.
///
/// A failure to send ends the sealing, and is the result. A part in `kept` that is made otherwise this time is
/// [`WorkflowError::Differs`].
pub(crate) async fn stream_parts<T: Send + 'static>(
    jobs: usize,
    kept: Kept,
    seal: impl FnOnce(&mut dyn PartSink) -> Result<T, WorkflowError> + Send + 'static,
    send: impl AsyncFn(PartRecord, Bytes) -> Result<(), WorkflowError>,
) -> Result<T, WorkflowError> {
    let jobs = jobs.max(1);
    let (sender, receiver) = channel(jobs);
    let mut sink = Sending {
        sender,
        places: Arc::new(Semaphore::new(jobs)),
        runtime: Handle::current(),
        kept,
        part: None,
    };
    let sealing = tokio::task::spawn_blocking(move || seal(&mut sink));
    // A failure drops the receiver, which ends the sealing.
    let all = parts(receiver)
        .map(async |part: Part| {
            let done = send(part.record, part.bytes).await;
            drop(part.place);
            done
        })
        .buffer_unordered(jobs)
        .try_collect::<()>()
        .await;
    let sealed = sealing.await.map_err(|_| WorkflowError::Died)?;
    all?;
    match sealed {
        Err(WorkflowError::Bundle(error)) if differs(&error) => Err(WorkflowError::Differs),
        sealed => sealed,
    }
}

/// A part on its way, and its place in memory.
struct Part {
    record: PartRecord,
    bytes: Bytes,
    place: OwnedSemaphorePermit,
}

fn parts(receiver: Receiver<Part>) -> impl stream::Stream<Item = Part> {
    stream::unfold(receiver, async |mut receiver| {
        let part = receiver.recv().await?;
        Some((part, receiver))
    })
}

/// Marks the failure of a part that is not what it was.
#[derive(Debug, thiserror::Error)]
#[error("the part differs from what was stored")]
struct PartDiffers;

fn differs(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if matches!(inner, Some(inner) if inner.is::<PartDiffers>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Hands finished parts over to the network, and waits when too many are on their way.
struct Sending {
    sender: Sender<Part>,
    places: Arc<Semaphore>,
    runtime: Handle,
    kept: Kept,
    /// The part that is being filled; nothing for one that is in the store.
    part: Option<(Vec<u8>, OwnedSemaphorePermit)>,
}

fn gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl PartSink for Sending {
    fn start(&mut self, index: PartIndex, _name: &PartName) -> io::Result<()> {
        self.part = None;
        if !self.kept.contains_key(&index.0) {
            let place = Arc::clone(&self.places).acquire_owned();
            let closed = self.sender.closed();
            let place = self.runtime.block_on(async {
                tokio::select! {
                    place = place => place.ok(),
                    () = closed => None,
                }
            });
            self.part = Some((Vec::new(), place.ok_or_else(gone)?));
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((part, _)) = &mut self.part {
            part.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finish(&mut self, record: &PartRecord) -> io::Result<()> {
        let Some((bytes, permit)) = self.part.take() else {
            let kept = self.kept.get(&record.index.0);
            return if kept == Some(&(record.digest, record.size)) {
                Ok(())
            } else {
                Err(io::Error::other(PartDiffers))
            };
        };
        let part = Part {
            record: record.clone(),
            bytes: bytes.into(),
            place: permit,
        };
        self.sender.blocking_send(part).map_err(|_| gone())
    }
}
