//! What a bucket keeps from the public, whatever ACLs say. There are no bucket policies.

use gumnut_cloud_catalogue::{Permission, PublicAccess};
use gumnut_cloud_objects::{ObjectError, ObjectStore, SettingChange};
use s3s::{S3Request, dto};

use crate::context::caller;

/// `GetPublicAccessBlock`
pub(super) async fn get(
    store: &ObjectStore,
    request: S3Request<dto::GetPublicAccessBlockInput>,
) -> Result<dto::GetPublicAccessBlockOutput, ObjectError> {
    let caller = caller(&request);
    let settings = store.settings(&caller, &request.input.bucket).await?;
    let access = settings
        .public_access
        .ok_or(ObjectError::NoPublicAccessBlock)?;
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
    store: &ObjectStore,
    request: S3Request<dto::PutPublicAccessBlockInput>,
) -> Result<dto::PutPublicAccessBlockOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let wanted = input.public_access_block_configuration;
    let access = PublicAccess {
        block_acls: wanted.block_public_acls == Some(true),
        ignore_acls: wanted.ignore_public_acls == Some(true),
        block_policy: wanted.block_public_policy == Some(true),
        restrict: wanted.restrict_public_buckets == Some(true),
    };
    let change = SettingChange::PublicAccess(Some(access));
    store.change_setting(&caller, &input.bucket, change).await?;
    Ok(dto::PutPublicAccessBlockOutput::default())
}

/// `DeletePublicAccessBlock`
pub(super) async fn delete(
    store: &ObjectStore,
    request: S3Request<dto::DeletePublicAccessBlockInput>,
) -> Result<dto::DeletePublicAccessBlockOutput, ObjectError> {
    let caller = caller(&request);
    let none = SettingChange::PublicAccess(None);
    store
        .change_setting(&caller, &request.input.bucket, none)
        .await?;
    Ok(dto::DeletePublicAccessBlockOutput::default())
}

/// `GetBucketPolicyStatus`: whether the bucket is public, which without policies its ACL alone decides.
pub(super) async fn status(
    store: &ObjectStore,
    request: S3Request<dto::GetBucketPolicyStatusInput>,
) -> Result<dto::GetBucketPolicyStatusOutput, ObjectError> {
    let caller = caller(&request);
    let name = request.input.bucket;
    let bucket = store.bucket(&caller, &name, Permission::ReadAcp).await?;
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
