//! Listings of what is in a bucket.

use gumnut_cloud_catalogue::{Identity, NULL_VERSION, Permission};

use crate::error::ObjectError;
use crate::listing::{FETCH, ListPage, ListQuery, PageBuilder, Position, Rows};
use crate::object_store::ObjectStore;
use crate::random;
use crate::upload_listing::{UploadPage, UploadPageBuilder, UploadQuery};

impl ObjectStore {
    /// A page of the objects in a bucket that the caller may list: of each key the newest version, unless it is a delete
    /// marker.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue cannot be used.
    pub async fn list(
        &self,
        caller: &Identity,
        bucket: &str,
        query: ListQuery,
    ) -> Result<ListPage, ObjectError> {
        self.bucket(caller, bucket, Permission::Read).await?;
        let start = Position::behind(&query.after);
        let mut page = PageBuilder::new(query, Rows::Keys, start);
        while let Some(from) = page.wants() {
            let rows = self.catalogue.list_objects(bucket, &from.key, FETCH);
            page.feed(rows.await?);
        }
        Ok(page.into_page())
    }

    /// A page of all versions and delete markers in a bucket that the caller may list.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::InvalidArgument`] for a version to begin
    /// behind that cannot be one, or when the catalogue cannot be used.
    pub async fn list_versions(
        &self,
        caller: &Identity,
        bucket: &str,
        query: ListQuery,
    ) -> Result<ListPage, ObjectError> {
        self.bucket(caller, bucket, Permission::Read).await?;
        let start = match &query.after_version {
            Some(version) => self.behind_version(bucket, &query.after, version).await?,
            None => Position::behind(&query.after),
        };
        let mut page = PageBuilder::new(query, Rows::Versions, start);
        while let Some(from) = page.wants() {
            let rows = self
                .catalogue
                .list_versions(bucket, &from.key, from.row, FETCH);
            page.feed(rows.await?);
        }
        Ok(page.into_page())
    }

    /// The position behind a version. One that is gone does not show where it was: clients delete each page before they
    /// ask for the next, so all that is left of its key comes, rather than nothing.
    async fn behind_version(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
    ) -> Result<Position, ObjectError> {
        let found = self.catalogue.object(bucket, key, Some(version), false);
        match found.await?.object {
            Some(object) => Ok(Position {
                key: key.to_owned(),
                row: object.id - 1,
            }),
            None if version == NULL_VERSION || random::is_random_id(version) => {
                Ok(Position::at(key.to_owned()))
            }
            None => Err(ObjectError::argument("Invalid version id specified")),
        }
    }

    /// A page of the uploads to a bucket that the caller may list.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue cannot be used.
    pub async fn list_uploads(
        &self,
        caller: &Identity,
        bucket: &str,
        query: UploadQuery,
    ) -> Result<UploadPage, ObjectError> {
        self.bucket(caller, bucket, Permission::Read).await?;
        let mut page = UploadPageBuilder::new(query);
        while let Some(after) = page.wants() {
            let uploads = self.catalogue.list_uploads(bucket, after.clone(), FETCH);
            page.feed(uploads.await?);
        }
        Ok(page.into_page())
    }
}
