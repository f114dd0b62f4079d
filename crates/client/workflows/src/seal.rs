//! One image, sealed straight into the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use gumnut_bundle::{BundleMeta, BundleOptions, ImageSource};
use gumnut_crypto::{BundleIv, BundleKey, HexRule, WrappedSecret};
use gumnut_types::ManifestLocation;

use crate::journal::{Record, Sealing, StoredPart};
use crate::run::Run;
use crate::source::Image;
use crate::upload::Upload;
use crate::{Step, WorkflowError};

/// How often an image is begun again because it is not what its stored parts were made of.
const RESTARTS: u32 = 1;

impl Run<'_> {
    /// Seals an image into the store, and gives its signed manifest.
    pub(crate) async fn seal(
        &mut self,
        image: &Image,
        meta: BundleMeta,
        location: &ManifestLocation,
        mut kept: BTreeMap<u32, StoredPart>,
    ) -> Result<String, WorkflowError> {
        let role = image.role;
        let mut restarts = 0;
        let mut sealing = self.state(role).sealing;
        loop {
            let opened = sealing.as_ref().and_then(|sealing| self.secrets(sealing));
            let (secrets, form) = if let (Some(secrets), Some(sealing)) = (opened, &sealing) {
                (secrets, sealing.form.clone())
            } else {
                kept.clear();
                let (secrets, new) = self.new_sealing(location)?;
                let form = new.form.clone();
                self.journal.write(Record::Sealing { role, sealing: new })?;
                (secrets, form)
            };
            let upload = Upload {
                image: ImageSource::open(&image.path)?,
                meta: meta.clone(),
                cloud: self.publisher.keys.cloud.public_key().clone(),
                user: self.publisher.keys.user.public_key().clone(),
                secrets,
                options: BundleOptions {
                    part_size: form.part_size,
                    jobs: self.publisher.threads,
                    level: form.level,
                    tar: form.tar(),
                },
                kept: std::mem::take(&mut kept),
                jobs: self.publisher.jobs,
            };
            self.publisher.observer.step(&Step::Bundling {
                role,
                location,
                bytes: upload.image.size(),
                kept: upload.kept.len(),
            });
            self.written = true;
            let journal = &mut *self.journal;
            let stored = |part| journal.write(Record::Stored { role, part });
            let observer = Arc::clone(&self.publisher.observer);
            match upload.run(self.destination, observer, stored).await {
                Err(WorkflowError::Differs) if restarts < RESTARTS => {
                    restarts += 1;
                    sealing = None;
                }
                Err(error) => return Err(error),
                Ok(bundled) => {
                    let key = &self.publisher.keys.private_key;
                    let manifest = bundled.into_manifest()?.sign(key)?;
                    let manifest = String::from_utf8_lossy(manifest.bytes()).into_owned();
                    self.journal.write(Record::Sealed {
                        role,
                        manifest: manifest.clone(),
                    })?;
                    return Ok(manifest);
                }
            }
        }
    }

    /// The key and iv of an earlier attempt, if they can be opened.
    fn secrets(&self, sealing: &Sealing) -> Option<(BundleKey, BundleIv)> {
        let key = &self.publisher.keys.private_key;
        let secret = sealing.key.unwrap_key(key, HexRule::Exact).ok()?;
        Some((secret, sealing.iv.unwrap_iv(key, HexRule::Exact).ok()?))
    }

    fn new_sealing(
        &self,
        location: &ManifestLocation,
    ) -> Result<((BundleKey, BundleIv), Sealing), WorkflowError> {
        let (key, iv) = (BundleKey::generate()?, BundleIv::generate()?);
        let user = self.publisher.keys.user.public_key();
        let sealing = Sealing {
            location: location.clone(),
            key: WrappedSecret::wrap_key(user, &key)?,
            iv: WrappedSecret::wrap_iv(user, &iv)?,
            form: self.plan.form.clone(),
        };
        Ok(((key, iv), sealing))
    }
}
