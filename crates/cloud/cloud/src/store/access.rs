//! Finding buckets and objects on behalf of somebody.

use rusqlite::Connection;

use super::{Acl, Permission, Place, StoreError};
use crate::auth::Identity;
use crate::catalogue::buckets::{self, Bucket};
use crate::catalogue::objects::{self, Object};

/// The bucket, whoever asks.
pub(super) fn any_bucket(connection: &Connection, name: &str) -> Result<Bucket, StoreError> {
    buckets::find(connection, name)?.ok_or(StoreError::NoSuchBucket)
}

/// The bucket, if it is of `who`.
pub(super) fn owned_bucket(
    connection: &Connection,
    who: &Identity,
    name: &str,
) -> Result<Bucket, StoreError> {
    let bucket = any_bucket(connection, name)?;
    if who.owns(&bucket.owner.id) {
        Ok(bucket)
    } else {
        Err(StoreError::AccessDenied)
    }
}

/// The bucket, if `who` may do to it what `permission` says.
pub(super) fn bucket(
    connection: &Connection,
    who: &Identity,
    name: &str,
    permission: Permission,
) -> Result<Bucket, StoreError> {
    let bucket = any_bucket(connection, name)?;
    if bucket.lets(&bucket.acl, who, &bucket.owner.id, permission) {
        Ok(bucket)
    } else {
        Err(StoreError::AccessDenied)
    }
}

impl Bucket {
    /// Whether a list in this bucket allows something, be it the bucket's own or that of an object.
    fn lets(&self, acl: &Acl, who: &Identity, owner: &str, permission: Permission) -> bool {
        let access = self.settings.public_access.unwrap_or_default();
        if access.ignore_acls {
            acl.clone().without_public().allows(who, owner, permission)
        } else {
            acl.allows(who, owner, permission)
        }
    }

    /// Refuses a new list that opens something to the public where that is blocked.
    pub(super) fn check_new_acl(&self, acl: &Acl) -> Result<(), StoreError> {
        let access = self.settings.public_access.unwrap_or_default();
        if access.block_acls && acl.is_public() {
            return Err(StoreError::AccessDenied);
        }
        Ok(())
    }
}

/// The object, if `who` may do to it what `permission` says. Whether an object is missing is told only to
/// those who may list the bucket.
pub(super) fn object(
    connection: &Connection,
    who: &Identity,
    place: &Place,
    permission: Permission,
) -> Result<Object, StoreError> {
    let bucket = any_bucket(connection, &place.bucket)?;
    let found = match &place.version {
        Some(version) => objects::find_version(connection, &bucket.name, &place.key, version)?
            .ok_or(StoreError::NoSuchVersion),
        None => match objects::find(connection, &bucket.name, &place.key)? {
            Some(marker) if marker.marker => Err(StoreError::deleted(&marker.version)),
            found => found.ok_or(StoreError::NoSuchKey),
        },
    };
    let object = match found {
        Ok(object) => object,
        Err(missing) => {
            let may_list = bucket.lets(&bucket.acl, who, &bucket.owner.id, Permission::Read);
            return Err(if may_list {
                missing
            } else {
                StoreError::AccessDenied
            });
        }
    };
    if !bucket.lets(&object.acl, who, &object.owner.id, permission) {
        return Err(StoreError::AccessDenied);
    }
    if object.marker {
        return Err(StoreError::is_marker(&object.version));
    }
    Ok(object)
}
