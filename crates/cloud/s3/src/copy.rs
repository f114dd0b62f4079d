//! Copies inside the store.

use gumnut_cloud_catalogue::{ChecksumAlgorithm, Key, ObjectVersion, TagsAndLock, UploadRef};
use gumnut_cloud_objects::{NewObject, ObjectError, ObjectRef, ObjectStore, checksum};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName};
use s3s::{S3Request, dto};

use crate::S3Options;
use crate::acl::{acl_headers, grant_write};
use crate::context::caller;
use crate::convert::{self, Checksums, headers_of, with_checksums};
use crate::lock::tags_and_lock_of;

/// `CopyObject`
pub(super) async fn object(
    store: &ObjectStore,
    options: &S3Options,
    request: S3Request<dto::CopyObjectInput>,
) -> Result<dto::CopyObjectOutput, ObjectError> {
    let caller = caller(&request);
    let conditions = convert::conditions(
        etag_condition(&request.headers, &IF_MATCH)?,
        etag_condition(&request.headers, &IF_NONE_MATCH)?,
        None,
        None,
    );
    let input = request.input;
    let source = source(&input.copy_source)?;
    let (replace, keep_tags) = (replaces_headers(&input), keeps_tags(&input));
    if keep_tags && input.tagging.is_some() {
        return Err(ObjectError::invalid_request(
            "Tags for a copy come with x-amz-tagging-directive: REPLACE.",
        ));
    }
    let sent_headers = headers_of!(input)?;
    let sent_tags_and_lock = tags_and_lock_of!(input)?;
    let target = ObjectRef::newest(input.bucket, Key::new(input.key)?);
    if target == source && !replace {
        return Err(ObjectError::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let acl = acl_headers!(input, grant_write(&request.headers)).request(options.refuse_acl)?;

    // Before the source is read: who may not write learns nothing of it.
    store.check_put(&caller, &target.bucket).await?;
    check_source_owner(
        store,
        &source,
        input.expected_source_bucket_owner.as_deref(),
    )
    .await?;
    let (view, reader) = store.open_object(&caller, &source).await?;
    let old = view.object;
    convert::conditions(
        input.copy_source_if_match,
        input.copy_source_if_none_match,
        input.copy_source_if_modified_since,
        input.copy_source_if_unmodified_since,
    )
    .for_copying(&old)?;

    let algorithm = match &input.checksum_algorithm {
        Some(algorithm) => Some(convert::algorithm(algorithm)?),
        None => of_checksums(&old),
    };
    let body = store.receive_copy(reader, algorithm).await?;
    let mut headers = if replace { sent_headers } else { old.headers };
    if algorithm.is_some() {
        headers.checksums.clear();
    }
    let tags_and_lock = if keep_tags {
        TagsAndLock {
            tags: old.tags_and_lock.tags,
            ..sent_tags_and_lock
        }
    } else {
        sent_tags_and_lock
    };
    let object = NewObject {
        bucket: target.bucket,
        key: target.key,
        acl,
        headers,
        tags_and_lock,
        conditions,
    };
    let stored = store.put(&caller, object, body).await?;
    let sums = Checksums::of(&stored.checksums);
    let result = with_checksums!(
        sums,
        dto::CopyObjectResult {
            checksum_type: sums.kind,
            e_tag: Some(convert::etag(stored.etag)),
            last_modified: Some(convert::timestamp(stored.modified)),
        }
    );
    Ok(dto::CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: view.has_versions.then_some(old.version),
        version_id: stored.version,
        ..dto::CopyObjectOutput::default()
    })
}

/// Whether a copy gets the headers of the request in the place of those of its source.
fn replaces_headers(input: &dto::CopyObjectInput) -> bool {
    input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == dto::MetadataDirective::REPLACE)
}

/// Whether a copy gets the tags of its source.
fn keeps_tags(input: &dto::CopyObjectInput) -> bool {
    input
        .tagging_directive
        .as_ref()
        .is_none_or(|directive| directive.as_str() == dto::TaggingDirective::COPY)
}

/// `UploadPartCopy`
pub(super) async fn part(
    store: &ObjectStore,
    request: S3Request<dto::UploadPartCopyInput>,
) -> Result<dto::UploadPartCopyOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let source = source(&input.copy_source)?;
    let conditions = convert::conditions(
        input.copy_source_if_match,
        input.copy_source_if_none_match,
        input.copy_source_if_modified_since,
        input.copy_source_if_unmodified_since,
    );
    let upload = UploadRef {
        bucket: input.bucket,
        key: Key::new(input.key)?,
        id: input.upload_id,
    };
    let number = u32::try_from(input.part_number).unwrap_or(0);
    let algorithm = store
        .check_part(&caller, &upload, number)
        .await?
        .map(|wanted| wanted.algorithm);
    check_source_owner(
        store,
        &source,
        input.expected_source_bucket_owner.as_deref(),
    )
    .await?;
    let (view, reader) = store.open_object(&caller, &source).await?;
    conditions.for_copying(&view.object)?;
    let wanted = match input.copy_source_range.as_deref() {
        Some(range) => reader.range(copy_range(range, view.object.size)?),
        None => reader,
    };
    let body = store.receive_part_copy(wanted, algorithm).await?;
    let stored = store.put_part(&caller, &upload, number, body, None).await?;
    let sums = Checksums::of(&stored.checksums);
    let result = with_checksums!(
        sums,
        dto::CopyPartResult {
            e_tag: Some(convert::etag(stored.etag)),
            last_modified: Some(convert::timestamp(stored.modified)),
        }
    );
    Ok(dto::UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..dto::UploadPartCopyOutput::default()
    })
}

/// The algorithm of a checksum that has to be computed again for the copy: what is one of checksums at the source has no parts
/// there.
fn of_checksums(old: &ObjectVersion) -> Option<ChecksumAlgorithm> {
    let mut sums = old.headers.checksums.iter();
    let (name, _) = sums.find(|(_, sum)| checksum::is_of_parts(sum))?;
    ChecksumAlgorithm::named(name)
}

/// `If-Match` or `If-None-Match`, which is about the target of the copy; the protocol's layer does not read it here.
fn etag_condition(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<dto::ETagCondition>, ObjectError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let condition = dto::ETagCondition::parse_http_header(value.as_bytes());
    condition
        .map(Some)
        .map_err(|_| ObjectError::argument(format!("{name} must be a tag or *")))
}

/// Refuses a copy whose client thinks of another owner of the source's bucket (`x-amz-source-expected-bucket-owner`).
async fn check_source_owner(
    store: &ObjectStore,
    source: &ObjectRef,
    expected: Option<&str>,
) -> Result<(), ObjectError> {
    match expected {
        Some(owner) => store.check_owner(&source.bucket, owner).await,
        None => Ok(()),
    }
}

/// The object that is copied.
fn source(source: &dto::CopySource) -> Result<ObjectRef, ObjectError> {
    let dto::CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(ObjectError::not_implemented(
            "Access points are not supported.",
        ));
    };
    Ok(ObjectRef {
        bucket: bucket.to_string(),
        key: Key::new(key.as_ref())?,
        version: version_id.as_deref().map(str::to_owned),
    })
}

/// `bytes=FIRST-LAST`, both of which must be there and inside the source.
fn copy_range(text: &str, size: u64) -> Result<std::ops::Range<u64>, ObjectError> {
    match dto::Range::parse(text) {
        Ok(dto::Range::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(first..last + 1),
        Ok(dto::Range::Int { last: Some(_), .. }) => Err(ObjectError::InvalidRange),
        _ => Err(ObjectError::argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::copy_range;

    #[test]
    fn ranges_of_copies_are_whole_and_inside() {
        assert_eq!(copy_range("bytes=0-9", 10).unwrap(), 0..10);
        assert_eq!(copy_range("bytes=3-3", 10).unwrap(), 3..4);
        assert_eq!(
            copy_range("bytes=3-10", 10).unwrap_err().code(),
            "InvalidRange"
        );
        for bad in ["bytes=3-", "bytes=-3", "3-4", "bytes=4-3", ""] {
            assert_eq!(
                copy_range(bad, 10).unwrap_err().code(),
                "InvalidArgument",
                "{bad}"
            );
        }
    }
}
