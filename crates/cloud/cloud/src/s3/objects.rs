//! Operations on objects that bring no bytes.

use std::ops::Range;

use s3s::{S3Request, dto};
use time::OffsetDateTime;

use super::context::caller;
use super::convert::{self, Checksums, with_checksums};
use super::copy::has_versions;
use super::lock;
use crate::catalogue::objects::Object;
use crate::store::{Doomed, Governance, ObjectReader, Place, Store, StoreError};

/// Most keys of one request that deletes many, as in S3.
const MAX_KEYS: usize = 1000;

pub(super) async fn get(
    store: &Store,
    request: S3Request<dto::GetObjectInput>,
) -> Result<dto::GetObjectOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let bucket = input.bucket.clone();
    let place = Place {
        bucket: input.bucket,
        key: input.key,
        version: convert::version(input.version_id),
    };
    let (object, reader) = store.open_object(caller, place).await?;
    convert::conditions(
        input.if_match,
        input.if_none_match,
        input.if_modified_since,
        input.if_unmodified_since,
    )
    .for_reading(&object)?;
    let parts_count = parts_count(&object, &reader, input.part_number);
    let range = wanted(input.range, input.part_number, &object, &reader)?;
    // There is no way to say where in an object nothing lies.
    let content_range = range
        .as_ref()
        .filter(|range| !range.is_empty())
        .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
    let sums = Checksums::to_send(&object, input.checksum_mode.is_some(), range.is_none());
    let reader = match range {
        Some(range) => reader.range(range),
        None => reader,
    };
    let length = reader.left();
    let tag_count = i32::try_from(object.marks.tags.len()).ok();
    let retention = object.marks.retention;
    let hold = object.marks.legal_hold;
    let versions = has_versions(store, bucket).await?;
    let headers = object.headers;
    Ok(with_checksums!(
        sums,
        dto::GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(dto::StreamingBlob::wrap(reader.into_stream())),
            cache_control: headers.cache_control,
            checksum_type: sums.kind,
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
            object_lock_legal_hold_status: hold.map(lock::hold_status),
            object_lock_mode: retention
                .map(|kept| dto::ObjectLockMode::from_static(lock::mode_name(kept.mode))),
            object_lock_retain_until_date: retention.map(|kept| convert::timestamp(kept.until)),
            parts_count,
            tag_count: tag_count.filter(|count| *count > 0),
            version_id: versions.then_some(object.version),
            ..dto::GetObjectOutput::default()
        }
    ))
}

pub(super) async fn head(
    store: &Store,
    request: S3Request<dto::HeadObjectInput>,
) -> Result<dto::HeadObjectOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let bucket = input.bucket.clone();
    let place = Place {
        bucket: input.bucket,
        key: input.key,
        version: convert::version(input.version_id),
    };
    let (object, part) = match input.part_number {
        None => (store.head(caller, place).await?, None),
        Some(number) => {
            let (object, reader) = store.open_object(caller, place).await?;
            let count = parts_count(&object, &reader, Some(number));
            let range = wanted(None, Some(number), &object, &reader)?;
            (object, Some((range, count)))
        }
    };
    convert::conditions(
        input.if_match,
        input.if_none_match,
        input.if_modified_since,
        input.if_unmodified_since,
    )
    .for_reading(&object)?;
    let whole = part.is_none();
    let sums = Checksums::to_send(&object, input.checksum_mode.is_some(), whole);
    let (range, parts_count) = part.unwrap_or_default();
    let length = range.map_or(object.size, |range| range.end - range.start);
    let retention = object.marks.retention;
    let hold = object.marks.legal_hold;
    let versions = has_versions(store, bucket).await?;
    let headers = object.headers;
    Ok(with_checksums!(
        sums,
        dto::HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: headers.cache_control,
            checksum_type: sums.kind,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            content_length: Some(convert::size(length)),
            content_type: Some(content_type(headers.content_type)),
            e_tag: Some(convert::etag(object.etag)),
            expires: headers.expires.map(expires),
            last_modified: Some(convert::timestamp(object.modified)),
            metadata: Some(headers.metadata.into_iter().collect()),
            object_lock_legal_hold_status: hold.map(lock::hold_status),
            object_lock_mode: retention
                .map(|kept| dto::ObjectLockMode::from_static(lock::mode_name(kept.mode))),
            object_lock_retain_until_date: retention.map(|kept| convert::timestamp(kept.until)),
            parts_count,
            version_id: versions.then_some(object.version),
            ..dto::HeadObjectOutput::default()
        }
    ))
}

/// There are no torrents here, which is told to whoever may read the object.
pub(super) async fn torrent(
    store: &Store,
    request: S3Request<dto::GetObjectTorrentInput>,
) -> Result<dto::GetObjectTorrentOutput, StoreError> {
    let caller = caller(&request);
    let place = Place::newest(request.input.bucket, request.input.key);
    store.head(caller, place).await?;
    Err(StoreError::NoTorrent)
}

/// The piece of an object that a request wants; nothing for all of it.
fn wanted(
    range: Option<dto::Range>,
    part: Option<i32>,
    object: &Object,
    reader: &ObjectReader,
) -> Result<Option<Range<u64>>, StoreError> {
    let range = match (range, part) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(StoreError::invalid_request(
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        (Some(range), None) => range.check(object.size).ok(),
        (None, Some(number)) => {
            let number = usize::try_from(number).unwrap_or(0);
            let part = reader.part(number);
            return part.map(Some).ok_or(StoreError::InvalidPart);
        }
    };
    range.map(Some).ok_or(StoreError::InvalidRange)
}

/// How many parts an object has, told when a part is asked for and the object came in parts.
fn parts_count(object: &Object, reader: &ObjectReader, asked: Option<i32>) -> Option<i32> {
    let count = i32::try_from(reader.parts()).ok();
    count.filter(|_| object.is_of_parts() && asked.is_some())
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
    store: &Store,
    request: S3Request<dto::DeleteObjectInput>,
) -> Result<dto::DeleteObjectOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let doomed = vec![Doomed {
        key: input.key,
        version: convert::version(input.version_id),
    }];
    let governance = governance(input.bypass_governance_retention);
    let deleted = store
        .delete(caller, input.bucket, doomed, governance)
        .await?;
    let deleted = deleted.into_iter().next().transpose()?.unwrap_or_default();
    Ok(dto::DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.version,
        ..dto::DeleteObjectOutput::default()
    })
}

pub(super) fn governance(bypass: Option<bool>) -> Governance {
    if bypass == Some(true) {
        Governance::Bypass
    } else {
        Governance::Obey
    }
}

pub(super) async fn delete_many(
    store: &Store,
    request: S3Request<dto::DeleteObjectsInput>,
) -> Result<dto::DeleteObjectsOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    let quiet = input.delete.quiet.unwrap_or(false);
    if input.delete.objects.len() > MAX_KEYS {
        return Err(StoreError::MalformedXml);
    }
    let objects = input.delete.objects.into_iter().map(|object| Doomed {
        key: object.key,
        version: convert::version(object.version_id),
    });
    let doomed: Vec<_> = objects.collect();
    let governance = governance(input.bypass_governance_retention);
    let results = store
        .delete(caller, input.bucket, doomed.clone(), governance)
        .await;
    let results = match results {
        Err(StoreError::AccessDenied) => {
            let denied = || Err(StoreError::AccessDenied);
            doomed.iter().map(|_| denied()).collect()
        }
        results => results?,
    };
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (doomed, result) in doomed.into_iter().zip(results) {
        match result {
            Ok(_) if quiet => {}
            Ok(done) => deleted.push(dto::DeletedObject {
                delete_marker: done.marker.then_some(true),
                delete_marker_version_id: done.version.filter(|_| done.marker),
                key: Some(doomed.key),
                version_id: doomed.version,
            }),
            Err(error) => errors.push(dto::Error {
                code: Some(error.code().to_owned()),
                key: Some(doomed.key),
                message: Some(error.to_string()),
                version_id: doomed.version,
            }),
        }
    }
    Ok(dto::DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..dto::DeleteObjectsOutput::default()
    })
}
