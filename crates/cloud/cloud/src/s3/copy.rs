//! Copies inside the store.

use s3s::{S3Request, dto};

use super::context::caller;
use super::convert::{self, Checksums, headers_of, marks_of, refuse_unsupported, with_checksums};
use super::{S3Options, acl};
use crate::catalogue::objects::Object;
use crate::checksum::{self, Algorithm};
use crate::store::{Conditions, Place, Store, StoreError, Target, UploadRef};

pub(super) async fn object(
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::CopyObjectInput>,
) -> Result<dto::CopyObjectOutput, StoreError> {
    let caller = caller(&request);
    let mut input = request.input;
    refuse_unsupported!(input)?;
    let source = source(&input.copy_source)?;
    let conditions = convert::conditions(
        input.copy_source_if_match.take(),
        input.copy_source_if_none_match.take(),
        input.copy_source_if_modified_since.take(),
        input.copy_source_if_unmodified_since.take(),
    );
    let sent = headers_of!(input)?;
    let replace = input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == dto::MetadataDirective::REPLACE);
    let mut marks = marks_of!(input)?;
    let keep_tags = input
        .tagging_directive
        .as_ref()
        .is_none_or(|directive| directive.as_str() == dto::TaggingDirective::COPY);
    let place = Place::newest(input.bucket, input.key);
    if place == source && !replace {
        return Err(StoreError::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let acl = acl::asked(
        options.refuse_acl,
        input.acl.as_ref().map(dto::ObjectCannedACL::as_str),
        &acl::GrantHeaders {
            full_control: input.grant_full_control.as_deref(),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write: None,
            write_acp: input.grant_write_acp.as_deref(),
        },
    )?;
    let source_bucket = source.bucket.clone();
    store.check_put(caller.clone(), place.clone()).await?;
    let (old, reader) = store.open_object(caller.clone(), source).await?;
    conditions.for_copying(&old)?;
    let source_versions = has_versions(store, source_bucket).await?;
    let algorithm = match &input.checksum_algorithm {
        Some(algorithm) => Some(convert::algorithm(algorithm)?),
        None => of_checksums(&old),
    };
    let writer = store.receive_copy(reader, algorithm).await?;
    if keep_tags {
        marks.tags = old.marks.tags;
    }
    let source_version = source_versions.then_some(old.version);
    let mut headers = if replace { sent } else { old.headers };
    if algorithm.is_some() {
        headers.checksums.clear();
    }
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
        copy_source_version_id: source_version,
        version_id: stored.version,
        ..dto::CopyObjectOutput::default()
    })
}

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
    let check = store.check_part(caller.clone(), upload.clone(), number);
    let algorithm = check.await?.map(|wanted| wanted.algorithm);
    let (old, reader) = store.open_object(caller.clone(), source).await?;
    conditions.for_copying(&old)?;
    let reader = match input.copy_source_range.as_deref() {
        Some(range) => reader.range(copy_range(range, old.size)?),
        None => reader,
    };
    let writer = store.receive_copy(reader, algorithm).await?;
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

/// Whether answers about objects of a bucket name versions.
pub(super) async fn has_versions(store: &Store, bucket: String) -> Result<bool, StoreError> {
    let settings = store.any_settings(bucket).await?;
    Ok(settings.is_some_and(|settings| settings.has_versions()))
}

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
    let malformed = || {
        StoreError::argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )
    };
    match dto::Range::parse(text) {
        Ok(dto::Range::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(first..last + 1),
        Ok(dto::Range::Int { last: Some(_), .. }) => Err(StoreError::InvalidRange),
        _ => Err(malformed()),
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
