//! Tags of buckets and objects. Who may read an object may read its tags; who may write to the bucket may set them.

use gumnut_cloud_catalogue::Tags;
use gumnut_cloud_objects::{ObjectError, ObjectStore, SettingChange, bucket_tags, object_tags};
use s3s::{S3Request, dto};

use crate::context::caller;
use crate::convert::{self, object_ref};

/// `GetObjectTagging`
pub(super) async fn get(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectTaggingInput>,
) -> Result<dto::GetObjectTaggingOutput, ObjectError> {
    let caller = caller(&request);
    let view = store.head(&caller, &object_ref!(request.input)).await?;
    Ok(dto::GetObjectTaggingOutput {
        tag_set: convert::tag_set(view.object.tags_and_lock.tags),
        version_id: None,
    })
}

/// `PutObjectTagging`
pub(super) async fn put(
    store: &ObjectStore,
    request: S3Request<dto::PutObjectTaggingInput>,
) -> Result<dto::PutObjectTaggingOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let tags = object_tags(convert::tags_of_document(input.tagging))?;
    store.set_tags(&caller, &object_ref!(input), tags).await?;
    Ok(dto::PutObjectTaggingOutput::default())
}

/// `DeleteObjectTagging`
pub(super) async fn delete(
    store: &ObjectStore,
    request: S3Request<dto::DeleteObjectTaggingInput>,
) -> Result<dto::DeleteObjectTaggingOutput, ObjectError> {
    let caller = caller(&request);
    store
        .set_tags(&caller, &object_ref!(request.input), Tags::new())
        .await?;
    Ok(dto::DeleteObjectTaggingOutput::default())
}

/// `GetBucketTagging`
pub(super) async fn get_of_bucket(
    store: &ObjectStore,
    request: S3Request<dto::GetBucketTaggingInput>,
) -> Result<dto::GetBucketTaggingOutput, ObjectError> {
    let caller = caller(&request);
    let settings = store.settings(&caller, &request.input.bucket).await?;
    let tags = settings.tags.ok_or(ObjectError::NoTagSet)?;
    Ok(dto::GetBucketTaggingOutput {
        tag_set: convert::tag_set(tags),
    })
}

/// `PutBucketTagging`
pub(super) async fn put_of_bucket(
    store: &ObjectStore,
    request: S3Request<dto::PutBucketTaggingInput>,
) -> Result<dto::PutBucketTaggingOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let tags = bucket_tags(convert::tags_of_document(input.tagging))?;
    store
        .change_setting(&caller, &input.bucket, SettingChange::Tags(Some(tags)))
        .await?;
    Ok(dto::PutBucketTaggingOutput::default())
}

/// `DeleteBucketTagging`
pub(super) async fn delete_of_bucket(
    store: &ObjectStore,
    request: S3Request<dto::DeleteBucketTaggingInput>,
) -> Result<dto::DeleteBucketTaggingOutput, ObjectError> {
    let caller = caller(&request);
    store
        .change_setting(&caller, &request.input.bucket, SettingChange::Tags(None))
        .await?;
    Ok(dto::DeleteBucketTaggingOutput::default())
}
