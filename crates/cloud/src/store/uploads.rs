//! Uploads in parts, until they end.

use rusqlite::{Connection, Transaction};

use super::blobs::random_name;
use super::objects::{Stored, may_put, new_owner};
use super::{BlobWriter, Permission, Place, Segment, Store, StoreError, Target, access};
use crate::auth::Identity;
use crate::catalogue::uploads::{self, NewUpload, Part, Upload};

/// Largest number of a part.
pub(super) const MAX_PART: u32 = 10_000;

/// An upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UploadRef {
    pub(crate) place: Place,
    pub(crate) id: String,
}

impl Store {
    /// Begins an upload and gives its id.
    pub(crate) async fn create_upload(
        &self,
        who: Identity,
        target: Target,
    ) -> Result<String, StoreError> {
        let started = self.clock.now_millis();
        let create = move |tx: &Transaction<'_>| {
            let bucket = may_put(tx, &who, &target.place)?;
            let (account, owner) = new_owner(&who, &bucket);
            let acl = target.acl.resolve(tx, owner, &bucket.owner.id)?;
            bucket.check_new_acl(&acl)?;
            bucket.settings.check_marks(&target.marks)?;
            let id = random_name()?;
            let upload = NewUpload {
                id: &id,
                bucket: &target.place.bucket,
                key: &target.place.key,
                account,
                acl,
                headers: target.headers,
                marks: target.marks,
                started,
            };
            uploads::insert(tx, upload)?;
            Ok(id)
        };
        self.catalogue.write(create).await
    }

    /// Whether `who` may add to this upload; asked before bytes are taken.
    pub(crate) async fn check_part(
        &self,
        who: Identity,
        upload: UploadRef,
        number: u32,
    ) -> Result<(), StoreError> {
        if !(1..=MAX_PART).contains(&number) {
            return Err(StoreError::argument(
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        }
        let check = move |c: &Connection| find(c, &who, &upload).map(drop);
        self.catalogue.read(check).await
    }

    /// Adds a part whose bytes have been received.
    pub(crate) async fn put_part(
        &self,
        who: Identity,
        upload: UploadRef,
        number: u32,
        writer: BlobWriter,
    ) -> Result<Stored, StoreError> {
        let modified = self.clock.now_millis();
        self.adopting(writer, move |tx, blob| {
            find(tx, &who, &upload)?;
            let etag = blob.etag();
            let segment = Segment {
                blob: blob.name().to_owned(),
                size: blob.size,
            };
            let part = Part {
                number,
                segment,
                etag: etag.clone(),
                modified,
            };
            let old = uploads::put_part(tx, &upload.id, &part)?;
            let stored = Stored {
                etag,
                modified,
                version: None,
            };
            Ok((stored, old.into_iter().collect()))
        })
        .await
    }

    /// Gives an upload up.
    pub(crate) async fn abort_upload(
        &self,
        who: Identity,
        upload: UploadRef,
    ) -> Result<(), StoreError> {
        self.dropping(move |tx| {
            find(tx, &who, &upload)?;
            let parts = uploads::parts(tx, &upload.id, 0, MAX_PART as usize)?;
            uploads::delete(tx, &upload.id)?;
            let files = parts.into_iter().map(|part| part.segment.blob);
            Ok(((), files.collect()))
        })
        .await
    }

    /// At most `limit` parts behind the number `after`.
    pub(crate) async fn list_parts(
        &self,
        who: Identity,
        upload: UploadRef,
        after: u32,
        limit: usize,
    ) -> Result<(Upload, Vec<Part>), StoreError> {
        let list = move |c: &Connection| {
            let row = find(c, &who, &upload)?;
            Ok((row, uploads::parts(c, &upload.id, after, limit)?))
        };
        self.catalogue.read(list).await
    }

    /// At most `limit` uploads to a bucket whose keys begin with `prefix`, behind a pair of key and id.
    pub(crate) async fn list_uploads(
        &self,
        who: Identity,
        bucket: String,
        prefix: String,
        after: (String, String),
        limit: usize,
    ) -> Result<Vec<Upload>, StoreError> {
        let list = move |c: &Connection| {
            access::bucket(c, &who, &bucket, Permission::Read)?;
            let after = after.max((prefix.clone(), String::new()));
            let mut page = uploads::page(c, &bucket, (&after.0, &after.1), limit)?;
            page.retain(|upload| upload.key.starts_with(&prefix));
            Ok(page)
        };
        self.catalogue.read(list).await
    }
}

/// The upload, if `who` may write to its bucket.
pub(super) fn find(
    connection: &Connection,
    who: &Identity,
    upload: &UploadRef,
) -> Result<Upload, StoreError> {
    access::bucket(connection, who, &upload.place.bucket, Permission::Write)?;
    let row = uploads::find(connection, &upload.id)?.ok_or(StoreError::NoSuchUpload)?;
    if row.bucket == upload.place.bucket && row.key == upload.place.key {
        Ok(row)
    } else {
        Err(StoreError::NoSuchUpload)
    }
}
