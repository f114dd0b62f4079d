//! Operations on objects that bring no bytes.

use s3s::{S3Request, dto};
use time::OffsetDateTime;

use super::convert::{self, Checksums};
use super::who;
use crate::catalogue::objects::Object;
use crate::state::State;
use crate::store::{Place, StoreError};

/// Most keys of one request that deletes many, as in S3.
const MAX_KEYS: usize = 1000;

pub(super) async fn get(
    state: &State,
    request: S3Request<dto::GetObjectInput>,
) -> Result<dto::GetObjectOutput, StoreError> {
    let who = who(&request);
    let input = request.input;
    convert::check_version(input.version_id.as_deref())?;
    check_part(input.part_number)?;
    let place = Place {
        bucket: input.bucket,
        key: input.key,
    };
    let (object, reader) = state.store.open_object(who, place).await?;
    convert::conditions(
        input.if_match,
        input.if_none_match,
        input.if_modified_since,
        input.if_unmodified_since,
    )
    .for_reading(&object)?;
    let range = match input.range {
        Some(range) => Some(
            range
                .check(object.size)
                .map_err(|_| StoreError::InvalidRange)?,
        ),
        None => None,
    };
    let content_range = range
        .as_ref()
        .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
    let sums = Checksums::to_send(&object, input.checksum_mode.is_some(), range.is_none());
    let reader = match range {
        Some(range) => reader.range(range),
        None => reader,
    };
    let length = reader.left();
    let headers = object.headers;
    Ok(dto::GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(dto::StreamingBlob::wrap(reader.into_stream())),
        cache_control: headers.cache_control,
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        content_disposition: headers.content_disposition,
        content_encoding: headers.content_encoding,
        content_language: headers.content_language,
        content_length: Some(convert::size(length)),
        content_range,
        content_type: Some(content_type(headers.content_type)),
        e_tag: Some(convert::etag(object.etag)),
        expires: headers.expires.map(expires),
        last_modified: Some(convert::timestamp(object.modified)),
        metadata: Some(headers.metadata.into_iter().collect()),
        ..dto::GetObjectOutput::default()
    })
}

pub(super) async fn head(
    state: &State,
    request: S3Request<dto::HeadObjectInput>,
) -> Result<dto::HeadObjectOutput, StoreError> {
    let who = who(&request);
    let input = request.input;
    convert::check_version(input.version_id.as_deref())?;
    check_part(input.part_number)?;
    let place = Place {
        bucket: input.bucket,
        key: input.key,
    };
    let object: Object = state.store.head(who, place).await?;
    convert::conditions(
        input.if_match,
        input.if_none_match,
        input.if_modified_since,
        input.if_unmodified_since,
    )
    .for_reading(&object)?;
    let sums = Checksums::to_send(&object, input.checksum_mode.is_some(), true);
    let headers = object.headers;
    Ok(dto::HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: headers.cache_control,
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        content_disposition: headers.content_disposition,
        content_encoding: headers.content_encoding,
        content_language: headers.content_language,
        content_length: Some(convert::size(object.size)),
        content_type: Some(content_type(headers.content_type)),
        e_tag: Some(convert::etag(object.etag)),
        expires: headers.expires.map(expires),
        last_modified: Some(convert::timestamp(object.modified)),
        metadata: Some(headers.metadata.into_iter().collect()),
        ..dto::HeadObjectOutput::default()
    })
}

fn check_part(number: Option<i32>) -> Result<(), StoreError> {
    match number {
        None => Ok(()),
        Some(_) => Err(StoreError::not_implemented(
            "This store gives objects by ranges and not by part numbers.",
        )),
    }
}

fn content_type(kept: Option<String>) -> String {
    kept.unwrap_or_else(|| convert::DEFAULT_TYPE.to_owned())
}

fn expires(seconds: i64) -> dto::Timestamp {
    OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .into()
}

pub(super) async fn delete(
    state: &State,
    request: S3Request<dto::DeleteObjectInput>,
) -> Result<dto::DeleteObjectOutput, StoreError> {
    let who = who(&request);
    let input = request.input;
    convert::check_version(input.version_id.as_deref())?;
    state
        .store
        .delete(who, input.bucket, vec![input.key])
        .await?;
    Ok(dto::DeleteObjectOutput::default())
}

pub(super) async fn delete_many(
    state: &State,
    request: S3Request<dto::DeleteObjectsInput>,
) -> Result<dto::DeleteObjectsOutput, StoreError> {
    let who = who(&request);
    let input = request.input;
    let quiet = input.delete.quiet.unwrap_or(false);
    if input.delete.objects.len() > MAX_KEYS {
        return Err(StoreError::MalformedXml);
    }
    let (here, elsewhere): (Vec<_>, Vec<_>) = input
        .delete
        .objects
        .into_iter()
        .partition(|object| convert::check_version(object.version_id.as_deref()).is_ok());
    let keys: Vec<_> = here.into_iter().map(|object| object.key).collect();
    let result = state.store.delete(who, input.bucket, keys.clone()).await;
    let mut errors: Vec<dto::Error> = elsewhere
        .into_iter()
        .map(|object| failure(object.key, object.version_id, &StoreError::NoSuchVersion))
        .collect();
    let mut deleted = Vec::new();
    match result {
        Ok(()) if quiet => {}
        Ok(()) => {
            deleted.extend(keys.into_iter().map(|key| dto::DeletedObject {
                key: Some(key),
                ..dto::DeletedObject::default()
            }));
        }
        Err(error) if error.code() == StoreError::AccessDenied.code() => {
            errors.extend(keys.into_iter().map(|key| failure(key, None, &error)));
        }
        Err(error) => return Err(error),
    }
    Ok(dto::DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..dto::DeleteObjectsOutput::default()
    })
}

fn failure(key: String, version_id: Option<String>, error: &StoreError) -> dto::Error {
    dto::Error {
        code: Some(error.code().to_owned()),
        key: Some(key),
        message: Some(error.to_string()),
        version_id,
    }
}
