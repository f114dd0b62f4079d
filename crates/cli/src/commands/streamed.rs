//! A bundle that goes into the object store while it is made, without touching a disk.

use std::io;
use std::sync::Mutex;

use anyhow::Context as _;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_bundle::{PartRecord, PartSink};
use gumnut_types::{ManifestLocation, PartIndex, PartName};
use gumnut_walrus_client::Content;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::destination::Destination;
use super::seal::{Seal, Sealed};
use crate::output::Output;

/// Seals an image straight into the store: parts first, the manifest last. At most `pending` parts
/// wait for the store at a time, and as many are in memory, and two more.
///
/// When it fails, the parts that were sent are deleted again as far as the store allows.
pub(crate) async fn publish(
    output: &Output,
    seal: Seal,
    destination: &Destination<'_>,
    pending: usize,
) -> Result<ManifestLocation, anyhow::Error> {
    let manifest = seal.meta.names.manifest().to_string();
    let location = destination.target.location(&manifest)?;
    let sent = Mutex::new(Vec::new());
    let done = send(output, seal, destination, pending, &sent).await;
    let done = match done {
        Ok(sealed) => {
            let content = Content::bytes(sealed.manifest.bytes().to_vec());
            destination.put(&manifest, &content).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        take_back(destination, &sent).await;
        return Err(error);
    }
    Ok(location)
}

async fn send(
    output: &Output,
    seal: Seal,
    destination: &Destination<'_>,
    pending: usize,
    sent: &Mutex<Vec<PartName>>,
) -> Result<Sealed, anyhow::Error> {
    let (sender, receiver) = channel(1);
    let output = output.clone();
    let sealing = tokio::task::spawn_blocking(move || {
        let bytes = Vec::new();
        seal.into_sink(&output, &mut Sending { sender, bytes })
    });
    let put = async |(name, bytes): (PartName, Bytes)| {
        if let Ok(mut sent) = sent.lock() {
            sent.push(name.clone());
        }
        destination.put(name.as_str(), &Content::bytes(bytes)).await
    };
    // A failure drops the receiver, which ends the sealing.
    let stored = finished(receiver)
        .map(put)
        .buffer_unordered(pending.max(1))
        .try_collect::<()>()
        .await;
    let sealed = sealing.await.context("a thread died");
    stored?;
    sealed?
}

fn finished(
    receiver: Receiver<(PartName, Bytes)>,
) -> impl stream::Stream<Item = (PartName, Bytes)> {
    stream::unfold(receiver, async |mut receiver| {
        let part = receiver.recv().await?;
        Some((part, receiver))
    })
}

async fn take_back(destination: &Destination<'_>, sent: &Mutex<Vec<PartName>>) {
    let names = sent.lock().map(|mut sent| std::mem::take(&mut *sent));
    for name in names.unwrap_or_default() {
        if let Ok(key) = destination.target.key(name.as_str()) {
            // The failure that is being reported matters more than this one.
            let bucket = &destination.target.bucket;
            let _ = destination.store.delete_object(bucket, &key).await;
        }
    }
}

/// Hands finished parts over to the network.
struct Sending {
    sender: Sender<(PartName, Bytes)>,
    bytes: Vec<u8>,
}

impl PartSink for Sending {
    fn start(&mut self, _index: PartIndex, _name: &PartName) -> io::Result<()> {
        self.bytes = Vec::new();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let sent = self.sender.blocking_send((part.name.clone(), bytes));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
