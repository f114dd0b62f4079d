//! An image that goes into the store while it is sealed, without touching a disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_bundle::{
    BundleError, BundleMeta, BundleOptions, Bundled, ImageSource, PartRecord, PartSink, Recipients,
    bundle_with_key,
};
use gumnut_crypto::{BundleIv, BundleKey, PublicKey};
use gumnut_types::{PartIndex, PartName};
use gumnut_walrus_client::Content;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::destination::Destination;
use crate::journal::StoredPart;
use crate::observer::Watched;
use crate::{Observer, PublishError};

/// An image that is to be sealed into the store.
pub(crate) struct Upload {
    pub(crate) image: ImageSource<'static>,
    pub(crate) meta: BundleMeta,
    pub(crate) cloud: PublicKey,
    pub(crate) user: PublicKey,
    pub(crate) secrets: (BundleKey, BundleIv),
    pub(crate) options: BundleOptions,
    /// Parts that are in the store already. They are made again, compared and not sent.
    pub(crate) kept: BTreeMap<u32, StoredPart>,
    /// Parts that may be in memory at a time.
    pub(crate) jobs: usize,
}

/// A part on its way, which gives its place in memory to another when it is gone.
struct Part {
    record: PartRecord,
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl Upload {
    /// Seals the image and sends its parts; `stored` is called for each that is in the store.
    pub(crate) async fn run(
        self,
        destination: &Destination,
        observer: Arc<dyn Observer>,
        mut stored: impl FnMut(StoredPart) -> Result<(), PublishError>,
    ) -> Result<Bundled, PublishError> {
        let jobs = self.jobs.max(1);
        let (sender, receiver) = channel(jobs);
        let sink = Sending {
            sender,
            places: Arc::new(Semaphore::new(jobs)),
            runtime: Handle::current(),
            kept: self.kept,
            part: None,
        };
        let image = Sealing {
            image: self.image,
            meta: self.meta,
            cloud: self.cloud,
            user: self.user,
            secrets: self.secrets,
            options: self.options,
        };
        let sealing = tokio::task::spawn_blocking(move || image.run(sink, &*observer));
        // A failure drops the receiver, which ends the sealing.
        let sent = parts(receiver)
            .map(|part| send(destination, part))
            .buffer_unordered(jobs)
            .try_for_each(|part| std::future::ready(stored(part)))
            .await;
        let sealed = sealing.await.map_err(|_| PublishError::Died)?;
        match (sent, sealed) {
            (Err(error), _) => Err(error),
            (Ok(()), sealed) => sealed,
        }
    }
}

fn parts(receiver: Receiver<Part>) -> impl stream::Stream<Item = Part> {
    stream::unfold(receiver, async |mut receiver| {
        let part = receiver.recv().await?;
        Some((part, receiver))
    })
}

async fn send(destination: &Destination, part: Part) -> Result<StoredPart, PublishError> {
    let Part {
        record,
        bytes,
        _permit,
    } = part;
    let content = Content::bytes(bytes);
    destination.put(record.name.as_str(), &content).await?;
    Ok(StoredPart {
        index: record.index.0,
        size: content.length(),
        md5: content.md5_hex(),
        name: record.name,
        digest: record.digest,
    })
}

/// What the sealing thread needs.
struct Sealing {
    image: ImageSource<'static>,
    meta: BundleMeta,
    cloud: PublicKey,
    user: PublicKey,
    secrets: (BundleKey, BundleIv),
    options: BundleOptions,
}

impl Sealing {
    fn run(self, mut sink: Sending, observer: &dyn Observer) -> Result<Bundled, PublishError> {
        let recipients = Recipients {
            cloud: &self.cloud,
            user: Some(&self.user),
        };
        let (key, iv) = &self.secrets;
        let bundled = bundle_with_key(
            (key, iv),
            self.image,
            self.meta,
            recipients,
            &self.options,
            &mut sink,
            &Watched(observer),
        );
        bundled.map_err(|error| {
            if differs(&error) {
                PublishError::Differs
            } else {
                error.into()
            }
        })
    }
}

/// Marks the failure of a part that is not what it was.
#[derive(Debug, thiserror::Error)]
#[error("the part is not what it was when it was stored")]
struct PartDiffers;

fn differs(error: &BundleError) -> bool {
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
    kept: BTreeMap<u32, StoredPart>,
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
            let same =
                kept.is_some_and(|kept| kept.digest == record.digest && kept.size == record.size);
            return if same {
                Ok(())
            } else {
                Err(io::Error::other(PartDiffers))
            };
        };
        let part = Part {
            record: record.clone(),
            bytes: bytes.into(),
            _permit: permit,
        };
        self.sender.blocking_send(part).map_err(|_| gone())
    }
}
