//! What can be done with buckets.

use std::collections::HashMap;

use gumnut_cloud_catalogue::{
    AccountName, Acl, Bucket, BucketRef, BucketSettings, Identity, Owner, Permission,
};

use crate::access;
use crate::acl_request::AclRequest;
use crate::decide::bucket as decide;
use crate::error::ObjectError;
use crate::object_store::ObjectStore;
use crate::setting::{self, IfExists, SettingChange};

/// Which of the caller's buckets are to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketQuery {
    /// Only buckets whose names begin with this.
    pub prefix: String,
    /// Only buckets behind this name; empty for all.
    pub after: String,
    /// Most buckets of the page; `None` for all.
    pub limit: Option<usize>,
}

/// A page of a listing of buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPage {
    /// Whose they are.
    pub owner: Owner,
    /// The buckets, by name.
    pub buckets: Vec<Bucket>,
    /// Whether there is more behind the last one.
    pub truncated: bool,
}

impl ObjectStore {
    /// Creates a bucket of the caller. Creating one that the caller owns already changes nothing, if `if_exists` says so.
    ///
    /// The name is taken as it is; see [`is_bucket_name`](crate::is_bucket_name).
    ///
    /// # Errors
    /// [`ObjectError::AccessDenied`] for an anonymous caller, [`ObjectError::BucketExists`], [`ObjectError::BucketOwned`],
    /// [`ObjectError::TooManyBuckets`], what is wrong with the ACL, or when the catalogue cannot be used.
    pub async fn create_bucket(
        &self,
        caller: &Identity,
        name: &str,
        acl: AclRequest,
        settings: BucketSettings,
        if_exists: IfExists,
    ) -> Result<(), ObjectError> {
        let at = BucketRef {
            name: name.to_owned(),
            count_of: caller.user().map(|user| user.account.as_str().to_owned()),
        };
        let request = decide::Creation {
            caller: caller.clone(),
            known: self.known_accounts(&acl).await?,
            acl,
            settings,
            if_exists,
            limit: self.limits.buckets,
        };
        let unit = self
            .catalogue
            .change_bucket(at, move |state| decide::create(state, &request));
        unit.await.map(|changed| changed.result)
    }

    /// Deletes an empty bucket of the caller. Uploads to it that have not ended are given up.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::BucketNotEmpty`], or when the catalogue
    /// cannot be used.
    pub async fn delete_bucket(&self, caller: &Identity, name: &str) -> Result<(), ObjectError> {
        let (catalogue, caller) = (self.catalogue.clone(), caller.clone());
        let at = bucket_ref(name);
        self.commit_and_discard(async move {
            let unit = catalogue.change_bucket(at, move |state| decide::delete(state, &caller));
            unit.await
        })
        .await
    }

    /// A page of the caller's own buckets.
    ///
    /// # Errors
    /// [`ObjectError::AccessDenied`] for an anonymous caller, or when the catalogue cannot be used.
    pub async fn list_buckets(
        &self,
        caller: &Identity,
        query: &BucketQuery,
    ) -> Result<BucketPage, ObjectError> {
        let user = caller.user().ok_or(ObjectError::AccessDenied)?;
        let mut buckets = self.catalogue.buckets(user.account.as_str()).await?;
        buckets
            .retain(|bucket| bucket.name.starts_with(&query.prefix) && bucket.name > query.after);
        let limit = query.limit.unwrap_or(usize::MAX);
        let truncated = buckets.len() > limit;
        buckets.truncate(limit);
        Ok(BucketPage {
            owner: Owner {
                id: user.canonical_id.clone(),
                name: user.account_name.clone(),
            },
            buckets,
            truncated,
        })
    }

    /// The bucket, if the caller may do to it what `permission` says.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue cannot be used.
    pub async fn bucket(
        &self,
        caller: &Identity,
        name: &str,
        permission: Permission,
    ) -> Result<Bucket, ObjectError> {
        let found = self.catalogue.bucket(name).await?;
        access::bucket(found.as_ref(), caller, permission).cloned()
    }

    /// Makes sure that a bucket is of the account `expected`, an account number or a canonical user id
    /// (`x-amz-expected-bucket-owner`).
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue cannot be used.
    pub async fn check_owner(&self, name: &str, expected: &str) -> Result<(), ObjectError> {
        let found = self.catalogue.bucket(name).await?;
        let bucket = access::any_bucket(found.as_ref())?;
        if bucket.account == expected || bucket.owner.id == expected {
            Ok(())
        } else {
            Err(ObjectError::AccessDenied)
        }
    }

    /// The display names of the accounts in an ACL, by canonical user id. Accounts that there are not are left out.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn account_names(&self, acl: &Acl) -> Result<HashMap<String, String>, ObjectError> {
        let ids: Vec<_> = acl.accounts().into_iter().map(AccountName::Id).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let known = self.catalogue.accounts_named(ids).await?;
        let owners = known.0.into_values();
        Ok(owners.map(|owner| (owner.id, owner.name)).collect())
    }

    /// Replaces the ACL of a bucket.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], what is wrong with the ACL, or when the catalogue
    /// cannot be used.
    pub async fn set_bucket_acl(
        &self,
        caller: &Identity,
        name: &str,
        acl: AclRequest,
    ) -> Result<(), ObjectError> {
        let known = self.known_accounts(&acl).await?;
        let caller = caller.clone();
        let unit = self
            .catalogue
            .change_bucket(bucket_ref(name), move |state| {
                decide::set_acl(state, &caller, &acl, &known)
            });
        unit.await.map(|changed| changed.result)
    }

    /// Changes a setting of a bucket of the caller.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::InvalidBucketState`] for settings that
    /// do not go together, or when the catalogue cannot be used.
    pub async fn change_setting(
        &self,
        caller: &Identity,
        name: &str,
        setting: SettingChange,
    ) -> Result<(), ObjectError> {
        let caller = caller.clone();
        let unit = self
            .catalogue
            .change_bucket(bucket_ref(name), move |state| {
                decide::change_settings(state, &caller, &setting)
            });
        unit.await.map(|changed| changed.result)
    }

    /// Makes sure that a bucket of the caller takes an object lock configuration, as [`SettingChange::ObjectLock`] would:
    /// that is reported before errors in the configuration itself.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], [`ObjectError::InvalidBucketState`], or when the
    /// catalogue cannot be used.
    pub async fn check_takes_lock(&self, caller: &Identity, name: &str) -> Result<(), ObjectError> {
        setting::check_takes_lock(&self.settings(caller, name).await?)
    }

    /// The settings of a bucket of the caller.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::AccessDenied`], or when the catalogue cannot be used.
    pub async fn settings(
        &self,
        caller: &Identity,
        name: &str,
    ) -> Result<BucketSettings, ObjectError> {
        let found = self.catalogue.bucket(name).await?;
        let bucket = access::owned_bucket(found.as_ref(), caller)?;
        Ok(bucket.settings.clone())
    }

    /// The settings of a bucket; the caller is not checked. `None` when there is no such bucket.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn any_settings(&self, name: &str) -> Result<Option<BucketSettings>, ObjectError> {
        let found = self.catalogue.bucket(name).await?;
        Ok(found.map(|bucket| bucket.settings))
    }
}

fn bucket_ref(name: &str) -> BucketRef {
    BucketRef {
        name: name.to_owned(),
        count_of: None,
    }
}
