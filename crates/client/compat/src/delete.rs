//! `euca-delete-bundle`, `ec2-delete-bundle`

use std::path::Path;

use clap::Args;
use gumnut_terminal::Signature;
use gumnut_types::{Limits, ManifestLocation, ObjectKey};
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::ImagesInUse;

use super::call::Call;
use super::dialect::Dialect;
use super::in_use;
use super::options::{AnyKeys, Calling, Calls, Service, given};
use super::report::Coded;
use super::selector::{self, Meaning, Selected, Selector};
use super::tool::Tool;
use super::upload::parse_sigv;

/// The exit code of ec2-ami-tools where not everything could be deleted, or nobody confirmed it.
const NOT_DELETED: u8 = 5;

/// Delete a bundle from the object store
#[derive(Args)]
pub(super) struct DeleteBundle {
    #[command(flatten)]
    selector: Selector,
    /// Also delete the bucket if it is empty
    #[arg(long)]
    clear: bool,
    #[arg(long, hide = true)]
    retry: bool,
    #[arg(long, hide = true)]
    batch: bool,
    #[arg(long, value_name = "VERSION", hide = true, value_parser = parse_sigv)]
    sigv: Option<Signature>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DeleteBundle {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn signature(&self) -> Option<Signature> {
        self.sigv
    }

    fn meaningless(&self) -> Vec<&'static str> {
        given(&[("--retry", self.retry), ("--batch", self.batch)])
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let meaning = match call.dialect {
            Dialect::Euca34 => Meaning::Name,
            Dialect::Euca2010 | Dialect::AmiTools => Meaning::File,
        };
        let selected = self.selector.select(meaning, None)?;
        let session = &call.session;
        let settings = session.settings()?;
        let store = session.walrus(&settings)?;
        let images = Images {
            call,
            images: in_use::images(call, &settings).await,
        };
        let deleted = self.delete(call, &store, &images, selected).await;
        if call.dialect == Dialect::AmiTools {
            return deleted.map_err(|error| {
                let message = error.to_string();
                error.context(Coded {
                    code: NOT_DELETED,
                    message,
                })
            });
        }
        deleted
    }
}

impl DeleteBundle {
    async fn delete(
        &self,
        call: &Call,
        store: &WalrusClient,
        images: &Images<'_>,
        selected: Selected,
    ) -> Result<(), anyhow::Error> {
        match selected {
            Selected::Stored(location) => self.one(store, images, None, &location).await?,
            // The local file is kept: it is not in the bucket.
            Selected::Local(path, location) => {
                self.one(store, images, Some(&path), &location).await?;
            }
            Selected::Prefix(prefix) if call.dialect == Dialect::AmiTools => {
                self.by_names(store, images, &prefix).await?;
            }
            Selected::Prefix(prefix) => {
                let location = self.selector.of_prefix(&prefix)?;
                self.one(store, images, None, &location).await?;
            }
            Selected::All => {
                for location in self.selector.all(store).await? {
                    self.one(store, images, None, &location).await?;
                }
            }
        }
        if self.clear {
            store.delete_bucket(&self.selector.target().bucket).await?;
        }
        Ok(())
    }

    async fn one(
        &self,
        store: &WalrusClient,
        images: &Images<'_>,
        local: Option<&Path>,
        location: &ManifestLocation,
    ) -> Result<(), anyhow::Error> {
        let gone = local.is_none()
            && self.clear
            && store
                .head_object(&location.bucket, &location.key)
                .await?
                .is_none();
        if gone {
            return Ok(());
        }
        let (manifest, _) = selector::read(store, local, location).await?;
        let bundle = selector::stored(store, location);
        let parts = manifest.parts.iter();
        let keys: Vec<_> = parts
            .filter_map(|part| bundle.part_key(&part.name).ok())
            .collect();
        images.warn(store, location, &keys).await;
        Ok(selector::stored(store, location)
            .delete(&manifest.parts)
            .await?)
    }

    /// Deletes what is called like a bundle of this prefix, and nothing else: parts first.
    async fn by_names(
        &self,
        store: &WalrusClient,
        images: &Images<'_>,
        prefix: &str,
    ) -> Result<(), anyhow::Error> {
        let target = self.selector.target();
        let start = target.key(prefix)?;
        let listed = store.list_objects(&target.bucket, start.as_str()).await?;
        // Manifests go last, so that an interrupted run can be repeated.
        let mut keys: Vec<ObjectKey> = Vec::new();
        for belongs in [is_part_ending as fn(&str) -> bool, is_manifest_ending] {
            for object in &listed {
                let ending = object.key.strip_prefix(start.as_str());
                if ending.is_some_and(belongs) {
                    keys.push(object.key.parse()?);
                }
            }
        }
        if let Some(last) = keys.last() {
            let location = ManifestLocation {
                bucket: target.bucket.clone(),
                key: last.clone(),
            };
            images.warn(store, &location, &keys).await;
        }
        for key in &keys {
            store.delete_object(&target.bucket, key).await?;
        }
        Ok(())
    }
}

/// The registered images of the cloud, for a warning that the old tools never had.
struct Images<'a> {
    call: &'a Call,
    /// `None`: the cloud does not say.
    images: Option<ImagesInUse>,
}

impl Images<'_> {
    /// Warns where an image needs a bundle that is going to be deleted, or one of its objects.
    async fn warn(&self, store: &WalrusClient, location: &ManifestLocation, objects: &[ObjectKey]) {
        let Some(images) = &self.images else {
            return;
        };
        let needing = images
            .needing(store, location, objects, &Limits::default())
            .await
            .unwrap_or_default();
        for id in needing {
            self.call.say(&format!(
                "warning: {location} is the bundle of the registered image {id}, which can no longer be started"
            ));
        }
    }
}

fn is_part_ending(ending: &str) -> bool {
    let digits = ending.strip_prefix(".part.").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_manifest_ending(ending: &str) -> bool {
    [".manifest", ".manifest.xml"].contains(&ending)
}
