//! What registering needs beside the request, and the last step of every profile.

use std::sync::Arc;

use gumnut_cloud_accounts::CloudKeys;
use gumnut_cloud_catalogue::{
    Caller, Catalogue, CatalogueError, Conflict, Image, ImageChange, ImageRef, ImageRules,
    ImagesState,
};
use gumnut_cloud_objects::ObjectStore;
use gumnut_crypto::PublicKey;
use tokio::sync::Semaphore;

use crate::ids::Ids;
use crate::state::rows_gone_before;
use crate::{ImageError, ImageErrorKind};

/// What registering needs beside the request.
pub(crate) struct Registrar<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) objects: &'a ObjectStore,
    pub(crate) cloud: &'a Arc<CloudKeys>,
    pub(crate) rules: &'a ImageRules,
    pub(crate) ids: &'a Ids,
    /// Who has one may read a manifest.
    pub(crate) turns: &'a Semaphore,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Why an image is not stored.
enum StoreError {
    Refused(ImageError),
    Catalogue(CatalogueError),
}

impl From<CatalogueError> for StoreError {
    fn from(error: CatalogueError) -> Self {
        Self::Catalogue(error)
    }
}

/// The images that an image names, as the catalogue has them.
pub(super) struct Named<'a> {
    /// `None` when the image names no kernel, or one that is not there.
    pub(super) kernel: Option<&'a Image>,
    /// `None` when the image names no ramdisk, or one that is not there.
    pub(super) ramdisk: Option<&'a Image>,
}

impl<'a> Named<'a> {
    /// Of a state that [`references`] of the image has asked for.
    fn of(image: &Image, state: &'a ImagesState) -> Self {
        Self::with(image.kernel.as_ref(), image.ramdisk.as_ref(), state)
    }

    /// Of a state that [`ids`] of both has asked for.
    fn with(kernel: Option<&String>, ramdisk: Option<&String>, state: &'a ImagesState) -> Self {
        let mut found = state.images.iter();
        let mut next = |id: Option<&String>| id.and_then(|_| found.next()?.as_ref());
        Self {
            kernel: next(kernel),
            ramdisk: next(ramdisk),
        }
    }
}

/// Refers to the kernel and the ramdisk that the image names.
fn references(image: &Image) -> ImageRef {
    ids(image.kernel.as_ref(), image.ramdisk.as_ref())
}

/// Refers to a kernel and a ramdisk.
fn ids(kernel: Option<&String>, ramdisk: Option<&String>) -> ImageRef {
    ImageRef {
        ids: kernel.into_iter().chain(ramdisk).cloned().collect(),
        tags_of: None,
    }
}

impl Registrar<'_> {
    /// The public keys of the caller's certificates.
    pub(super) async fn certificates(&self, caller: &Caller) -> Result<Vec<PublicKey>, ImageError> {
        let keys = gumnut_cloud_accounts::certificate_keys(self.catalogue, &caller.account);
        Ok(keys.await?)
    }

    /// Looks at a kernel and a ramdisk that a request names.
    pub(super) async fn look_at(
        &self,
        kernel: Option<&String>,
        ramdisk: Option<&String>,
        check: impl FnOnce(&Named<'_>) -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        let state = self.catalogue.images_by_id(ids(kernel, ramdisk)).await?;
        check(&Named::with(kernel, ramdisk, &state))
    }

    /// Looks at what the image names now. It may be otherwise when the image is stored.
    pub(super) async fn look_up(
        &self,
        image: &Image,
        check: impl FnOnce(&Image, &Named<'_>) -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        let state = self.catalogue.images_by_id(references(image)).await?;
        check(image, &Named::of(image, &state))
    }

    /// Stores the image under a new id, which it gives, if what it names passes the check.
    pub(super) async fn store(
        &self,
        image: Image,
        check: impl Fn(&Image, &Named<'_>) -> Result<(), ImageError> + Clone + Send + 'static,
    ) -> Result<String, ImageError> {
        let profile = self.rules.profile;
        let (location, account) = (image.location.clone(), image.owner.clone());
        let mut next = self.ids.next(self.now).await;
        loop {
            let mut image = image.clone();
            image.id = next.candidate(image.class, &image.location)?;
            let check = check.clone();
            let stored = self
                .catalogue
                .change_images(references(&image), move |state| {
                    check(&image, &Named::of(&image, state)).map_err(StoreError::Refused)?;
                    let change = ImageChange {
                        insert: Some(Box::new(image.clone())),
                        remove_deregistered_before: Some(rows_gone_before(profile, state.now)),
                        ..ImageChange::default()
                    };
                    Ok((change, image.id.clone()))
                });
            match stored.await {
                Ok(id) => {
                    next.used();
                    tracing::info!(id, location, %account, "registered");
                    return Ok(id);
                }
                // Somebody has it: the next candidate is another one.
                Err(StoreError::Catalogue(CatalogueError::Conflict(Conflict::ImageId(_)))) => {}
                Err(StoreError::Catalogue(CatalogueError::Conflict(Conflict::ImageName {
                    name,
                    id,
                }))) => return Err(name_in_use(&name, &id)),
                Err(StoreError::Catalogue(error)) => return Err(error.into()),
                Err(StoreError::Refused(refusal)) => return Err(refusal),
            }
        }
    }
}

/// The refusal of a name that the image `id` has.
pub(super) fn name_in_use(name: &str, id: &str) -> ImageError {
    let message = format!("AMI name {name} is already in use by EMI {id}");
    ImageError::new(ImageErrorKind::DuplicateName, message)
}
