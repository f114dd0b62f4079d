//! What a bucket keeps from the public, whatever ACLs say. There are no bucket policies.

use s3s::{S3Request, dto};

use super::context::caller;
use crate::store::{Permission, PublicAccess, Store, StoreError};

/// `GetPublicAccessBlock`
pub(super) async fn get(
    store: &Store,
    request: S3Request<dto::GetPublicAccessBlockInput>,
) -> Result<dto::GetPublicAccessBlockOutput, StoreError> {
    let caller = caller(&request);
    let settings = store.settings(caller, request.input.bucket).await?;
    let access = settings
        .public_access
        .ok_or(StoreError::NoPublicAccessBlock)?;
    Ok(dto::GetPublicAccessBlockOutput {
        public_access_block_configuration: Some(dto::PublicAccessBlockConfiguration {
            block_public_acls: Some(access.block_acls),
            block_public_policy: Some(access.block_policy),
            ignore_public_acls: Some(access.ignore_acls),
            restrict_public_buckets: Some(access.restrict),
        }),
    })
}

/// `PutPublicAccessBlock`
pub(super) async fn put(
    store: &Store,
    request: S3Request<dto::PutPublicAccessBlockInput>,
) -> Result<dto::PutPublicAccessBlockOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let wanted = input.public_access_block_configuration;
    let access = PublicAccess {
        block_acls: wanted.block_public_acls == Some(true),
        ignore_acls: wanted.ignore_public_acls == Some(true),
        block_policy: wanted.block_public_policy == Some(true),
        restrict: wanted.restrict_public_buckets == Some(true),
    };
    store
        .change_settings(caller, input.bucket, move |settings| {
            settings.public_access = Some(access);
            Ok(())
        })
        .await?;
    Ok(dto::PutPublicAccessBlockOutput::default())
}

/// `DeletePublicAccessBlock`
pub(super) async fn delete(
    store: &Store,
    request: S3Request<dto::DeletePublicAccessBlockInput>,
) -> Result<dto::DeletePublicAccessBlockOutput, StoreError> {
    let caller = caller(&request);
    store
        .change_settings(caller, request.input.bucket, |settings| {
            settings.public_access = None;
            Ok(())
        })
        .await?;
    Ok(dto::DeletePublicAccessBlockOutput::default())
}

/// `GetBucketPolicyStatus`: whether the bucket is public, which without policies its ACL alone decides.
pub(super) async fn status(
    store: &Store,
    request: S3Request<dto::GetBucketPolicyStatusInput>,
) -> Result<dto::GetBucketPolicyStatusOutput, StoreError> {
    let caller = caller(&request);
    let name = request.input.bucket;
    let bucket = store.bucket(caller, name, Permission::ReadAcp).await?;
    let ignored = bucket
        .settings
        .public_access
        .unwrap_or_default()
        .ignore_acls;
    let is_public = !ignored && bucket.acl.is_public();
    Ok(dto::GetBucketPolicyStatusOutput {
        policy_status: Some(dto::PolicyStatus {
            is_public: Some(is_public),
        }),
    })
}
