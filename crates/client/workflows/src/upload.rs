//! An image that goes into the store while it is sealed, without touching a disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_bundle::{
    BundleMeta, BundleOptions, Bundled, Bundler, ImageSource, PartSink, Recipients,
};
use gumnut_crypto::{BundleIv, BundleKey, PublicKey};
use gumnut_walrus_client::Content;

use crate::destination::Destination;
use crate::journal::StoredPart;
use crate::observer::Watched;
use crate::streaming::{differs, stream_other_parts};
use crate::{Observer, WorkflowError};

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

impl Upload {
    /// Seals the image and sends its parts; `stored` is called for each that is in the store.
    pub(crate) async fn run(
        mut self,
        destination: &Destination,
        observer: Arc<dyn Observer>,
        stored: impl FnMut(StoredPart) -> Result<(), WorkflowError>,
    ) -> Result<Bundled, WorkflowError> {
        let kept = std::mem::take(&mut self.kept).into_values();
        let kept = kept.map(|part| (part.index, (part.digest, part.size)));
        let stored = Mutex::new(stored);
        let jobs = self.jobs;
        let seal = move |sink: &mut dyn PartSink| self.seal(sink, &*observer);
        stream_other_parts(jobs, kept.collect(), seal, async |record, bytes| {
            let content = Content::bytes(bytes);
            destination.put(record.name.as_str(), &content).await?;
            let part = StoredPart {
                index: record.index.0,
                size: content.length(),
                md5: content.md5_hex(),
                name: record.name,
                digest: record.digest,
            };
            let mut stored = stored.lock().unwrap_or_else(PoisonError::into_inner);
            (*stored)(part)
        })
        .await
    }

    fn seal(
        self,
        sink: &mut dyn PartSink,
        observer: &dyn Observer,
    ) -> Result<Bundled, WorkflowError> {
        let recipients = Recipients {
            cloud: &self.cloud,
            user: Some(&self.user),
        };
        let bundler = Bundler {
            meta: self.meta,
            recipients,
            options: self.options,
            secrets: Some(self.secrets),
        };
        let result = bundler.bundle(self.image, sink, &Watched(observer));
        result.map_err(|error| {
            if differs(&error) {
                WorkflowError::Differs
            } else {
                error.into()
            }
        })
    }
}
