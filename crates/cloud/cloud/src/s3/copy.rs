//! Copies inside the store.

use s3s::{S3Request, dto};

use super::S3Options;
use super::acl::acl_headers;
use super::context::caller;
use super::convert::{self, Checksums, headers_of, marks_of, refuse_unsupported, with_checksums};
use crate::catalogue::objects::Object;
use crate::checksum::{self, Algorithm};
use crate::store::{Conditions, Marks, Place, Store, StoreError, Target, UploadRef};

/// `CopyObject`
pub(super) async fn object(
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::CopyObjectInput>,
) -> Result<dto::CopyObjectOutput, StoreError> {
    let caller = caller(&request);
    let input = request.input;
    refuse_unsupported!(input)?;
    let source = source(&input.copy_source)?;
    let (replace, keep_tags) = (replaces_headers(&input), keeps_tags(&input));
    let sent_headers = headers_of!(input)?;
    let sent_marks = marks_of!(input)?;
    let place = Place::newest(input.bucket, input.key);
    if place == source && !replace {
        return Err(StoreError::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let acl = acl_headers!(input).request(options.refuse_acl)?;

    // Before the source is read: who may not write learns nothing of it.
    store.check_put(caller.clone(), place.clone()).await?;
    let source_bucket = source.bucket.clone();
    let (old, reader) = store.open_object(caller.clone(), source).await?;
    convert::conditions(
        input.copy_source_if_match,
        input.copy_source_if_none_match,
        input.copy_source_if_modified_since,
        input.copy_source_if_unmodified_since,
    )
    .for_copying(&old)?;
    let has_versions = convert::has_versions(store, source_bucket).await?;

    let algorithm = match &input.checksum_algorithm {
        Some(algorithm) => Some(convert::algorithm(algorithm)?),
        None => of_checksums(&old),
    };
    let writer = store.receive_copy(reader, algorithm).await?;
    let mut headers = if replace { sent_headers } else { old.headers };
    if algorithm.is_some() {
        headers.checksums.clear();
    }
    let marks = if keep_tags {
        Marks {
            tags: old.marks.tags,
            ..sent_marks
        }
    } else {
        sent_marks
    };
    let target = Target {
        place,
        acl,
        marks,
        headers,
        conditions: Conditions::default(),
    };
    let stored = store.put(caller, target, writer).await?;
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
        copy_source_version_id: has_versions.then_some(old.version),
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
    store: &Store,
    request: S3Request<dto::UploadPartCopyInput>,
) -> Result<dto::UploadPartCopyOutput, StoreError> {
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
        place: Place::newest(input.bucket, input.key),
        id: input.upload_id,
    };
    let number = u32::try_from(input.part_number).unwrap_or(0);
    let algorithm = store
        .check_part(caller.clone(), upload.clone(), number)
        .await?
        .map(|wanted| wanted.algorithm);
    let (old, reader) = store.open_object(caller.clone(), source).await?;
    conditions.for_copying(&old)?;
    let wanted = match input.copy_source_range.as_deref() {
        Some(range) => reader.range(copy_range(range, old.size)?),
        None => reader,
    };
    let writer = store.receive_copy(wanted, algorithm).await?;
    let stored = store
        .put_part(caller, upload, number, (writer, None))
        .await?;
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

/// The algorithm of a checksum that the copy needs anew: what is one of checksums at the source has no parts there.
fn of_checksums(old: &Object) -> Option<Algorithm> {
    let mut sums = old.headers.checksums.iter();
    let (name, _) = sums.find(|(_, sum)| checksum::is_of_parts(sum))?;
    Algorithm::named(name)
}

/// The object that is copied.
fn source(source: &dto::CopySource) -> Result<Place, StoreError> {
    let dto::CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(StoreError::not_implemented(
            "There are no access points here.",
        ));
    };
    Ok(Place {
        bucket: bucket.to_string(),
        key: key.to_string(),
        version: convert::version(version_id.as_deref().map(str::to_owned)),
    })
}

/// `bytes=FIRST-LAST`, both of which must be there and inside the source.
fn copy_range(text: &str, size: u64) -> Result<std::ops::Range<u64>, StoreError> {
    match dto::Range::parse(text) {
        Ok(dto::Range::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(first..last + 1),
        Ok(dto::Range::Int { last: Some(_), .. }) => Err(StoreError::InvalidRange),
        _ => Err(StoreError::argument(
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
