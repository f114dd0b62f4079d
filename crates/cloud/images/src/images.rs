//! What can be done with images.

use std::sync::Arc;

use gumnut_cloud_accounts::{CloudKeys, Keys};
use gumnut_cloud_catalogue::{
    Caller, Catalogue, Clock, Image, ImageRef, ImageRules, ResourceTag, Tag,
};
use gumnut_cloud_objects::ObjectStore;
use tokio::sync::Semaphore;

use crate::attributes::{self, ImageModification};
use crate::changes::Changes;
use crate::ids::Ids;
use crate::opened::{OpenBundle, Opener};
use crate::register::{self, RegisterRequest, Registrar};
use crate::selection::Selection;
use crate::{ImageError, state, tags};

/// Most manifests that are read and parsed at once.
const MANIFESTS_AT_ONCE: usize = 4;

/// The images of a cloud. Clones share them.
#[derive(Clone, Debug)]
pub struct Images {
    catalogue: Catalogue,
    changes: Changes,
    objects: ObjectStore,
    keys: Keys,
    rules: ImageRules,
    ids: Ids,
    turns: Arc<Semaphore>,
    clock: Clock,
}

impl Images {
    /// Images in this catalogue, whose bundles are in this store of objects and made for these keys.
    pub fn new(
        catalogue: Catalogue,
        objects: ObjectStore,
        keys: Keys,
        rules: ImageRules,
        clock: Clock,
    ) -> Self {
        Self {
            changes: Changes::of(catalogue.clone()),
            catalogue,
            objects,
            keys,
            ids: Ids::new(&rules),
            turns: Arc::new(Semaphore::new(MANIFESTS_AT_ONCE)),
            rules,
            clock,
        }
    }

    /// The images of a dry run: what is asked of them is decided as ever, and nothing changes.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self {
            changes: self.changes.dry(),
            ..self.clone()
        }
    }

    /// How images are registered and shown.
    pub fn rules(&self) -> &ImageRules {
        &self.rules
    }

    /// The cloud's own key and certificate, for which bundles are made.
    ///
    /// # Errors
    /// When they cannot be made or read.
    pub async fn cloud_keys(&self) -> Result<CloudKeys, ImageError> {
        self.keys.of_cloud().await.map_err(ImageError::internal)
    }

    /// Checks everything that the profile checks, in its order, and stores the image under a new id, which it gives. A dry run
    /// checks what needs no look at the manifest, and gives an empty id.
    ///
    /// # Errors
    /// When a check fails, in the words of the profile.
    pub async fn register(
        &self,
        caller: &Caller,
        request: &RegisterRequest,
    ) -> Result<String, ImageError> {
        let cloud = Arc::new(self.cloud_keys().await?);
        let registrar = Registrar {
            catalogue: &self.catalogue,
            objects: &self.objects,
            cloud: &cloud,
            rules: &self.rules,
            ids: &self.ids,
            turns: &self.turns,
            now: self.clock.now_millis(),
        };
        if self.changes.is_dry() {
            register::rehearse(&registrar, caller, request).await?;
            return Ok(String::new());
        }
        register::register(&registrar, caller, request).await
    }

    /// The images that the caller may run and asks for, by id, with the caller's tags.
    ///
    /// # Errors
    /// When an id is asked for that is not there.
    pub async fn select(
        &self,
        caller: &Caller,
        selection: &Selection,
    ) -> Result<Vec<Image>, ImageError> {
        let (profile, now) = (self.rules.profile, self.clock.now_millis());
        let mut images = self.catalogue.images(Some(caller.account.as_str())).await?;
        images.retain(|image| {
            image.usable_by(caller, profile) && !state::is_gone(image, profile, now)
        });
        if let Some(id) = selection.missing(&images, profile) {
            return Err(ImageError::not_found(id));
        }
        images.retain(|image| selection.wants(image, caller, &self.rules));
        Ok(images)
    }

    /// The image with this id, in any case, also one that a caller could not use. `None`: there is none.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn find(&self, id: &str) -> Result<Option<Image>, ImageError> {
        let state = self.catalogue.images_by_id(only(id)).await?;
        Ok(state.images.into_iter().flatten().next())
    }

    /// Opens the bundle of an image with the cloud's key, whatever the profile has checked when it was registered: the manifest must have
    /// this SHA-256, in base64, and be signed by a certificate of the owner or of the cloud, and each part must be there.
    ///
    /// # Errors
    /// When the image is not there, its bundle has changed or cannot be read.
    pub async fn open_bundle(
        &self,
        id: &str,
        manifest_sha256: &str,
    ) -> Result<OpenBundle, ImageError> {
        let image = self.find(id).await?;
        let image = image.ok_or_else(|| ImageError::not_found(id))?;
        let opener = Opener {
            catalogue: &self.catalogue,
            objects: &self.objects,
            cloud: Arc::new(self.cloud_keys().await?),
            profile: self.rules.profile,
            turns: &self.turns,
        };
        opener.open(&image, manifest_sha256).await
    }

    /// Deregisters an image: the first call hides it, the second removes it.
    ///
    /// # Errors
    /// When it is not there, or the caller does not administer it.
    pub async fn deregister(&self, caller: &Caller, id: &str) -> Result<(), ImageError> {
        let (caller, id, profile) = (caller.clone(), id.to_owned(), self.rules.profile);
        self.changes
            .make(only(&id), move |state| {
                state::deregister(state, &caller, &id, profile)
            })
            .await
    }

    /// The image, if the caller may know its attributes: those who administer it, and in the clouds of 2009 and 2010 those who
    /// may run it.
    ///
    /// # Errors
    /// When it is not there, or the caller may not.
    pub async fn attributes(&self, caller: &Caller, id: &str) -> Result<Image, ImageError> {
        let profile = self.rules.profile;
        let state = self.catalogue.images_by_id(only(id)).await?;
        let image = if profile.is_legacy() {
            attributes::visible_image(&state, id, caller, profile)?
        } else {
            attributes::own_image(&state, id, caller, profile)?
        };
        Ok(image.clone())
    }

    /// Modifies an image. The answer is whether that was done, which only Eucalyptus 1.6 may deny without an error.
    ///
    /// # Errors
    /// When it is not there, or the caller does not administer it.
    pub async fn modify(
        &self,
        caller: &Caller,
        id: &str,
        modification: ImageModification,
    ) -> Result<bool, ImageError> {
        let (caller, id, profile) = (caller.clone(), id.to_owned(), self.rules.profile);
        self.changes
            .make(only(&id), move |state| {
                attributes::modify(state, &id, &caller, profile, &modification)
            })
            .await
    }

    /// Takes back all launch permissions of an image.
    ///
    /// # Errors
    /// When it is not there, or the caller does not administer it.
    pub async fn reset_launch_permissions(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(), ImageError> {
        let (caller, id, profile) = (caller.clone(), id.to_owned(), self.rules.profile);
        let owner = self.rules.shown_owner();
        self.changes
            .make(only(&id), move |state| {
                attributes::reset_launch(state, &id, &caller, profile, owner)
            })
            .await
    }

    /// Gives images tags of the caller's account; one with the same key is replaced.
    ///
    /// # Errors
    /// When the caller may not run one of them, or it would have more tags than [`MAX_TAGS`](crate::MAX_TAGS).
    pub async fn put_tags(
        &self,
        caller: &Caller,
        ids: Vec<String>,
        tags: Vec<Tag>,
    ) -> Result<(), ImageError> {
        let (caller, profile) = (caller.clone(), self.rules.profile);
        self.changes
            .make(tagged(&ids, &caller), move |state| {
                tags::put(state, &ids, &caller, profile, &tags)
            })
            .await
    }

    /// Takes tags of the caller's account from images: keys with a value go if that is the value they have, others whatever
    /// it is.
    ///
    /// # Errors
    /// When the caller may not run one of the images.
    pub async fn delete_tags(
        &self,
        caller: &Caller,
        ids: Vec<String>,
        keys: Vec<(String, Option<String>)>,
    ) -> Result<(), ImageError> {
        let (caller, profile) = (caller.clone(), self.rules.profile);
        self.changes
            .make(tagged(&ids, &caller), move |state| {
                tags::delete(state, &ids, &caller, profile, &keys)
            })
            .await
    }

    /// All tags of the caller's account.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn tags(&self, caller: &Caller) -> Result<Vec<ResourceTag>, ImageError> {
        Ok(self.catalogue.tags(caller.account.as_str()).await?)
    }
}

/// Refers to one image.
fn only(id: &str) -> ImageRef {
    ImageRef {
        ids: vec![id.to_owned()],
        tags_of: None,
    }
}

/// Refers to images with the tags of the caller's account.
fn tagged(ids: &[String], caller: &Caller) -> ImageRef {
    ImageRef {
        ids: ids.to_vec(),
        tags_of: Some(caller.account.to_string()),
    }
}
