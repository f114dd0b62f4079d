//! Giving up a run and taking back what it left in the cloud.

use gumnut_transport::TransportError;
use gumnut_types::{BucketName, ImageId, Limits, ManifestLocation, ObjectKey};
use gumnut_workflows::{ImagesInUse, Step, WorkflowError};

use crate::journal::ImageState;
use crate::run::Run;

/// What was removed when a run was given up.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Removed {
    /// Images that are no longer registered.
    pub images: Vec<ImageId>,
    /// Objects that are gone.
    pub objects: Vec<String>,
    /// Bytes of these objects, as far as the store listed them.
    pub bytes: u64,
    /// The bucket, if the run had made it and nothing else is in it.
    pub bucket: Option<BucketName>,
    /// Bundles that were left alone with their images, because another run has written them since or another image needs them.
    pub left: Vec<ManifestLocation>,
}

impl Run<'_> {
    /// Removes what the run left in the cloud and on this machine, unless it is complete by now.
    pub(crate) async fn abort(self) -> Result<Removed, WorkflowError> {
        let state = self.journal.state().clone();
        if state.begun.is_none() {
            // Another process has given it up while this one waited for it.
            self.folder.remove()?;
            return Err(WorkflowError::NoRun(self.id));
        }
        if state.complete.is_some() {
            return Err(WorkflowError::Complete(self.id));
        }
        let mut removed = Removed::default();
        // The machine image first: it needs the others.
        for (_, image) in state.in_order().rev() {
            self.remove(image, &mut removed).await?;
        }
        if let Some(bucket) = state.bucket {
            removed.bucket = self.remove_bucket(bucket).await?;
        }
        self.folder.remove()?;
        Ok(removed)
    }

    async fn remove_bucket(&self, bucket: BucketName) -> Result<Option<BucketName>, WorkflowError> {
        match self.destination.store.delete_bucket(&bucket).await {
            Ok(()) => Ok(Some(bucket)),
            Err(error) if code(&error) == "BucketNotEmpty" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&self, state: &ImageState, removed: &mut Removed) -> Result<(), WorkflowError> {
        let Some(sealing) = &state.sealing else {
            return Ok(());
        };
        let location = &sealing.location;
        let other = self
            .destination
            .manifest(location)
            .await?
            .and_then(|(_, source)| source)
            .is_some_and(|source| source != self.identity);
        if other {
            removed.left.push(location.clone());
            return Ok(());
        }
        let id = match &state.registered {
            Some((id, _)) => Some(id.clone()),
            None if state.registering => self.find(location).await?,
            None => None,
        };
        let store = &self.destination.store;
        // A manifest whose parts are gone would be worse than parts without one.
        let (mut keys, mut bytes) = (vec![location.key.clone()], 0);
        for object in self.objects(&location.key).await? {
            bytes += object.size;
            let key = object.key.parse().ok();
            keys.extend(key.filter(|key| *key != location.key));
        }
        if self
            .is_needed(id.as_ref(), location, &keys, removed)
            .await?
        {
            removed.left.push(location.clone());
            return Ok(());
        }
        if let Some(id) = id {
            self.observer.step(&Step::Deregistering { id: &id });
            match self.setup.cloud.ec2()?.deregister_image(&id).await {
                Err(error) if code(&error).starts_with("InvalidAMIID") => {}
                done => done?,
            }
            removed.images.push(id);
        }
        self.observer.step(&Step::Deleting { location });
        removed.bytes += bytes;
        for key in keys {
            store.delete_object(&location.bucket, &key).await?;
            removed.objects.push(key.to_string());
        }
        Ok(())
    }

    /// Whether an image that is not of this run needs this kernel or ramdisk, or one of these objects.
    async fn is_needed(
        &self,
        id: Option<&ImageId>,
        location: &ManifestLocation,
        keys: &[ObjectKey],
        removed: &Removed,
    ) -> Result<bool, WorkflowError> {
        if !self.setup.cloud.has_ec2() {
            return Ok(false);
        }
        let own: Vec<_> = removed.images.iter().chain(id).cloned().collect();
        let others = ImagesInUse::list(self.setup.cloud.ec2()?)
            .await?
            .without(&own);
        let is_used = id.is_some_and(|id| !others.users_of(id).is_empty());
        let store = &self.destination.store;
        let limits = Limits::default();
        Ok(is_used
            || !others
                .needing(store, location, keys, &limits)
                .await?
                .is_empty())
    }
}

fn code(error: &TransportError) -> &str {
    error.refusal().map_or("", |refusal| &refusal.code)
}
