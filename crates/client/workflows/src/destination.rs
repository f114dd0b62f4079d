//! Where the objects of a bundle go.

use gumnut_transport::TransportError;
use gumnut_types::{BucketName, ManifestLocation};
use gumnut_walrus_client::{BucketState, CannedAcl, Content, ObjectHead, PutOptions, WalrusClient};

use crate::{BucketPrefix, Observer, Step, WorkflowError};

/// The metadata that says what a manifest was made of.
const SOURCE: &str = "gumnut-source";

/// What a store has where an object would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Nothing.
    Missing,
    /// An object of this content, as far as its size and tag show.
    Same,
    /// Another content, or one whose tag says nothing.
    Other,
}

/// A place in an object store where the objects of a bundle are put.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The store.
    pub store: WalrusClient,
    /// Bucket, and what comes before every key.
    pub target: BucketPrefix,
    /// Who may read the objects; `None` leaves it to the store.
    pub acl: Option<CannedAcl>,
}

impl Destination {
    /// Makes sure of the bucket. A missing one is made at `location`, a region's `LocationConstraint`; `None`: where the store
    /// makes buckets.
    ///
    /// # Errors
    /// [`WorkflowError::CheckBucket`] and [`WorkflowError::CreateBucket`] when the store refuses or does not answer.
    pub async fn prepare(
        &self,
        location: Option<&str>,
        observer: &dyn Observer,
    ) -> Result<(), WorkflowError> {
        let bucket = self.bucket();
        observer.step(&Step::CheckingBucket { bucket });
        if self.is_missing().await? {
            observer.step(&Step::MakingBucket { bucket });
            self.store
                .create_bucket(bucket, location)
                .await
                .map_err(|source| WorkflowError::CreateBucket {
                    bucket: bucket.clone(),
                    source,
                })?;
        }
        observer.step(&Step::BucketReady { bucket });
        Ok(())
    }

    /// Puts an object.
    ///
    /// # Errors
    /// [`WorkflowError::AclRefused`] when the store refuses because of the ACL, [`WorkflowError::WriteObject`] when it refuses
    /// otherwise or does not answer.
    pub async fn put(&self, name: &str, content: &Content) -> Result<(), WorkflowError> {
        self.put_with(name, content, &[])
            .await
            .map_err(|error| match error {
                WorkflowError::Transport(source) => match self.target.key(name) {
                    Ok(key) => WorkflowError::WriteObject { key, source },
                    Err(error) => error,
                },
                error => error,
            })
    }

    /// Puts an object, unless the store has it already; says whether it was sent.
    ///
    /// # Errors
    /// When the store refuses or does not answer.
    pub async fn put_if_missing(
        &self,
        name: &str,
        content: &Content,
    ) -> Result<bool, WorkflowError> {
        let is_there = self.stored(name, content).await? == Stored::Same;
        if !is_there {
            self.put(name, content).await?;
        }
        Ok(!is_there)
    }

    /// What the store has where an object of this name and content would be.
    pub(crate) async fn stored(
        &self,
        name: &str,
        content: &Content,
    ) -> Result<Stored, WorkflowError> {
        let key = self.target.key(name)?;
        Ok(match self.store.head_object(self.bucket(), &key).await? {
            None => Stored::Missing,
            Some(head) if head.size == content.length() && head.etag == content.md5_hex() => {
                Stored::Same
            }
            Some(_) => Stored::Other,
        })
    }

    /// Whether the bucket would have to be made.
    pub(crate) async fn is_missing(&self) -> Result<bool, WorkflowError> {
        let bucket = self.bucket();
        let state = self.store.bucket_state(bucket).await;
        let state = state.map_err(|source| match source {
            // Then it is no matter of the bucket.
            TransportError::Unreachable { .. } | TransportError::WrongScheme { .. } => {
                WorkflowError::Transport(source)
            }
            source => WorkflowError::CheckBucket {
                bucket: bucket.clone(),
                source,
            },
        })?;
        Ok(state == BucketState::Missing)
    }

    /// Puts an object with user-defined metadata (`x-amz-meta-NAME`), given as names and values.
    ///
    /// # Errors
    /// [`WorkflowError::AclRefused`] when the store refuses because of the ACL, [`WorkflowError::Transport`] when it refuses
    /// otherwise or does not answer, [`WorkflowError::Key`] when no object can have that key.
    pub async fn put_with(
        &self,
        name: &str,
        content: &Content,
        metadata: &[(&str, &str)],
    ) -> Result<(), WorkflowError> {
        let key = self.target.key(name)?;
        let options = PutOptions {
            acl: self.acl,
            metadata,
        };
        let put = self.store.put_object(self.bucket(), &key, content, options);
        match put.await {
            Ok(_) => Ok(()),
            Err(error) if self.acl.is_some() && CannedAcl::is_refused_by(&error) => {
                Err(WorkflowError::AclRefused(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a manifest, whose metadata `gumnut-source` says what it was made of: `source`, a text that is compared and never
    /// taken apart.
    ///
    /// # Errors
    /// [`WorkflowError::AclRefused`] when the store refuses because of the ACL, [`WorkflowError::Transport`] when it refuses
    /// otherwise or does not answer, [`WorkflowError::Key`] when no object can have that key.
    pub async fn put_manifest(
        &self,
        name: &str,
        content: &Content,
        source: &str,
    ) -> Result<(), WorkflowError> {
        self.put_with(name, content, &[(SOURCE, source)]).await
    }

    pub(crate) fn bucket(&self) -> &BucketName {
        &self.target.bucket
    }

    /// Where an object of this name is.
    pub(crate) fn location(&self, name: &str) -> Result<ManifestLocation, WorkflowError> {
        self.target.location(name)
    }

    /// The head of the manifest at a location and the value of its metadata `gumnut-source`, which says what it was made of
    /// (`None`: it has none). `None`: there is no such object.
    ///
    /// # Errors
    /// [`WorkflowError::Transport`] when the store refuses or does not answer.
    pub async fn manifest(
        &self,
        location: &ManifestLocation,
    ) -> Result<Option<(ObjectHead, Option<String>)>, WorkflowError> {
        let head = self.store.head_object(&location.bucket, &location.key);
        Ok(head.await?.map(|head| {
            let source = head.metadata.get(SOURCE).cloned();
            (head, source)
        }))
    }
}
