//! One image, bundled straight into the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_bundle::{BundleMeta, BundleOptions, ImageSource};
use gumnut_crypto::{BundleIv, BundleKey, HexRule, WrappedSecret};
use gumnut_types::{ImageClass, ManifestLocation};
use gumnut_workflows::{Bundle, NewBundle, WorkflowError};

use crate::journal::{Record, Sealing, StoredPart};
use crate::run::Run;
use crate::source::Image;

/// How often an image is begun again because it is not what its stored parts were made of.
const RESTARTS: u32 = 1;

impl Run<'_> {
    /// Bundles an image into the store, and gives its signed manifest.
    pub(crate) async fn seal(
        &mut self,
        image: &Image,
        meta: BundleMeta,
        location: &ManifestLocation,
        mut kept: BTreeMap<u32, StoredPart>,
    ) -> Result<String, WorkflowError> {
        let class = image.class;
        let mut restarts = 0;
        let mut sealing = self.state(class).sealing;
        loop {
            let opened = sealing.as_ref().and_then(|sealing| self.secrets(sealing));
            let (secrets, form) = if let (Some(secrets), Some(sealing)) = (opened, &sealing) {
                (secrets, sealing.form.clone())
            } else {
                kept.clear();
                let (secrets, new) = self.new_sealing(location)?;
                let form = new.form.clone();
                self.journal.write(Record::Sealing {
                    role: class,
                    sealing: new,
                })?;
                (secrets, form)
            };
            let kept = std::mem::take(&mut kept);
            let bundle = Bundle::new(
                ImageSource::open(&image.path)?,
                meta.clone(),
                Arc::clone(&self.setup.keys),
            )
            .secrets(secrets)
            .options(BundleOptions {
                part_size: form.part_size,
                jobs: self.setup.threads,
                level: form.level,
                tar: form.tar(),
            });
            self.written = true;
            match self.send(bundle, location, class, kept).await {
                Err(WorkflowError::Differs) if restarts < RESTARTS => {
                    restarts += 1;
                    sealing = None;
                }
                Err(error) => return Err(error),
                Ok(made) => {
                    let manifest = String::from_utf8_lossy(made.manifest.bytes()).into_owned();
                    self.journal.write(Record::Sealed {
                        role: class,
                        manifest: manifest.clone(),
                    })?;
                    return Ok(manifest);
                }
            }
        }
    }

    /// Sends the parts of a bundle, each of which the journal notes once it is stored.
    async fn send(
        &mut self,
        bundle: Bundle,
        location: &ManifestLocation,
        class: ImageClass,
        kept: BTreeMap<u32, StoredPart>,
    ) -> Result<NewBundle, WorkflowError> {
        let stored = kept
            .into_values()
            .map(|part| (part.index, (part.digest, part.size)))
            .collect();
        let observer = Arc::clone(&self.observer);
        let journal = Mutex::new(&mut self.journal);
        let sent = AtomicU64::new(0);
        let made = bundle
            .send(
                location,
                self.setup.jobs,
                stored,
                observer,
                async |record, content| {
                    self.destination
                        .put_with(record.name.as_str(), &content, &[])
                        .await?;
                    sent.fetch_add(content.length(), Ordering::Relaxed);
                    let part = StoredPart {
                        index: record.index.0,
                        size: content.length(),
                        md5: content.md5_hex(),
                        name: record.name,
                        digest: record.digest,
                    };
                    journal
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .write(Record::Stored { role: class, part })
                },
            )
            .await?;
        self.sent += sent.into_inner();
        Ok(made)
    }

    /// The key and iv of an earlier attempt, if they can be opened.
    fn secrets(&self, sealing: &Sealing) -> Option<(BundleKey, BundleIv)> {
        let key = self.setup.keys.private_key();
        let secret = sealing.key.unwrap_key(key, HexRule::Exact).ok()?;
        Some((secret, sealing.iv.unwrap_iv(key, HexRule::Exact).ok()?))
    }

    fn new_sealing(
        &self,
        location: &ManifestLocation,
    ) -> Result<((BundleKey, BundleIv), Sealing), WorkflowError> {
        let (key, iv) = (BundleKey::generate()?, BundleIv::generate()?);
        let user = self
            .setup
            .keys
            .user()
            .ok_or(WorkflowError::NoUserCertificate)?
            .public_key();
        let sealing = Sealing {
            location: location.clone(),
            key: WrappedSecret::wrap_key(user, &key)?,
            iv: WrappedSecret::wrap_iv(user, &iv)?,
            form: self.plan.form.clone(),
        };
        Ok(((key, iv), sealing))
    }
}
