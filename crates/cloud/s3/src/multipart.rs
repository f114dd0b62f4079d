//! Uploads in parts, but for the parts themselves.

use gumnut_cloud_catalogue::{ChecksumAlgorithm, Initiator, Key, PartsChecksum, UploadRef};
use gumnut_cloud_objects::{
    CompletionCheck, ListedPart, NewObject, ObjectError, ObjectStore, UploadQuery,
};
use s3s::{S3Request, dto};

use crate::S3Options;
use crate::acl::{acl_headers, grant_write};
use crate::context::caller;
use crate::convert::{self, Checksums, headers_of, with_checksums};
use crate::listing::Encoding;
use crate::lock::tags_and_lock_of;

/// `CreateMultipartUpload`
pub(super) async fn create(
    store: &ObjectStore,
    options: &S3Options,
    request: S3Request<dto::CreateMultipartUploadInput>,
) -> Result<dto::CreateMultipartUploadOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let headers = headers_of!(input)?;
    let acl = acl_headers!(input, grant_write(&request.headers)).request(options.refuse_acl)?;
    let object = NewObject {
        acl,
        headers,
        tags_and_lock: tags_and_lock_of!(input)?,
        ..NewObject::new(input.bucket, Key::new(input.key)?)
    };
    let (bucket, key) = (object.bucket.clone(), object.key.to_string());
    let checksum = wanted(
        input.checksum_algorithm.as_ref(),
        input.checksum_type.as_ref(),
    )?;
    let id = store.create_upload(&caller, object, checksum).await?;
    Ok(dto::CreateMultipartUploadOutput {
        bucket: Some(bucket),
        checksum_algorithm: checksum.map(algorithm),
        checksum_type: checksum.map(kind),
        key: Some(key),
        upload_id: Some(id),
        ..dto::CreateMultipartUploadOutput::default()
    })
}

/// The checksum that an upload asks for.
fn wanted(
    algorithm: Option<&dto::ChecksumAlgorithm>,
    kind: Option<&dto::ChecksumType>,
) -> Result<Option<PartsChecksum>, ObjectError> {
    let whole = kind.map(convert::is_whole).transpose()?;
    let Some(algorithm) = algorithm else {
        return match whole {
            None => Ok(None),
            Some(_) => Err(ObjectError::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = convert::algorithm(algorithm)?;
    match PartsChecksum::new(algorithm, whole) {
        Some(checksum) => Ok(Some(checksum)),
        None => Err(ObjectError::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.map_or("", dto::ChecksumType::as_str),
            algorithm.name()
        ))),
    }
}

/// The algorithm as answers name it.
fn algorithm(checksum: PartsChecksum) -> dto::ChecksumAlgorithm {
    dto::ChecksumAlgorithm::from(checksum.algorithm.name().to_ascii_uppercase())
}

/// The type as answers name it.
fn kind(checksum: PartsChecksum) -> dto::ChecksumType {
    dto::ChecksumType::from_static(checksum.type_name())
}

/// The checksums that an input carries, by the fields that the inputs with them have.
macro_rules! checksums_of {
    ($input:expr) => {
        [
            (ChecksumAlgorithm::Crc32, $input.checksum_crc32),
            (ChecksumAlgorithm::Crc32c, $input.checksum_crc32c),
            (ChecksumAlgorithm::Crc64Nvme, $input.checksum_crc64nvme),
            (ChecksumAlgorithm::Sha1, $input.checksum_sha1),
            (ChecksumAlgorithm::Sha256, $input.checksum_sha256),
        ]
        .into_iter()
        .filter_map(|(algorithm, sum)| Some((algorithm, sum?)))
        .collect()
    };
}

/// `CompleteMultipartUpload`
pub(super) async fn complete(
    store: &ObjectStore,
    request: S3Request<dto::CompleteMultipartUploadInput>,
) -> Result<dto::CompleteMultipartUploadOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let check =
        CompletionCheck {
            checksums: checksums_of!(input),
            whole: input
                .checksum_type
                .as_ref()
                .map(convert::is_whole)
                .transpose()?,
            size: match input.mpu_object_size {
                Some(size) => Some(u64::try_from(size).map_err(|_| {
                    ObjectError::argument("x-amz-mp-object-size must not be negative")
                })?),
                None => None,
            },
        };
    let parts = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default()
        .into_iter()
        .map(listed_part)
        .collect::<Result<Vec<_>, _>>()?;
    let upload = UploadRef {
        bucket: input.bucket,
        key: Key::new(input.key)?,
        id: input.upload_id,
    };
    let conditions = convert::conditions(input.if_match, input.if_none_match, None, None);
    let stored = store
        .complete_upload(&caller, &upload, parts, conditions, check)
        .await?;
    let sums = Checksums::of(&stored.checksums);
    Ok(with_checksums!(
        sums,
        dto::CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", upload.bucket, upload.key)),
            bucket: Some(upload.bucket),
            checksum_type: sums.kind,
            key: Some(upload.key.into_string()),
            e_tag: Some(convert::etag(stored.etag)),
            version_id: stored.version,
            ..dto::CompleteMultipartUploadOutput::default()
        }
    ))
}

/// A part of the list that completes an upload.
fn listed_part(part: dto::CompletedPart) -> Result<ListedPart, ObjectError> {
    let number = part
        .part_number
        .and_then(|number| u32::try_from(number).ok());
    Ok(ListedPart {
        number: number.ok_or(ObjectError::MalformedXml)?,
        checksums: checksums_of!(part),
        etag: part.e_tag.ok_or(ObjectError::MalformedXml)?.into_value(),
    })
}

/// `AbortMultipartUpload`
pub(super) async fn abort(
    store: &ObjectStore,
    request: S3Request<dto::AbortMultipartUploadInput>,
) -> Result<dto::AbortMultipartUploadOutput, ObjectError> {
    let caller = caller(&request);
    let dto::AbortMultipartUploadInput {
        bucket,
        key,
        upload_id,
        ..
    } = request.input;
    let upload = UploadRef {
        bucket,
        key: Key::new(key)?,
        id: upload_id,
    };
    store.abort_upload(&caller, &upload).await?;
    Ok(dto::AbortMultipartUploadOutput::default())
}

/// `ListParts`
pub(super) async fn list_parts(
    store: &ObjectStore,
    request: S3Request<dto::ListPartsInput>,
) -> Result<dto::ListPartsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let limit = convert::page_size(input.max_parts, "max-parts")?;
    let after = u32::try_from(input.part_number_marker.unwrap_or(0))
        .map_err(|_| ObjectError::argument("part-number-marker must not be negative"))?;
    let named = UploadRef {
        bucket: input.bucket,
        key: Key::new(input.key)?,
        id: input.upload_id,
    };
    // One more than asked for shows whether there are more.
    let listed = store.list_parts(&caller, &named, after, limit + 1).await?;
    let (upload, mut parts) = listed;
    let more = parts.len() > limit;
    parts.truncate(limit);
    let next = parts
        .last()
        .filter(|_| more)
        .map(|part| part_number(part.number));
    let checksum = upload.checksum;
    let listed = parts.into_iter().map(|part| {
        let algorithm = checksum.map(|wanted| wanted.algorithm.name());
        let sums = Checksums::of_part(algorithm, part.segment.checksum);
        with_checksums!(
            sums,
            dto::Part {
                e_tag: Some(convert::etag(part.segment.md5)),
                last_modified: Some(convert::timestamp(part.modified)),
                part_number: Some(part_number(part.number)),
                size: Some(convert::size(part.segment.size)),
            }
        )
    });
    let initiator = initiator(upload.initiator);
    let owner = convert::owner(upload.owner);
    Ok(dto::ListPartsOutput {
        bucket: Some(named.bucket),
        checksum_algorithm: checksum.map(algorithm),
        checksum_type: checksum.map(kind),
        initiator: Some(initiator),
        is_truncated: Some(more),
        key: Some(named.key.into_string()),
        max_parts: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
        next_part_number_marker: next,
        owner: Some(owner),
        part_number_marker: Some(part_number(after)),
        parts: Some(listed.collect()),
        storage_class: Some(dto::StorageClass::from_static("STANDARD")),
        upload_id: Some(named.id),
        ..dto::ListPartsOutput::default()
    })
}

/// `ListMultipartUploads`
pub(super) async fn list_uploads(
    store: &ObjectStore,
    request: S3Request<dto::ListMultipartUploadsInput>,
) -> Result<dto::ListMultipartUploadsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let encoding = Encoding::of(input.encoding_type.as_ref())?;
    let limit = convert::page_size(input.max_uploads, "max-uploads")?;
    let query = UploadQuery {
        prefix: Key::new(input.prefix.clone().unwrap_or_default())?,
        delimiter: Key::new(input.delimiter.clone().unwrap_or_default())?,
        after: match (&input.key_marker, &input.upload_id_marker) {
            (None, _) => (Key::default(), String::new()),
            (Some(key), Some(id)) => (Key::new(key)?, id.clone()),
            // Behind all uploads of the key: ids are hex.
            (Some(key), None) => (Key::new(key)?, "~".to_owned()),
        },
        limit,
    };
    let page = store.list_uploads(&caller, &input.bucket, query).await?;
    let (next_key, next_id) = page.last;
    let uploads = page.uploads.iter().map(|upload| {
        let owner = convert::owner(upload.owner.clone());
        dto::MultipartUpload {
            checksum_algorithm: upload.checksum.map(algorithm),
            checksum_type: upload.checksum.map(kind),
            initiated: Some(convert::timestamp(upload.started)),
            initiator: Some(initiator(upload.initiator.clone())),
            key: Some(encoding.write(&upload.key)),
            owner: Some(owner),
            storage_class: Some(dto::StorageClass::from_static("STANDARD")),
            upload_id: Some(upload.id.clone()),
        }
    });
    let prefixes = page.prefixes.iter().map(|prefix| dto::CommonPrefix {
        prefix: Some(encoding.write(prefix)),
    });
    Ok(dto::ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(prefixes.collect()),
        delimiter: encoding.write_some(input.delimiter),
        encoding_type: input.encoding_type,
        is_truncated: Some(page.truncated),
        key_marker: encoding
            .write_some(input.key_marker)
            .or_else(|| Some(String::new())),
        max_uploads: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
        next_key_marker: page.truncated.then(|| encoding.write(&next_key)),
        next_upload_id_marker: page.truncated.then_some(next_id),
        prefix: encoding.write_some(input.prefix),
        upload_id_marker: input.upload_id_marker,
        uploads: Some(uploads.collect()),
        ..dto::ListMultipartUploadsOutput::default()
    })
}

/// The number of a part, at most 10,000, as the protocol's layer has it.
fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The canonical user id that S3 shows for callers who do not sign.
const ANONYMOUS: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// Who began an upload: the account of the user, as S3 shows one that is no user of its own.
fn initiator(initiator: Option<Initiator>) -> dto::Initiator {
    let account = initiator.map(|initiator| initiator.account);
    dto::Initiator {
        id: Some(
            account
                .as_ref()
                .map_or_else(|| ANONYMOUS.to_owned(), |it| it.id.clone()),
        ),
        display_name: account.map(|it| it.name),
    }
}
