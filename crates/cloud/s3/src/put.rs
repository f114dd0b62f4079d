//! Operations that bring bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use gumnut_cloud_catalogue::{Key, PartsChecksum, UploadRef};
use gumnut_cloud_objects::{BodyDigests, NewObject, ObjectError, ObjectStore};
use http::HeaderMap;
use http::header::TRANSFER_ENCODING;
use s3s::{S3Request, dto};

use crate::S3Options;
use crate::acl::{acl_headers, grant_write};
use crate::context::RequestContext;
use crate::convert::{self, Checksums, headers_of, with_checksums};
use crate::lock::tags_and_lock_of;
use crate::payload::PayloadError;

/// `PutObject`
pub(super) async fn object(
    store: &ObjectStore,
    options: &S3Options,
    request: S3Request<dto::PutObjectInput>,
) -> Result<dto::PutObjectOutput, ObjectError> {
    let RequestContext {
        caller, confirmed, ..
    } = RequestContext::of(&request);
    let chunked = request.headers.contains_key(TRANSFER_ENCODING);
    check_is_whole(&request.headers)?;
    let input = request.input;
    let length = check_length(store, chunked, input.content_length)?;
    let headers = headers_of!(input)?;
    let tags_and_lock = tags_and_lock_of!(input)?;
    let acl = acl_headers!(input, grant_write(&request.headers)).request(options.refuse_acl)?;
    let mut object = NewObject {
        bucket: input.bucket,
        key: Key::new(input.key)?,
        acl,
        headers,
        tags_and_lock,
        conditions: convert::conditions(input.if_match, input.if_none_match, None, None),
    };
    let digests = BodyDigests {
        md5: md5(input.content_md5.as_deref())?,
        checksum: None,
    };
    store.check_put(&caller, &object.bucket).await?;
    let body = store.receive(pieces(input.body), length, digests).await?;
    // Not before the body has ended: then they have been compared with it.
    object.headers.checksums = confirmed.take();
    let stored = store.put(&caller, object, body).await?;
    let sums = Checksums::of(&stored.checksums);
    Ok(with_checksums!(
        sums,
        dto::PutObjectOutput {
            checksum_type: sums.kind,
            e_tag: Some(convert::etag(stored.etag)),
            version_id: stored.version,
            ..dto::PutObjectOutput::default()
        }
    ))
}

/// `UploadPart`
pub(super) async fn part(
    store: &ObjectStore,
    request: S3Request<dto::UploadPartInput>,
) -> Result<dto::UploadPartOutput, ObjectError> {
    let RequestContext {
        caller, confirmed, ..
    } = RequestContext::of(&request);
    let chunked = request.headers.contains_key(TRANSFER_ENCODING);
    let input = request.input;
    let length = check_length(store, chunked, input.content_length)?;
    let md5 = md5(input.content_md5.as_deref())?;
    let upload = UploadRef {
        bucket: input.bucket,
        key: Key::new(input.key)?,
        id: input.upload_id,
    };
    // Zero, which no part has, stands for numbers that are none.
    let number = u32::try_from(input.part_number).unwrap_or(0);
    let wanted = store.check_part(&caller, &upload, number).await?;
    let algorithm = wanted.map(|wanted| wanted.algorithm);
    // What the client sends is computed on the way already.
    let own = algorithm.filter(|algorithm| !confirmed.announces(*algorithm));
    let digests = BodyDigests { md5, checksum: own };
    let body = store
        .receive_part(pieces(input.body), length, digests)
        .await?;
    let mut sums = confirmed.take();
    if let Some(wanted) = wanted {
        check_sent(wanted, &sums)?;
    }
    let sent = algorithm.and_then(|algorithm| {
        let sum = sums.get(algorithm.name())?;
        Some((algorithm, sum.clone()))
    });
    let stored = store.put_part(&caller, &upload, number, body, sent).await?;
    sums.extend(stored.checksums);
    let told = Checksums::of(&sums);
    Ok(with_checksums!(
        told,
        dto::UploadPartOutput {
            e_tag: Some(convert::etag(stored.etag)),
            ..dto::UploadPartOutput::default()
        }
    ))
}

/// Refuses a checksum of parts for an object that comes at once.
fn check_is_whole(headers: &HeaderMap) -> Result<(), ObjectError> {
    let kind = headers.get("x-amz-checksum-type");
    if kind.is_some_and(|kind| kind != dto::ChecksumType::FULL_OBJECT) {
        return Err(ObjectError::invalid_request(
            "The COMPOSITE checksum type is for objects that come in parts.",
        ));
    }
    Ok(())
}

/// Insists that a part came with the checksum that its upload is made with. Where the object gets one of its whole, parts
/// may come without.
fn check_sent(wanted: PartsChecksum, sent: &BTreeMap<String, String>) -> Result<(), ObjectError> {
    let name = wanted.algorithm.name();
    if sent.contains_key(name) || wanted.whole && sent.is_empty() {
        return Ok(());
    }
    let other = sent.keys().next().map_or("null", String::as_str);
    Err(ObjectError::invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {name}, actual checksum Type: {other}"
    )))
}

/// Refuses a body that is too long, or whose end could not be told: that of one in chunks can, and how long it is shows
/// when it is taken, so that `None` is given.
fn check_length(
    store: &ObjectStore,
    chunked: bool,
    length: Option<i64>,
) -> Result<Option<u64>, ObjectError> {
    let length = match length {
        Some(length) => length,
        None if chunked => return Ok(None),
        None => return Err(ObjectError::MissingContentLength),
    };
    match u64::try_from(length) {
        Ok(length) if length <= store.limits().put_bytes => Ok(Some(length)),
        Ok(_) => Err(ObjectError::EntityTooLarge),
        Err(_) => Err(ObjectError::argument("Content-Length must not be negative")),
    }
}

/// The MD5 of a `Content-MD5` header.
pub(super) fn md5(header: Option<&str>) -> Result<Option<[u8; 16]>, ObjectError> {
    let Some(text) = header else {
        return Ok(None);
    };
    BASE64
        .decode(text.trim().as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .map(Some)
        .ok_or(ObjectError::InvalidDigest)
}

/// The bytes of a body. What was said of them has been compared at their end.
fn pieces(
    body: Option<dto::StreamingBlob>,
) -> impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static {
    let pieces = futures::stream::iter(body).flatten();
    pieces.map_err(|error| match error.downcast_ref::<PayloadError>() {
        Some(error) => ObjectError::from(error),
        None => ObjectError::IncompleteBody,
    })
}
