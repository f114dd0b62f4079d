//! What can be done with objects.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};

use super::names::MAX_KEY;
use super::{
    AclRequest, Blob, BlobWriter, Conditions, Headers, Marks, ObjectReader, Permission, Store,
    StoreError, Version, access, versions,
};
use crate::auth::Identity;
use crate::catalogue::buckets::Bucket;
use crate::catalogue::objects::{self, Object, PartOf};
use crate::checksum::named;

/// Where an object lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Nothing for the newest.
    pub(crate) version: Option<String>,
}

/// What is said of an object that is to be.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) acl: AclRequest,
    pub(crate) headers: Headers,
    pub(crate) marks: Marks,
    pub(crate) conditions: Conditions,
}

/// An object that has been stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Without quotes.
    pub(crate) etag: String,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    /// Nothing in buckets that make no versions, or make them no more.
    pub(crate) version: Option<String>,
    /// Algorithm and value in base64.
    pub(crate) checksums: BTreeMap<String, String>,
}

impl Place {
    /// The newest version.
    pub(crate) fn newest(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
            version: None,
        }
    }
}

impl Store {
    /// Whether `who` may put an object there; asked before its bytes are taken.
    pub(crate) async fn check_put(&self, who: Identity, place: Place) -> Result<(), StoreError> {
        let check = move |c: &Connection| may_put(c, &who, &place).map(drop);
        self.catalogue.read(check).await
    }

    /// Stores an object whose bytes have been received.
    pub(crate) async fn put(
        &self,
        who: Identity,
        target: Target,
        writer: BlobWriter,
    ) -> Result<Stored, StoreError> {
        let modified = self.clock.now_millis();
        let put = move |tx: &Transaction<'_>, blob: &Blob| {
            let bucket = may_put(tx, &who, &target.place)?;
            let old = objects::find(tx, &target.place.bucket, &target.place.key)?;
            let old = old.filter(|object| !object.marker);
            target.conditions.for_writing(old.as_ref())?;
            let (account, owner) = new_owner(&who, &bucket);
            let acl = target.acl.resolve(tx, owner, &bucket.owner.id)?;
            bucket.check_new_acl(&acl)?;
            let mut headers = target.headers;
            headers.checksums.extend(named(blob.checksum.clone()));
            let version = Version {
                key: &target.place.key,
                account,
                acl,
                headers,
                marks: target.marks,
                etag: blob.etag(),
                modified,
                upload: None,
            };
            versions::add(tx, &bucket, version, &versions::only_segment(blob))
        };
        self.adopting(writer, put).await
    }

    /// What is known of an object that `who` may read.
    pub(crate) async fn head(&self, who: Identity, place: Place) -> Result<Object, StoreError> {
        self.object(who, place, Permission::Read).await
    }

    /// The object, if the caller may do to it what `permission` says.
    pub(crate) async fn object(
        &self,
        who: Identity,
        place: Place,
        permission: Permission,
    ) -> Result<Object, StoreError> {
        let find = move |c: &Connection| access::object(c, &who, &place, permission);
        self.catalogue.read(find).await
    }

    /// An object that `who` may read, and what makes it up: the parts of an upload, or one.
    pub(crate) async fn object_and_parts(
        &self,
        who: Identity,
        place: Place,
    ) -> Result<(Object, Vec<PartOf>), StoreError> {
        let find = move |c: &Connection| {
            let object = access::object(c, &who, &place, Permission::Read)?;
            let parts = objects::parts(c, object.id)?;
            Ok((object, parts))
        };
        self.catalogue.read(find).await
    }

    /// Opens an object that `who` may read.
    pub(crate) async fn open_object(
        &self,
        who: Identity,
        place: Place,
    ) -> Result<(Object, ObjectReader), StoreError> {
        let store = self.clone();
        let open = move || store.open_object_blocking(&who, &place);
        tokio::task::spawn_blocking(open).await?
    }

    /// [`Store::open_object`] for code that may block.
    pub(crate) fn open_object_blocking(
        &self,
        who: &Identity,
        place: &Place,
    ) -> Result<(Object, ObjectReader), StoreError> {
        self.catalogue.read_blocking(|connection| {
            let object = access::object(connection, who, place, Permission::Read)?;
            let segments = objects::segments(connection, object.id)?;
            Ok((object, ObjectReader::new(&self.blobs, segments)))
        })
    }

    /// Replaces the ACL of an object.
    pub(crate) async fn set_object_acl(
        &self,
        who: Identity,
        place: Place,
        acl: AclRequest,
    ) -> Result<(), StoreError> {
        let set = move |tx: &Transaction<'_>| {
            let object = access::object(tx, &who, &place, Permission::WriteAcp)?;
            let bucket = access::any_bucket(tx, &place.bucket)?;
            let acl = acl.resolve(tx, &object.owner.id, &bucket.owner.id)?;
            bucket.check_new_acl(&acl)?;
            Ok(objects::set_acl(tx, object.id, acl)?)
        };
        self.catalogue.write(set).await
    }
}

/// The bucket of `place`, if `who` may put something there.
pub(super) fn may_put(
    connection: &Connection,
    who: &Identity,
    place: &Place,
) -> Result<Bucket, StoreError> {
    if place.key.len() > MAX_KEY {
        return Err(StoreError::KeyTooLong);
    }
    access::bucket(connection, who, &place.bucket, Permission::Write)
}

/// Whose a new object is, by account number and owner id: what nobody in particular puts into an open
/// bucket is the bucket owner's.
pub(super) fn new_owner<'a>(who: &'a Identity, bucket: &'a Bucket) -> (&'a str, &'a str) {
    match who.user() {
        Some(user) => (user.account.as_str(), &user.canonical_id),
        None => (&bucket.account, &bucket.owner.id),
    }
}
