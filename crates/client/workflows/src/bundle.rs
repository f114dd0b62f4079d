//! An image made into a bundle: in a directory, or straight in a store without touching a disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_bundle::{
    BundleMeta, BundleOptions, Bundler, Existing, FolderSink, ImageSource, PartRecord, PartSink,
    Recipients, SplitterError,
};
use gumnut_crypto::{BundleIv, BundleKey, Certificate};
use gumnut_manifest::SignedManifest;
use gumnut_types::{ManifestLocation, PartIndex, PartName, Sha1Digest};
use gumnut_walrus_client::Content;

use crate::streaming::stream_parts;
use crate::{Destination, Keys, Observer, Step, WorkflowError};

/// An image that is to be made into a bundle.
pub struct Bundle {
    image: ImageSource<'static>,
    meta: BundleMeta,
    keys: Arc<Keys>,
    options: BundleOptions,
    secrets: Option<(BundleKey, BundleIv)>,
}

/// A bundle that was made.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewBundle {
    /// Its signed manifest.
    pub manifest: SignedManifest,
    /// Names, lengths and digests of its parts, in their order.
    pub parts: Vec<PartRecord>,
}

impl Bundle {
    /// A bundle of this image, described so, made with these keys and [`BundleOptions::default`].
    pub fn new(image: ImageSource<'static>, meta: BundleMeta, keys: impl Into<Arc<Keys>>) -> Self {
        Self {
            image,
            meta,
            keys: keys.into(),
            options: BundleOptions::default(),
            secrets: None,
        }
    }

    /// Sets size of parts, compression and threads.
    #[must_use]
    pub fn options(mut self, options: BundleOptions) -> Self {
        self.options = options;
        self
    }

    /// Takes this key and iv instead of new ones. Never use a key and iv for two different images.
    #[must_use]
    pub fn secrets(mut self, secrets: impl Into<Option<(BundleKey, BundleIv)>>) -> Self {
        self.secrets = secrets.into();
        self
    }

    /// What stands in the manifest.
    pub fn meta(&self) -> &BundleMeta {
        &self.meta
    }

    /// Makes the bundle in a directory that exists, all or nothing; gives the path of its manifest, too.
    ///
    /// # Errors
    /// [`WorkflowError::BundleExists`] when there is one of this name and `existing` refuses to replace it; when the image or
    /// the keys cannot be used, when the directory cannot be written, and when the observer stops it.
    pub fn into_folder(
        self,
        folder: &Path,
        existing: Existing,
        observer: &dyn Observer,
    ) -> Result<(NewBundle, PathBuf), WorkflowError> {
        let names = self.meta.names.clone();
        let mut sink =
            FolderSink::create(folder, names.clone(), existing).map_err(bundle_exists)?;
        self.announce(None, 0, observer);
        let made = self.seal(
            &mut Announced {
                sink: &mut sink,
                observer,
            },
            observer,
        )?;
        observer.step(&Step::WritingManifest {
            path: &folder.join(names.manifest().as_str()),
        });
        let committed = sink.commit(made.manifest.bytes()).map_err(bundle_exists)?;
        Ok((made, committed.manifest))
    }

    /// Makes the bundle straight in a store: parts first, the manifest last. At most `jobs` parts are in memory at a time.
    ///
    /// When it fails, the parts that were sent are deleted again as far as the store allows.
    ///
    /// # Errors
    /// When the image or the keys cannot be used, when the store refuses or does not answer, and when the observer stops it.
    pub async fn into_store(
        self,
        destination: &Destination,
        jobs: usize,
        observer: Arc<dyn Observer>,
    ) -> Result<ManifestLocation, WorkflowError> {
        let name = self.meta.names.manifest().to_string();
        let location = destination.location(&name)?;
        let sent = Mutex::new(Vec::new());
        let sealed = self
            .send(
                &location,
                jobs,
                BTreeMap::new(),
                observer,
                async |part, content| {
                    let part_name = part.name.to_string();
                    sent.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(part.name);
                    destination.put(&part_name, &content).await
                },
            )
            .await;
        let done = match sealed {
            Ok(made) => {
                let manifest = Content::bytes(made.manifest.bytes().to_vec());
                destination.put(&name, &manifest).await
            }
            Err(error) => Err(error),
        };
        if done.is_err() {
            let names = sent.into_inner().unwrap_or_else(PoisonError::into_inner);
            take_back(destination, &names).await;
        }
        done.map(|()| location)
    }

    /// Says that the bundle is about to be made.
    fn announce(&self, location: Option<&ManifestLocation>, kept: usize, observer: &dyn Observer) {
        observer.step(&Step::Bundling {
            class: self.meta.kind.class(),
            name: self.meta.names.prefix(),
            location,
            bytes: self.image.size(),
            data: self.image.data_size(),
            kept,
        });
    }

    /// Makes the bundle and hands each part to `send` while the next ones are made, at most `jobs` parts being in memory at a
    /// time. The manifest is signed, and left to the caller to put at `location`.
    ///
    /// `stored` has the parts that the store holds already: digest and length in bytes of each, by its index. They are made
    /// again and compared instead of sent, so the bundle has to have the [`Bundle::secrets`] and [`Bundle::options`] that they
    /// were made with.
    ///
    /// # Errors
    /// [`WorkflowError::Differs`] when a part in `stored` is made otherwise this time; what `send` fails with; when the image or
    /// the keys cannot be used, and when the observer stops it.
    pub async fn send(
        self,
        location: &ManifestLocation,
        jobs: usize,
        stored: BTreeMap<u32, (Sha1Digest, u64)>,
        observer: Arc<dyn Observer>,
        send: impl AsyncFn(PartRecord, Content) -> Result<(), WorkflowError>,
    ) -> Result<NewBundle, WorkflowError> {
        self.announce(Some(location), stored.len(), &*observer);
        stream_parts(
            jobs,
            stored,
            move |sink| self.seal(sink, &*observer),
            async |part, bytes| send(part, Content::bytes(bytes)).await,
        )
        .await
    }

    /// Bundles the image into a sink, whose content is worthless when this fails, and signs the manifest.
    fn seal(
        self,
        sink: &mut dyn PartSink,
        observer: &dyn Observer,
    ) -> Result<NewBundle, WorkflowError> {
        let keys = self.keys;
        let bundler = Bundler {
            meta: self.meta,
            recipients: Recipients {
                cloud: keys.cloud().public_key(),
                user: keys.user().map(Certificate::public_key),
            },
            options: self.options,
            secrets: self.secrets,
        };
        let made = bundler.bundle(self.image, sink, observer)?;
        Ok(NewBundle {
            parts: made.parts().to_vec(),
            manifest: made.into_manifest()?.sign(keys.private_key())?,
        })
    }
}

fn bundle_exists(error: SplitterError) -> WorkflowError {
    match error {
        error @ SplitterError::Exists { .. } => WorkflowError::BundleExists(error),
        error => error.into(),
    }
}

/// Deletes parts. A failure to do so matters less than the one because of which it is done.
async fn take_back(destination: &Destination, names: &[PartName]) {
    for name in names {
        if let Ok(key) = destination.target.key(name.as_str()) {
            let bucket = &destination.target.bucket;
            let _ = destination.store.delete_object(bucket, &key).await;
        }
    }
}

/// A sink whose finished parts receive of.
struct Announced<'a> {
    sink: &'a mut dyn PartSink,
    observer: &'a dyn Observer,
}

impl PartSink for Announced<'_> {
    fn start(&mut self, index: PartIndex, name: &PartName) -> io::Result<()> {
        self.sink.start(index, name)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write(bytes)
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        self.sink.finish(part)?;
        self.observer.step(&Step::Part {
            name: part.name.as_str(),
        });
        Ok(())
    }
}
