//! A bundle that goes into the object store while it is made, without touching a disk.

use std::sync::Mutex;

use gumnut_bundle::PartSink;
use gumnut_types::{ManifestLocation, PartName};
use gumnut_walrus_client::Content;
use gumnut_workflows::stream_parts;

use super::destination::Destination;
use super::seal::{Seal, Sealed};
use crate::output::Output;

/// Seals an image straight into the store: parts first, the manifest last. At most `pending` parts
/// are in memory at a time.
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
    let output = output.clone();
    let seal = move |sink: &mut dyn PartSink| seal.into_sink(&output, sink);
    stream_parts(pending, seal, async |record, bytes| {
        if let Ok(mut sent) = sent.lock() {
            sent.push(record.name.clone());
        }
        let content = Content::bytes(bytes);
        destination.put(record.name.as_str(), &content).await
    })
    .await
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
