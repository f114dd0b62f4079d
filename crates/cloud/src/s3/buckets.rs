//! Operations on buckets.

use s3s::{S3Request, dto};

use super::{acl, convert, who};
use crate::state::State;
use crate::store::{Permission, StoreError};

pub(super) async fn list(
    state: &State,
    request: S3Request<dto::ListBucketsInput>,
) -> Result<dto::ListBucketsOutput, StoreError> {
    let (owner, buckets) = state.store.list_buckets(who(&request)).await?;
    Ok(dto::ListBucketsOutput {
        buckets: Some(buckets.into_iter().map(convert::bucket).collect()),
        owner: Some(convert::owner(owner)),
        ..dto::ListBucketsOutput::default()
    })
}

pub(super) async fn create(
    state: &State,
    request: S3Request<dto::CreateBucketInput>,
) -> Result<dto::CreateBucketOutput, StoreError> {
    let who = who(&request);
    let input = request.input;
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(StoreError::not_implemented(
            "This store does not lock objects.",
        ));
    }
    let acl = acl::asked(
        &state.config,
        input.acl.as_ref().map(dto::BucketCannedACL::as_str),
        &acl::GrantHeaders {
            full_control: input.grant_full_control.as_deref(),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write: input.grant_write.as_deref(),
            write_acp: input.grant_write_acp.as_deref(),
        },
    )?;
    let location = format!("/{}", input.bucket);
    state.store.create_bucket(who, input.bucket, acl).await?;
    Ok(dto::CreateBucketOutput {
        location: Some(location),
    })
}

pub(super) async fn delete(
    state: &State,
    request: S3Request<dto::DeleteBucketInput>,
) -> Result<dto::DeleteBucketOutput, StoreError> {
    let who = who(&request);
    state.store.delete_bucket(who, request.input.bucket).await?;
    Ok(dto::DeleteBucketOutput::default())
}

pub(super) async fn head(
    state: &State,
    request: S3Request<dto::HeadBucketInput>,
) -> Result<dto::HeadBucketOutput, StoreError> {
    let who = who(&request);
    let bucket = request.input.bucket;
    state.store.bucket(who, bucket, Permission::Read).await?;
    Ok(dto::HeadBucketOutput::default())
}

/// There is one location, whose name is the empty one.
pub(super) async fn location(
    state: &State,
    request: S3Request<dto::GetBucketLocationInput>,
) -> Result<dto::GetBucketLocationOutput, StoreError> {
    let who = who(&request);
    let bucket = request.input.bucket;
    state.store.bucket(who, bucket, Permission::Read).await?;
    Ok(dto::GetBucketLocationOutput::default())
}

/// No bucket has ever had versions, which the answer says by its silence.
pub(super) async fn versioning(
    state: &State,
    request: S3Request<dto::GetBucketVersioningInput>,
) -> Result<dto::GetBucketVersioningOutput, StoreError> {
    let who = who(&request);
    let bucket = request.input.bucket;
    state.store.bucket(who, bucket, Permission::Read).await?;
    Ok(dto::GetBucketVersioningOutput::default())
}

pub(super) async fn set_versioning(
    state: &State,
    request: S3Request<dto::PutBucketVersioningInput>,
) -> Result<dto::PutBucketVersioningOutput, StoreError> {
    let who = who(&request);
    let bucket = request.input.bucket;
    state
        .store
        .bucket(who, bucket, Permission::WriteAcp)
        .await?;
    Err(StoreError::not_implemented(
        "This store keeps no versions of objects.",
    ))
}
