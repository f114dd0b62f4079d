//! Finding buckets and objects on behalf of somebody.

use rusqlite::Connection;

use super::{Permission, StoreError};
use crate::auth::Identity;
use crate::catalogue::buckets::{self, Bucket};
use crate::catalogue::objects::{self, Object};

/// The bucket, whoever asks.
pub(super) fn any_bucket(connection: &Connection, name: &str) -> Result<Bucket, StoreError> {
    buckets::find(connection, name)?.ok_or(StoreError::NoSuchBucket)
}

/// The bucket, if `who` may do to it what `permission` says.
pub(super) fn bucket(
    connection: &Connection,
    who: &Identity,
    name: &str,
    permission: Permission,
) -> Result<Bucket, StoreError> {
    let bucket = any_bucket(connection, name)?;
    if bucket.acl.allows(who, &bucket.owner.id, permission) {
        Ok(bucket)
    } else {
        Err(StoreError::AccessDenied)
    }
}

/// The object, if `who` may do to it what `permission` says. Whether an object is missing is told only to
/// those who may list the bucket.
pub(super) fn object(
    connection: &Connection,
    who: &Identity,
    (bucket, key): (&str, &str),
    permission: Permission,
) -> Result<Object, StoreError> {
    let bucket = any_bucket(connection, bucket)?;
    let Some(object) = objects::find(connection, &bucket.name, key)? else {
        let may_list = bucket.acl.allows(who, &bucket.owner.id, Permission::Read);
        return Err(if may_list {
            StoreError::NoSuchKey
        } else {
            StoreError::AccessDenied
        });
    };
    if object.acl.allows(who, &object.owner.id, permission) {
        Ok(object)
    } else {
        Err(StoreError::AccessDenied)
    }
}
