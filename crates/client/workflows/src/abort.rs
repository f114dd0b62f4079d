//! Giving up a run and taking back what it left in the cloud.

use gumnut_transport::TransportError;
use gumnut_types::{BucketName, ImageId, ManifestLocation};

use crate::journal::{ImageState, Journal, State};
use crate::publisher::blocking;
use crate::run::Run;
use crate::{Publisher, RunId, Step, WorkflowError};

/// What was removed when a run was given up.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Removed {
    /// Images that are no longer registered.
    pub images: Vec<ImageId>,
    /// Objects that are gone.
    pub objects: Vec<String>,
    /// The bucket, if the run had made it and nothing else is in it.
    pub bucket: Option<BucketName>,
    /// Bundles that were left alone, because another run has written them since.
    pub left: Vec<ManifestLocation>,
}

impl Publisher {
    /// Removes what an unfinished run left in the cloud and on this machine.
    ///
    /// # Errors
    /// When there is no such run, it is complete or for another cloud, or the cloud refuses. What is left can be removed by
    /// another call.
    pub async fn abort(&self, id: &RunId) -> Result<Removed, WorkflowError> {
        let folder = self.runs.existing(id)?;
        let observer = std::sync::Arc::clone(&self.observer);
        let mut journal = blocking({
            let (folder, id) = (folder.clone(), id.clone());
            move || Journal::open(&folder, || observer.step(&Step::Waiting { run: &id }))
        })
        .await?;
        let State {
            begun,
            bucket,
            images,
            complete,
            ..
        } = journal.state().clone();
        let begun = begun.ok_or_else(|| WorkflowError::NoRun(id.clone()))?;
        if complete.is_some() {
            return Err(WorkflowError::Complete(id.clone()));
        }
        if begun.site != self.cloud.endpoints()? {
            return Err(WorkflowError::OtherSite {
                run: id.clone(),
                site: begun.site,
            });
        }
        let destination = self.destination(&begun.plan)?;
        let run = Run::new(
            self,
            &begun.plan,
            &destination,
            &begun.identity,
            &mut journal,
        );
        let mut removed = Removed::default();
        // The machine image first: it needs the others.
        for state in images.into_values().rev() {
            run.remove(&state, &mut removed).await?;
        }
        if let Some(bucket) = bucket {
            removed.bucket = self.remove_bucket(bucket).await?;
        }
        folder.remove()?;
        Ok(removed)
    }

    async fn remove_bucket(&self, bucket: BucketName) -> Result<Option<BucketName>, WorkflowError> {
        match self.cloud.store()?.delete_bucket(&bucket).await {
            Ok(()) => Ok(Some(bucket)),
            Err(error) if code(&error) == "BucketNotEmpty" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Run<'_> {
    async fn remove(&self, state: &ImageState, removed: &mut Removed) -> Result<(), WorkflowError> {
        let Some(sealing) = &state.sealing else {
            return Ok(());
        };
        let location = &sealing.location;
        let there = self.destination.manifest(location).await?;
        let other = there
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
        if let Some(id) = id {
            let done = self.publisher.cloud.ec2()?.deregister_image(&id).await;
            match done {
                Err(error) if code(&error).starts_with("InvalidAMIID") => {}
                done => done?,
            }
            removed.images.push(id);
        }
        let store = &self.destination.store;
        // A manifest whose parts are gone would be worse than parts without one.
        let mut keys = vec![location.key.clone()];
        for object in self.destination.objects(&location.key).await? {
            let parsed = object.key.parse().ok();
            keys.extend(parsed.filter(|key| *key != location.key));
        }
        for key in keys {
            store.delete_object(&location.bucket, &key).await?;
            removed.objects.push(key.to_string());
        }
        Ok(())
    }
}

fn code(error: &TransportError) -> &str {
    error.refusal().map_or("", |refusal| &refusal.code)
}
