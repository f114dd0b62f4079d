//! Operations on buckets.

use s3s::{S3Request, dto};

use super::acl::acl_headers;
use super::context::caller;
use super::{S3Options, convert, listing};
use crate::store::{BucketQuery, Lock, Permission, Settings, Store, StoreError, Versioning};

/// Most buckets of a page, as in S3.
const MAX_BUCKETS: usize = 10_000;

/// `ListBuckets`
pub(super) async fn list(
    store: &Store,
    request: S3Request<dto::ListBucketsInput>,
) -> Result<dto::ListBucketsOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let token = input.continuation_token.as_deref();
    let query = BucketQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        after: token
            .map(listing::read_token)
            .transpose()?
            .unwrap_or_default(),
        limit: input.max_buckets.map(bucket_limit).transpose()?,
    };
    let (owner, buckets, more) = store.list_buckets(caller, query).await?;
    let last = buckets.last().filter(|_| more);
    Ok(dto::ListBucketsOutput {
        continuation_token: last.map(|bucket| listing::write_token(&bucket.name)),
        buckets: Some(buckets.into_iter().map(convert::bucket).collect()),
        owner: Some(convert::owner(owner)),
        prefix: input.prefix,
    })
}

fn bucket_limit(asked: i32) -> Result<usize, StoreError> {
    usize::try_from(asked)
        .ok()
        .filter(|count| (1..=MAX_BUCKETS).contains(count))
        .ok_or_else(|| StoreError::argument("max-buckets must be between 1 and 10000"))
}

/// `CreateBucket`
pub(super) async fn create(
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::CreateBucketInput>,
) -> Result<dto::CreateBucketOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let mut settings = Settings::default();
    if input.object_lock_enabled_for_bucket == Some(true) {
        settings.lock = Some(Lock::default());
        settings.versioning = Versioning::Enabled;
    }
    let asked = input.create_bucket_configuration;
    settings.location = asked
        .and_then(|asked| asked.location_constraint)
        .map(|location| location.as_str().to_owned());
    let acl = acl_headers!(input, grant_write).request(options.refuse_acl)?;
    let location = format!("/{}", input.bucket);
    let bucket = input.bucket;
    store
        .create_bucket(caller, bucket, acl, settings, options.existing_bucket)
        .await?;
    Ok(dto::CreateBucketOutput {
        location: Some(location),
    })
}

/// `DeleteBucket`
pub(super) async fn delete(
    store: &Store,
    request: S3Request<dto::DeleteBucketInput>,
) -> Result<dto::DeleteBucketOutput, StoreError> {
    let caller = caller(&request);
    store.delete_bucket(caller, request.input.bucket).await?;
    Ok(dto::DeleteBucketOutput::default())
}

/// `HeadBucket`
pub(super) async fn head(
    store: &Store,
    request: S3Request<dto::HeadBucketInput>,
) -> Result<dto::HeadBucketOutput, StoreError> {
    let caller = caller(&request);
    let bucket = request.input.bucket;
    store.bucket(caller, bucket, Permission::Read).await?;
    Ok(dto::HeadBucketOutput::default())
}

/// `GetBucketLocation`: there is one place only, but a bucket keeps the name that its maker gave to it.
pub(super) async fn location(
    store: &Store,
    request: S3Request<dto::GetBucketLocationInput>,
) -> Result<dto::GetBucketLocationOutput, StoreError> {
    let caller = caller(&request);
    let name = request.input.bucket;
    let bucket = store.bucket(caller, name, Permission::Read).await?;
    let location = bucket.settings.location;
    Ok(dto::GetBucketLocationOutput {
        location_constraint: location.map(dto::BucketLocationConstraint::from),
    })
}

/// `GetBucketVersioning`: a bucket that never had versions says so by its silence.
pub(super) async fn versioning(
    store: &Store,
    request: S3Request<dto::GetBucketVersioningInput>,
) -> Result<dto::GetBucketVersioningOutput, StoreError> {
    let caller = caller(&request);
    let settings = store.settings(caller, request.input.bucket).await?;
    let status = match settings.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some(dto::BucketVersioningStatus::ENABLED),
        Versioning::Suspended => Some(dto::BucketVersioningStatus::SUSPENDED),
    };
    Ok(dto::GetBucketVersioningOutput {
        status: status.map(dto::BucketVersioningStatus::from_static),
        ..dto::GetBucketVersioningOutput::default()
    })
}

/// `PutBucketVersioning`
pub(super) async fn set_versioning(
    store: &Store,
    request: S3Request<dto::PutBucketVersioningInput>,
) -> Result<dto::PutBucketVersioningOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let status = input.versioning_configuration.status;
    let versioning = match status.as_ref().map(dto::BucketVersioningStatus::as_str) {
        Some(dto::BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(dto::BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => return Err(StoreError::MalformedXml),
    };
    store
        .change_settings(caller, input.bucket, move |settings| {
            if settings.lock.is_some() && versioning == Versioning::Suspended {
                return Err(StoreError::InvalidBucketState.saying(
                    "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                ));
            }
            settings.versioning = versioning;
            Ok(())
        })
        .await?;
    Ok(dto::PutBucketVersioningOutput::default())
}
