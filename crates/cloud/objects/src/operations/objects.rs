//! What can be done with objects.

use bytes::Bytes;
use futures::Stream;
use gumnut_cloud_blobs::BlobError;
use gumnut_cloud_catalogue::{
    ChecksumAlgorithm, Governance, Identity, KeyRef, Permission, Retention, Tags,
};

use crate::access;
use crate::acl_request::AclRequest;
use crate::decide::delete::{self, Deletion};
use crate::decide::object::{self as decide, NamedVersion, VersionChange};
use crate::decide::put::{self, Put};
use crate::error::ObjectError;
use crate::object::{Deleted, KeyToDelete, NewObject, ObjectRef, ObjectView, Stored};
use crate::object_store::ObjectStore;
use crate::random::random_id;
use crate::reader::ObjectReader;
use crate::receive::{self, BodyDigests, ReceivedBody, ReceivedPart};

/// How often the row of an object is looked up whose bytes go away meanwhile.
const TRIES: usize = 8;

impl ObjectStore {
    /// Makes sure that the caller may put objects into a bucket; asked before bytes are taken.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue
    /// cannot be used.
    pub async fn check_put(&self, caller: &Identity, bucket: &str) -> Result<(), ObjectError> {
        let found = self.catalogue.bucket(bucket).await?;
        access::bucket(found.as_ref(), caller, Permission::Write).map(drop)
    }

    /// Takes the bytes of an object, of which there are `length`, or any number for `None`: few into memory, others into the
    /// store. They belong to nothing before [`ObjectStore::put`], and nothing of a body that fails is kept.
    ///
    /// # Errors
    /// The error of the body; [`ObjectError::EntityTooLarge`] for one that is longer than [`put_bytes`];
    /// [`ObjectError::BadDigest`] for one with another MD5; [`ObjectError::Full`] and [`ObjectError::Blob`] when it cannot be
    /// stored.
    ///
    /// [`put_bytes`]: crate::ObjectLimits::put_bytes
    pub async fn receive(
        &self,
        body: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
        length: Option<u64>,
        digests: BodyDigests,
    ) -> Result<ReceivedBody, ObjectError> {
        receive::receive(&self.blobs, body, length, digests, &self.limits).await
    }

    /// Stores the bytes of a part, of which there are `length`, or any number for `None`. They belong to nothing before
    /// [`ObjectStore::put_part`], and nothing of a body that fails is kept.
    ///
    /// # Errors
    /// Those of [`ObjectStore::receive`].
    pub async fn receive_part(
        &self,
        body: impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static,
        length: Option<u64>,
        digests: BodyDigests,
    ) -> Result<ReceivedPart, ObjectError> {
        receive::receive_part(&self.blobs, body, length, digests, &self.limits).await
    }

    /// Takes what a reader gives as the bytes of another object, with a checksum if one is asked for.
    ///
    /// # Errors
    /// [`ObjectError::EntityTooLarge`] when that is more than [`put_bytes`]; [`ObjectError::Full`] and
    /// [`ObjectError::Blob`] when it cannot be read or stored.
    ///
    /// [`put_bytes`]: crate::ObjectLimits::put_bytes
    pub async fn receive_copy(
        &self,
        reader: ObjectReader,
        checksum: Option<ChecksumAlgorithm>,
    ) -> Result<ReceivedBody, ObjectError> {
        let digests = self.digests_of_copy(&reader, checksum)?;
        receive::receive_copy(&self.blobs, reader, digests, &self.limits).await
    }

    /// Stores what a reader gives as the bytes of a part, with a checksum if one is asked for.
    ///
    /// # Errors
    /// Those of [`ObjectStore::receive_copy`].
    pub async fn receive_part_copy(
        &self,
        reader: ObjectReader,
        checksum: Option<ChecksumAlgorithm>,
    ) -> Result<ReceivedPart, ObjectError> {
        let digests = self.digests_of_copy(&reader, checksum)?;
        receive::receive_part_copy(&self.blobs, reader, digests).await
    }

    /// What is computed of a copy, which must not be too long.
    fn digests_of_copy(
        &self,
        reader: &ObjectReader,
        checksum: Option<ChecksumAlgorithm>,
    ) -> Result<BodyDigests, ObjectError> {
        if reader.left() > self.limits.put_bytes {
            return Err(ObjectError::EntityTooLarge);
        }
        Ok(BodyDigests {
            md5: None,
            checksum,
        })
    }

    /// Makes an object of bytes that have been received.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], what the conditions refuse with, what is wrong with the ACL, [`ObjectError::NotLockable`], or when the catalogue cannot be used.
    pub async fn put(
        &self,
        caller: &Identity,
        object: NewObject,
        body: ReceivedBody,
    ) -> Result<Stored, ObjectError> {
        let at = KeyRef {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            ..KeyRef::default()
        };
        let request = Put {
            caller: caller.clone(),
            known: self.known_accounts(&object.acl).await?,
            object,
            etag: body.etag(),
            content: body.content(),
            checksum: body.checksum().cloned(),
            version: random_id()?,
        };
        let catalogue = self.catalogue.clone();
        self.commit_with_blob(body.into_blob(), async move {
            let unit = catalogue.change_key(at, move |state| put::put(state, &request));
            unit.await
        })
        .await
    }

    /// What is known of an object that the caller may read.
    ///
    /// # Errors
    /// What [`ObjectStore::object`] refuses with, or when the catalogue cannot be used.
    pub async fn head(&self, caller: &Identity, at: &ObjectRef) -> Result<ObjectView, ObjectError> {
        self.view(caller, at, Permission::Read, false).await
    }

    /// What is known of an object, if the caller may do to it what `permission` says.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::NoSuchKey`] or [`ObjectError::NoSuchVersion`] for those who may list the
    /// bucket; [`ObjectError::AccessDenied`]; [`ObjectError::MethodNotAllowed`] for a delete marker that is named; or when
    /// the catalogue cannot be used.
    pub async fn object(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        permission: Permission,
    ) -> Result<ObjectView, ObjectError> {
        self.view(caller, at, permission, false).await
    }

    /// What is known of an object that the caller may read, with its bytes or the parts that make it up.
    ///
    /// # Errors
    /// What [`ObjectStore::object`] refuses with, or when the catalogue cannot be used.
    pub async fn object_and_parts(
        &self,
        caller: &Identity,
        at: &ObjectRef,
    ) -> Result<ObjectView, ObjectError> {
        self.view(caller, at, Permission::Read, true).await
    }

    /// What is known of an object that the caller may read, in a bucket whose objects can be locked.
    ///
    /// # Errors
    /// [`ObjectError::NotLockable`] in other buckets, and what [`ObjectStore::object`] refuses with.
    pub async fn lockable_object(
        &self,
        caller: &Identity,
        at: &ObjectRef,
    ) -> Result<ObjectView, ObjectError> {
        let settings = self.any_settings(&at.bucket).await?;
        if settings.ok_or(ObjectError::NoSuchBucket)?.lock.is_none() {
            return Err(ObjectError::NotLockable);
        }
        self.head(caller, at).await
    }

    /// Opens an object that the caller may read.
    ///
    /// # Errors
    /// What [`ObjectStore::object`] refuses with, or [`ObjectError::Blob`] when its bytes are not there.
    pub async fn open_object(
        &self,
        caller: &Identity,
        at: &ObjectRef,
    ) -> Result<(ObjectView, ObjectReader), ObjectError> {
        let mut tries = 1;
        loop {
            let deletions = self.garbage.deletions();
            let view = self.view(caller, at, Permission::Read, true).await?;
            let reader = ObjectReader::new(&self.blobs, &view.content)?;
            if self.garbage.deletions() == deletions {
                return Ok((view, reader));
            }
            // The object may have changed between the look at its row and the pins.
            match self.blobs.check(&reader.names()).await {
                Ok(()) => return Ok((view, reader)),
                Err(BlobError::NotFound(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn view(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        permission: Permission,
        with_content: bool,
    ) -> Result<ObjectView, ObjectError> {
        let version = at.version.as_deref();
        let found = self
            .catalogue
            .object(&at.bucket, &at.key, version, with_content)
            .await?;
        let bucket = found.bucket.as_ref();
        let object = access::object(
            bucket,
            found.object.as_ref(),
            version.is_some(),
            caller,
            permission,
        )?;
        Ok(ObjectView {
            object: object.clone(),
            has_versions: bucket.is_some_and(|bucket| bucket.settings.has_versions()),
            content: found.content,
        })
    }

    /// Replaces the ACL of a version.
    ///
    /// # Errors
    /// What [`ObjectStore::object`] refuses with, what is wrong with the ACL, or when the catalogue cannot be used.
    pub async fn set_object_acl(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        acl: AclRequest,
    ) -> Result<(), ObjectError> {
        let known = self.known_accounts(&acl).await?;
        let named = named_version(caller, at);
        let unit = self.catalogue.change_key(key_ref(at), move |state| {
            decide::set_acl(state, &named, &acl, &known)
        });
        unit.await.map(|changed| changed.result)
    }

    /// Replaces the tags of a version, for callers with full control of it.
    ///
    /// # Errors
    /// What [`ObjectStore::object`] refuses with, or when the catalogue cannot be used.
    pub async fn set_tags(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        tags: Tags,
    ) -> Result<(), ObjectError> {
        self.change_version(caller, at, VersionChange::Tags(tags))
            .await
    }

    /// Replaces the retention of a version, for callers with full control of it and of the
    /// bucket; `None` for no retention.
    ///
    /// # Errors
    /// [`ObjectError::NotLockable`] in buckets without object lock, [`ObjectError::Locked`] when the old retention forbids
    /// it, what [`ObjectStore::object`] refuses with, or when the catalogue cannot be used.
    pub async fn set_retention(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        retention: Option<Retention>,
        governance: Governance,
    ) -> Result<(), ObjectError> {
        self.change_version(caller, at, VersionChange::Retention(retention, governance))
            .await
    }

    /// Sets the legal hold of a version on or off, for callers with full control of it and of the bucket.
    ///
    /// # Errors
    /// [`ObjectError::NotLockable`] in buckets without object lock, what [`ObjectStore::object`] refuses with, or when the
    /// catalogue cannot be used.
    pub async fn set_legal_hold(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        hold: bool,
    ) -> Result<(), ObjectError> {
        self.change_version(caller, at, VersionChange::LegalHold(hold))
            .await
    }

    async fn change_version(
        &self,
        caller: &Identity,
        at: &ObjectRef,
        change: VersionChange,
    ) -> Result<(), ObjectError> {
        let named = named_version(caller, at);
        let unit = self.catalogue.change_key(key_ref(at), move |state| {
            decide::change_version(state, &named, &change)
        });
        unit.await.map(|changed| changed.result)
    }

    /// Deletes keys or versions of a bucket, and gives a result for each: that one is not there is no error, and those that
    /// are locked are kept. Versions are removed, and governance locks passed by, only by the account that owns the bucket and
    /// by those who have full control of it.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue cannot be used; some of the keys
    /// may be deleted then.
    pub async fn delete(
        &self,
        caller: &Identity,
        bucket: &str,
        keys: Vec<KeyToDelete>,
        governance: Governance,
    ) -> Result<Vec<Result<Deleted, ObjectError>>, ObjectError> {
        // Each key looks at the right to delete by itself. A look before is for the refusal of the whole, which with one
        // key is that of the key.
        let is_one = keys.len() == 1;
        if !is_one {
            self.bucket(caller, bucket, Permission::Write).await?;
        }
        let (mut refs, mut deletions) = (Vec::new(), Vec::new());
        for key in keys {
            refs.push(KeyRef {
                bucket: bucket.to_owned(),
                key: key.key.clone(),
                version: key.version.clone(),
                upload: None,
            });
            deletions.push(Deletion {
                key,
                marker: random_id()?,
            });
        }
        let (catalogue, caller) = (self.catalogue.clone(), caller.clone());
        let mut results = self
            .commit_and_discard(async move {
                let unit = catalogue.change_keys(refs, move |index, state| {
                    delete::delete(state, &caller, &deletions[index], governance)
                });
                unit.await
            })
            .await?;
        if is_one
            && let Some(refusal) = results.pop_if(|result| {
                matches!(
                    result,
                    Err(ObjectError::NoSuchBucket | ObjectError::AccessDenied)
                )
            })
        {
            return refusal.map(|deleted| vec![Ok(deleted)]);
        }
        Ok(results)
    }
}

fn key_ref(at: &ObjectRef) -> KeyRef {
    KeyRef {
        bucket: at.bucket.clone(),
        key: at.key.clone(),
        version: at.version.clone(),
        upload: None,
    }
}

fn named_version(caller: &Identity, at: &ObjectRef) -> NamedVersion {
    NamedVersion {
        caller: caller.clone(),
        is_named: at.version.is_some(),
    }
}
