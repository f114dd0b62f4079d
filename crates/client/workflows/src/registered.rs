//! The images that are registered from a location, and a request that registers one only once.

use std::time::Duration;

use gumnut_ec2_client::{DescribeImages, Ec2Client, Image, RegisterImage};
use gumnut_transport::TransportError;
use gumnut_types::{ImageClass, ImageId, Limits, ManifestLocation, ObjectKey};
use gumnut_walrus_client::WalrusClient;

use crate::{StoredBundle, WorkflowError};

/// How often the cloud is asked before it is taken for dead.
const ATTEMPTS: u32 = 5;
/// The wait after the first failure; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// States of images that nobody can start any more.
const DEAD: [&str; 2] = ["deregistered", "failed"];

/// The images of the account that asks, as the EC2 service shows them.
#[derive(Clone, Debug, Default)]
pub struct OwnImages(Vec<Image>);

impl OwnImages {
    /// Asks for them: `DescribeImages` with the owner `self`.
    ///
    /// # Errors
    /// [`WorkflowError::Transport`] when the cloud refuses or does not answer.
    pub async fn list(ec2: &Ec2Client) -> Result<Self, WorkflowError> {
        let wanted = DescribeImages {
            owners: vec!["self".to_owned()],
            ..DescribeImages::default()
        };
        Ok(Self(ec2.describe_images(&wanted).await?))
    }

    /// The id of the image that is registered from the manifest at `location`. `None`: there is none, or it is deregistered or
    /// failed.
    pub fn registered_from(&self, location: &ManifestLocation) -> Option<ImageId> {
        let text = location.to_string();
        self.alive()
            .find(|image| {
                let shown = image.location.as_deref().unwrap_or_default();
                shown.trim_start_matches('/') == text
            })
            .and_then(|image| image.image_id.parse().ok())
    }

    /// The id of the image with this name, if it can be started. `None`: there is none.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.alive()
            .find(|image| image.name.as_deref() == Some(name))
            .map(|image| image.image_id.as_str())
    }

    /// Whether one of them is registered from a location that begins with `prefix`, as in `images/web/`.
    pub fn any_below(&self, prefix: &str) -> bool {
        self.alive().any(|image| {
            let shown = image.location.as_deref().unwrap_or_default();
            shown.trim_start_matches('/').starts_with(prefix)
        })
    }

    /// Whether one of them is of this class.
    pub fn has(&self, class: ImageClass) -> bool {
        self.alive()
            .any(|image| image.image_type.as_deref() == Some(class.as_str()))
    }

    fn alive(&self) -> impl Iterator<Item = &Image> {
        self.0.iter().filter(|image| is_alive(image))
    }
}

/// The images of a cloud that somebody can still start, as far as it shows them to the account that asks: what they need must not
/// be taken away.
#[derive(Clone, Debug, Default)]
pub struct ImagesInUse(Vec<Image>);

impl ImagesInUse {
    /// Asks for them: `DescribeImages`; in a cloud with more images than are read, with the owner `self`.
    ///
    /// # Errors
    /// [`WorkflowError::Transport`] when the cloud refuses or does not answer.
    pub async fn list(ec2: &Ec2Client) -> Result<Self, WorkflowError> {
        let all = match ec2.describe_images(&DescribeImages::default()).await {
            Err(TransportError::Malformed { .. }) => OwnImages::list(ec2).await?.0,
            all => all?,
        };
        Ok(Self::of(all))
    }

    /// Those of these images that somebody can still start.
    pub(crate) fn of(images: Vec<Image>) -> Self {
        Self(images.into_iter().filter(is_alive).collect())
    }

    /// These without the images of these ids.
    #[must_use]
    pub fn without(mut self, ids: &[ImageId]) -> Self {
        self.0.retain(|image| {
            let is_one = |id: &ImageId| image.image_id.eq_ignore_ascii_case(id.as_str());
            !ids.iter().any(is_one)
        });
        self
    }

    /// The ids of the images that have this kernel or ramdisk.
    pub fn users_of(&self, id: &ImageId) -> Vec<String> {
        let users = self.0.iter().filter(|image| {
            [&image.kernel_id, &image.ramdisk_id]
                .into_iter()
                .flatten()
                .any(|named| named.eq_ignore_ascii_case(id.as_str()))
        });
        users.map(|image| image.image_id.clone()).collect()
    }

    /// The ids of the images that need one of these objects, which are in the bucket and directory of `location`: their manifest is
    /// there, or among the objects, or lists one of them as a part. A manifest in the same directory is read.
    ///
    /// # Errors
    /// When the store refuses or does not answer; a manifest that is gone, or none, lists nothing.
    pub async fn needing(
        &self,
        store: &WalrusClient,
        location: &ManifestLocation,
        objects: &[ObjectKey],
        limits: &Limits,
    ) -> Result<Vec<String>, WorkflowError> {
        let mut needing = Vec::new();
        for image in &self.0 {
            let Some(manifest) = manifest_of(image) else {
                continue;
            };
            if manifest.bucket != location.bucket {
                continue;
            }
            let is_named = manifest.key == location.key || objects.contains(&manifest.key);
            let is_beside = folder(&manifest.key) == folder(&location.key);
            if is_named || is_beside && lists(store, manifest, objects, limits).await? {
                needing.push(image.image_id.clone());
            }
        }
        Ok(needing)
    }
}

/// Whether somebody can still start an image.
pub(crate) fn is_alive(image: &Image) -> bool {
    !DEAD.contains(&image.state.as_deref().unwrap_or_default())
}

/// Where the manifest of an image is; `None`: it is made of something else.
pub(crate) fn manifest_of(image: &Image) -> Option<ManifestLocation> {
    image.location.as_deref()?.parse().ok()
}

/// What comes before the last slash of a key.
fn folder(key: &ObjectKey) -> &str {
    key.as_str()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
}

/// Whether the manifest at a location lists one of these objects as a part.
async fn lists(
    store: &WalrusClient,
    location: ManifestLocation,
    objects: &[ObjectKey],
    limits: &Limits,
) -> Result<bool, WorkflowError> {
    let bundle = StoredBundle {
        store: store.clone(),
        location,
    };
    let manifest = match bundle.manifest(limits).await {
        Err(WorkflowError::StoredManifest { .. }) => return Ok(false),
        Err(WorkflowError::Transport(error))
            if error.refusal().is_some_and(|refusal| refusal.status == 404) =>
        {
            return Ok(false);
        }
        manifest => manifest?,
    };
    let mut parts = manifest.manifest().parts.iter();
    Ok(parts.any(|part| {
        bundle
            .part_key(&part.name)
            .is_ok_and(|key| objects.contains(&key))
    }))
}

/// Registers an image with `RegisterImage`, asking until there is an answer. Before each further request it looks whether an
/// earlier one was heard: whether one of the caller's images is registered from `location`, the one that the request names.
///
/// # Errors
/// [`WorkflowError::Transport`] when the cloud refuses, and when it does not answer five times.
pub async fn register_once(
    ec2: &Ec2Client,
    request: &RegisterImage,
    location: &ManifestLocation,
) -> Result<ImageId, WorkflowError> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        if attempt > 1
            && let Some(id) = OwnImages::list(ec2).await?.registered_from(location)
        {
            return Ok(id);
        }
        match ec2.register_image_once(request).await {
            Ok(id) => return Ok(id),
            Err(error) if attempt < ATTEMPTS && may_have_been_heard(&error) => {
                tracing::info!(%error, ?wait, "sending the request again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(WorkflowError::Died)
}

/// Whether the cloud may have done it although it did not say so.
fn may_have_been_heard(error: &TransportError) -> bool {
    match error {
        TransportError::Network { .. }
        | TransportError::Timeout { .. }
        | TransportError::Malformed { .. } => true,
        TransportError::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
        _ => false,
    }
}
