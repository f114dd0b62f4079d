//! What can be done with multipart uploads.

use gumnut_cloud_catalogue::{
    ChecksumAlgorithm, Identity, KeyRef, Part, PartsChecksum, Upload, UploadRef,
};

use crate::completion::{self, CompletionCheck, ListedPart};
use crate::conditions::Conditions;
use crate::decide::complete::{self, Completion};
use crate::decide::upload::{self as decide, PutPart};
use crate::error::ObjectError;
use crate::object::{NewObject, Stored};
use crate::object_store::ObjectStore;
use crate::random::random_id;
use crate::receive::ReceivedPart;

/// Largest number of a part.
const MAX_PART: u32 = 10_000;

impl ObjectStore {
    /// Begins an upload and gives its id. `checksum` is that which the object is to have; `None` for none. Conditions of the
    /// object are left out: they belong to the completion.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], what is wrong with the ACL or the lock, or when the
    /// catalogue cannot be used.
    pub async fn create_upload(
        &self,
        caller: &Identity,
        object: NewObject,
        checksum: Option<PartsChecksum>,
    ) -> Result<String, ObjectError> {
        let at = UploadRef {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            id: random_id()?,
        };
        let id = at.id.clone();
        let request = decide::Creation {
            caller: caller.clone(),
            known: self.known_accounts(&object.acl).await?,
            object,
            checksum,
        };
        let unit = self
            .catalogue
            .change_upload(at, move |state| decide::create(state, &request));
        unit.await.map(|_| id)
    }

    /// Makes sure that the caller may add a part with this number to an upload, and gives the checksum that its object is to
    /// have; asked before bytes are taken.
    ///
    /// # Errors
    /// [`ObjectError::InvalidArgument`] for numbers that are not 1 to 10,000, [`ObjectError::NoSuchBucket`],
    /// [`ObjectError::AccessDenied`], [`ObjectError::NoSuchUpload`], or when the catalogue cannot be used.
    pub async fn check_part(
        &self,
        caller: &Identity,
        upload: &UploadRef,
        number: u32,
    ) -> Result<Option<PartsChecksum>, ObjectError> {
        if !(1..=MAX_PART).contains(&number) {
            return Err(ObjectError::argument(
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        }
        let (state, _) = self.catalogue.upload(upload.clone(), 0, 0).await?;
        Ok(decide::find_to_write(&state, caller, upload)?.checksum)
    }

    /// Makes a part of bytes that have been received. `sent` is the checksum that came with them and was compared; without
    /// it that of the body counts.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::NoSuchUpload`], or when the catalogue
    /// cannot be used.
    pub async fn put_part(
        &self,
        caller: &Identity,
        upload: &UploadRef,
        number: u32,
        body: ReceivedPart,
        sent: Option<(ChecksumAlgorithm, String)>,
    ) -> Result<Stored, ObjectError> {
        let request = PutPart {
            caller: caller.clone(),
            upload: upload.clone(),
            number,
            segment: body.segment(),
            checksum: sent.or_else(|| body.checksum().cloned()),
        };
        let (catalogue, at) = (self.catalogue.clone(), upload.clone());
        self.commit_with_blob(Some(body.into_blob()), async move {
            let unit = catalogue.change_upload(at, move |state| decide::put_part(state, &request));
            unit.await
        })
        .await
    }

    /// Makes an object of the listed parts; parts that are not listed are given up. Completing an upload once more with the
    /// same list gives the same answer.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::NoSuchUpload`], what the conditions
    /// refuse with, what is wrong with the list, what does not match `check`, or when the catalogue cannot be used.
    pub async fn complete_upload(
        &self,
        caller: &Identity,
        upload: &UploadRef,
        list: Vec<ListedPart>,
        conditions: Conditions,
        check: CompletionCheck,
    ) -> Result<Stored, ObjectError> {
        let at = KeyRef {
            bucket: upload.bucket.clone(),
            key: upload.key.clone(),
            version: None,
            upload: Some(upload.id.clone()),
        };
        let request = Completion {
            caller: caller.clone(),
            upload: upload.clone(),
            list: completion::last_of_each(list),
            conditions,
            check,
            limits: self.limits,
            version: random_id()?,
        };
        let catalogue = self.catalogue.clone();
        self.commit_and_discard(async move {
            let unit = catalogue.change_key(at, move |state| complete::complete(state, &request));
            unit.await
        })
        .await
    }

    /// Ends an upload without an object; its parts are given up.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::NoSuchUpload`], or when the catalogue
    /// cannot be used.
    pub async fn abort_upload(
        &self,
        caller: &Identity,
        upload: &UploadRef,
    ) -> Result<(), ObjectError> {
        let (catalogue, caller) = (self.catalogue.clone(), caller.clone());
        let upload = upload.clone();
        self.commit_and_discard(async move {
            let at = upload.clone();
            let unit =
                catalogue.change_upload(at, move |state| decide::abort(state, &caller, &upload));
            unit.await
        })
        .await
    }

    /// An upload, and at most `limit` of its parts behind the number `after`.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::NoSuchUpload`], or when the catalogue
    /// cannot be used.
    pub async fn list_parts(
        &self,
        caller: &Identity,
        upload: &UploadRef,
        after: u32,
        limit: usize,
    ) -> Result<(Upload, Vec<Part>), ObjectError> {
        let (state, parts) = self.catalogue.upload(upload.clone(), after, limit).await?;
        let found = decide::find(&state, caller, upload)?;
        Ok((found.clone(), parts))
    }
}
