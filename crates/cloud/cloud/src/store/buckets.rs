//! What can be done with buckets.

use std::collections::HashMap;

use super::{Acl, AclRequest, Permission, Settings, Store, StoreError, access};
use crate::auth::Identity;
use crate::catalogue::buckets::{self, Bucket};
use crate::catalogue::{Owner, identities, uploads};

/// What becomes of making one's own bucket once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing, when the same ACL is asked for; another one is refused.
    Same,
    /// It is refused.
    Never,
}

/// A page of a listing of buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct BucketQuery {
    pub(crate) prefix: String,
    /// Only buckets behind this name.
    pub(crate) after: String,
    /// Most buckets of the page; all when nothing is said.
    pub(crate) limit: Option<usize>,
}

impl Store {
    /// Makes a bucket. Making one's own once more changes nothing.
    pub(crate) async fn create_bucket(
        &self,
        who: Identity,
        name: String,
        acl: AclRequest,
        settings: Settings,
        again: Again,
    ) -> Result<(), StoreError> {
        let (now, most) = (self.clock.now_millis(), self.limits.buckets);
        let create = move |tx: &rusqlite::Transaction<'_>| {
            let user = who.user().ok_or(StoreError::AccessDenied)?;
            let account = user.account.as_str();
            if let Some(bucket) = buckets::find(tx, &name)? {
                if bucket.account != account {
                    return Err(StoreError::BucketExists);
                }
                let acl = acl.resolve(tx, &user.canonical_id, &user.canonical_id)?;
                return match again {
                    Again::Never => Err(StoreError::BucketOwned),
                    Again::Same if acl == bucket.acl => Ok(()),
                    Again::Same => Err(StoreError::BucketExists),
                };
            }
            if buckets::count(tx, account)? >= most {
                return Err(StoreError::TooManyBuckets);
            }
            let acl = acl.resolve(tx, &user.canonical_id, &user.canonical_id)?;
            Ok(buckets::insert(tx, &name, account, acl, &settings, now)?)
        };
        self.catalogue.write(create).await
    }

    /// Deletes an empty bucket; only its owner may. Uploads that have not ended are given up.
    pub(crate) async fn delete_bucket(
        &self,
        who: Identity,
        name: String,
    ) -> Result<(), StoreError> {
        self.dropping(move |tx| {
            access::owned_bucket(tx, &who, &name)?;
            if buckets::is_used(tx, &name)? {
                return Err(StoreError::BucketNotEmpty);
            }
            let files = uploads::delete_all(tx, &name)?;
            buckets::delete(tx, &name)?;
            Ok(((), files))
        })
        .await
    }

    /// The caller's own buckets, by name, and whether there are more.
    pub(crate) async fn list_buckets(
        &self,
        who: Identity,
        query: BucketQuery,
    ) -> Result<(Owner, Vec<Bucket>, bool), StoreError> {
        let list = move |connection: &rusqlite::Connection| {
            let user = who.user().ok_or(StoreError::AccessDenied)?;
            let mut buckets = buckets::of_account(connection, user.account.as_str())?;
            buckets.retain(|bucket| {
                bucket.name.starts_with(&query.prefix) && bucket.name > query.after
            });
            let limit = query.limit.unwrap_or(usize::MAX);
            let more = buckets.len() > limit;
            buckets.truncate(limit);
            let owner = Owner {
                id: user.canonical_id.clone(),
                name: user.account_name.clone(),
            };
            Ok((owner, buckets, more))
        };
        self.catalogue.read(list).await
    }

    /// The bucket, if the caller may do to it what `permission` says.
    pub(crate) async fn bucket(
        &self,
        who: Identity,
        name: String,
        permission: Permission,
    ) -> Result<Bucket, StoreError> {
        let find = move |connection: &rusqlite::Connection| {
            access::bucket(connection, &who, &name, permission)
        };
        self.catalogue.read(find).await
    }

    /// Refuses when the bucket is of another account than `expected`, an account number or an owner id.
    pub(crate) async fn check_owner(
        &self,
        name: String,
        expected: String,
    ) -> Result<(), StoreError> {
        let check = move |connection: &rusqlite::Connection| {
            let bucket = access::any_bucket(connection, &name)?;
            if [&bucket.account, &bucket.owner.id].contains(&&expected) {
                Ok(())
            } else {
                Err(StoreError::AccessDenied)
            }
        };
        self.catalogue.read(check).await
    }

    /// The names of the accounts in an ACL, by owner id.
    pub(crate) async fn account_names(
        &self,
        acl: &Acl,
    ) -> Result<HashMap<String, String>, StoreError> {
        let ids = acl.accounts();
        let find = move |connection: &rusqlite::Connection| {
            let mut names = HashMap::new();
            for id in ids {
                if let Some(owner) = identities::by_owner_id(connection, &id)? {
                    names.insert(id, owner.name);
                }
            }
            Ok(names)
        };
        self.catalogue.read(find).await
    }

    /// Replaces the ACL of a bucket.
    pub(crate) async fn set_bucket_acl(
        &self,
        who: Identity,
        name: String,
        acl: AclRequest,
    ) -> Result<(), StoreError> {
        let set = move |tx: &rusqlite::Transaction<'_>| {
            let bucket = access::bucket(tx, &who, &name, Permission::WriteAcp)?;
            let acl: Acl = acl.resolve(tx, &bucket.owner.id, &bucket.owner.id)?;
            bucket.check_new_acl(&acl)?;
            Ok(buckets::set_acl(tx, &name, acl)?)
        };
        self.catalogue.write(set).await
    }
}
