//! Tags of buckets and objects. Who may read an object may read its tags; who may write to the bucket may set them.

use s3s::{S3Request, dto};

use super::context::caller;
use super::convert::{self, place};
use crate::auth::Identity;
use crate::store::{Marks, Permission, Place, Store, StoreError, Tags, bucket_tags, object_tags};

/// `GetObjectTagging`
pub(super) async fn get(
    store: &Store,
    request: S3Request<dto::GetObjectTaggingInput>,
) -> Result<dto::GetObjectTaggingOutput, StoreError> {
    let caller = caller(&request);
    let place = place!(request.input);
    let object = store.object(caller, place, Permission::Read).await?;
    Ok(dto::GetObjectTaggingOutput {
        tag_set: convert::tag_set(object.marks.tags),
        version_id: None,
    })
}

/// `PutObjectTagging`
pub(super) async fn put(
    store: &Store,
    request: S3Request<dto::PutObjectTaggingInput>,
) -> Result<dto::PutObjectTaggingOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let tags = object_tags(convert::tags_of_document(input.tagging))?;
    set(store, caller, place!(input), tags).await?;
    Ok(dto::PutObjectTaggingOutput::default())
}

/// `DeleteObjectTagging`
pub(super) async fn delete(
    store: &Store,
    request: S3Request<dto::DeleteObjectTaggingInput>,
) -> Result<dto::DeleteObjectTaggingOutput, StoreError> {
    let caller = caller(&request);
    set(store, caller, place!(request.input), Tags::new()).await?;
    Ok(dto::DeleteObjectTaggingOutput::default())
}

async fn set(store: &Store, caller: Identity, place: Place, tags: Tags) -> Result<(), StoreError> {
    store
        .change_marks(caller, place, Permission::FullControl, |_, object, _| {
            Ok(Marks {
                tags,
                ..object.marks.clone()
            })
        })
        .await
        .map(drop)
}

/// `GetBucketTagging`
pub(super) async fn get_of_bucket(
    store: &Store,
    request: S3Request<dto::GetBucketTaggingInput>,
) -> Result<dto::GetBucketTaggingOutput, StoreError> {
    let caller = caller(&request);
    let settings = store.settings(caller, request.input.bucket).await?;
    let tags = settings.tags.ok_or(StoreError::NoTagSet)?;
    Ok(dto::GetBucketTaggingOutput {
        tag_set: convert::tag_set(tags),
    })
}

/// `PutBucketTagging`
pub(super) async fn put_of_bucket(
    store: &Store,
    request: S3Request<dto::PutBucketTaggingInput>,
) -> Result<dto::PutBucketTaggingOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let tags = bucket_tags(convert::tags_of_document(input.tagging))?;
    set_of_bucket(store, caller, input.bucket, Some(tags)).await?;
    Ok(dto::PutBucketTaggingOutput::default())
}

/// `DeleteBucketTagging`
pub(super) async fn delete_of_bucket(
    store: &Store,
    request: S3Request<dto::DeleteBucketTaggingInput>,
) -> Result<dto::DeleteBucketTaggingOutput, StoreError> {
    let caller = caller(&request);
    set_of_bucket(store, caller, request.input.bucket, None).await?;
    Ok(dto::DeleteBucketTaggingOutput::default())
}

async fn set_of_bucket(
    store: &Store,
    caller: Identity,
    bucket: String,
    tags: Option<Tags>,
) -> Result<(), StoreError> {
    store
        .change_settings(caller, bucket, |settings| {
            settings.tags = tags;
            Ok(())
        })
        .await
}
