//! Operations on buckets.

use gumnut_cloud_catalogue::{BucketSettings, ObjectLock, Permission, Versioning};
use gumnut_cloud_objects::{BucketQuery, ObjectError, ObjectStore, SettingChange};
use s3s::{S3Request, dto};

use crate::acl::acl_headers;
use crate::context::caller;
use crate::{S3Options, convert, listing};

/// Most buckets of a page, as in S3.
const MAX_BUCKETS: usize = 10_000;

/// `ListBuckets`
pub(super) async fn list(
    store: &ObjectStore,
    request: S3Request<dto::ListBucketsInput>,
) -> Result<dto::ListBucketsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let token = input.continuation_token.as_deref();
    let query = BucketQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        after: token
            .map(listing::read_token)
            .transpose()?
            .unwrap_or_default()
            .into_string(),
        limit: input.max_buckets.map(bucket_limit).transpose()?,
    };
    let page = store.list_buckets(&caller, &query).await?;
    let last = page.buckets.last().filter(|_| page.truncated);
    Ok(dto::ListBucketsOutput {
        continuation_token: last.map(|bucket| listing::write_token(&bucket.name)),
        buckets: Some(page.buckets.into_iter().map(convert::bucket).collect()),
        owner: Some(convert::owner(page.owner)),
        prefix: input.prefix,
    })
}

/// `max-buckets`
fn bucket_limit(asked: i32) -> Result<usize, ObjectError> {
    usize::try_from(asked)
        .ok()
        .filter(|count| (1..=MAX_BUCKETS).contains(count))
        .ok_or_else(|| ObjectError::argument("max-buckets must be between 1 and 10000"))
}

/// `CreateBucket`
pub(super) async fn create(
    store: &ObjectStore,
    options: &S3Options,
    request: S3Request<dto::CreateBucketInput>,
) -> Result<dto::CreateBucketOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let mut settings = BucketSettings::default();
    if input.object_lock_enabled_for_bucket == Some(true) {
        settings.lock = Some(ObjectLock::default());
        settings.versioning = Versioning::Enabled;
    }
    let asked = input.create_bucket_configuration;
    settings.location = asked
        .and_then(|asked| asked.location_constraint)
        .as_ref()
        .map(location_constraint)
        .transpose()?;
    if options.hidden_buckets.contains(&input.bucket) {
        return Err(ObjectError::InvalidBucketName.saying(format!(
            "A bucket cannot be called {}: a path of the cloud itself would hide it.",
            input.bucket
        )));
    }
    let acl = acl_headers!(input, grant_write).request(options.refuse_acl)?;
    let location = format!("/{}", input.bucket);
    store
        .create_bucket(
            &caller,
            &input.bucket,
            acl,
            settings,
            options.existing_bucket,
        )
        .await?;
    Ok(dto::CreateBucketOutput {
        location: Some(location),
    })
}

/// The longest name of a location, in bytes.
const MAX_LOCATION: usize = 63;

/// The location that a bucket keeps: any that could be one.
fn location_constraint(asked: &dto::BucketLocationConstraint) -> Result<String, ObjectError> {
    let name = asked.as_str();
    let is_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if name.len() > MAX_LOCATION || !name.bytes().all(is_name) {
        return Err(ObjectError::InvalidLocationConstraint);
    }
    Ok(name.to_owned())
}

/// `DeleteBucket`
pub(super) async fn delete(
    store: &ObjectStore,
    request: S3Request<dto::DeleteBucketInput>,
) -> Result<dto::DeleteBucketOutput, ObjectError> {
    let caller = caller(&request);
    store.delete_bucket(&caller, &request.input.bucket).await?;
    Ok(dto::DeleteBucketOutput::default())
}

/// `HeadBucket`
pub(super) async fn head(
    store: &ObjectStore,
    request: S3Request<dto::HeadBucketInput>,
) -> Result<dto::HeadBucketOutput, ObjectError> {
    let caller = caller(&request);
    let bucket = request.input.bucket;
    store.bucket(&caller, &bucket, Permission::Read).await?;
    Ok(dto::HeadBucketOutput::default())
}

/// `GetBucketLocation`: there is one place only, but a bucket keeps the name that its maker gave to it.
pub(super) async fn location(
    store: &ObjectStore,
    request: S3Request<dto::GetBucketLocationInput>,
) -> Result<dto::GetBucketLocationOutput, ObjectError> {
    let caller = caller(&request);
    let name = request.input.bucket;
    let bucket = store.bucket(&caller, &name, Permission::Read).await?;
    let location = bucket.settings.location;
    Ok(dto::GetBucketLocationOutput {
        location_constraint: location.map(dto::BucketLocationConstraint::from),
    })
}

/// `GetBucketVersioning`: a bucket that never had versions says so by its silence.
pub(super) async fn versioning(
    store: &ObjectStore,
    request: S3Request<dto::GetBucketVersioningInput>,
) -> Result<dto::GetBucketVersioningOutput, ObjectError> {
    let caller = caller(&request);
    let settings = store.settings(&caller, &request.input.bucket).await?;
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
    store: &ObjectStore,
    request: S3Request<dto::PutBucketVersioningInput>,
) -> Result<dto::PutBucketVersioningOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let mfa = input.versioning_configuration.mfa_delete;
    if mfa.is_some_and(|mfa| mfa.as_str() != dto::MFADelete::DISABLED) {
        return Err(ObjectError::not_implemented(
            "This store knows no devices for multi-factor authentication (MfaDelete).",
        ));
    }
    let status = input.versioning_configuration.status;
    let versioning = match status.as_ref().map(dto::BucketVersioningStatus::as_str) {
        Some(dto::BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(dto::BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        _ => return Err(ObjectError::MalformedXml),
    };
    let change = SettingChange::Versioning(versioning);
    store.change_setting(&caller, &input.bucket, change).await?;
    Ok(dto::PutBucketVersioningOutput::default())
}
