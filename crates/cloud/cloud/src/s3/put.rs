//! Operations that bring bytes.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use futures::{StreamExt as _, TryStreamExt as _};
use http::header::TRANSFER_ENCODING;
use s3s::{S3Request, dto};

use super::S3Options;
use super::acl::acl_headers;
use super::context::RequestContext;
use super::convert::{self, Checksums, headers_of, marks_of, refuse_unsupported, with_checksums};
use super::payload::PayloadError;
use super::sent_checksums::ConfirmedChecksums;
use crate::auth::Identity;
use crate::checksum::{Algorithm, PartsChecksum};
use crate::store::{BlobWriter, Place, Store, StoreError, Stored, Target, UploadRef};

/// An object on its way in.
pub(super) struct Upload {
    pub(super) caller: Identity,
    pub(super) target: Target,
    pub(super) body: Option<dto::StreamingBlob>,
    /// That of `Content-MD5`, which the body is compared with.
    pub(super) md5: Option<[u8; 16]>,
    /// Where the checksums are that the body was compared with.
    pub(super) confirmed: ConfirmedChecksums,
}

impl Upload {
    /// Takes the bytes and stores the object.
    pub(super) async fn store(mut self, store: &Store) -> Result<Stored, StoreError> {
        let place = self.target.place.clone();
        store.check_put(self.caller.clone(), place).await?;
        let writer = receive(store, self.body, self.md5, None).await?;
        self.target.headers.checksums = self.confirmed.take();
        store.put(self.caller, self.target, writer).await
    }
}

/// `PutObject`
pub(super) async fn object(
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::PutObjectInput>,
) -> Result<dto::PutObjectOutput, StoreError> {
    let RequestContext {
        caller, confirmed, ..
    } = RequestContext::of(&request);
    let chunked = request.headers.contains_key(TRANSFER_ENCODING);
    let input = request.input;
    refuse_unsupported!(input)?;
    if input.write_offset_bytes.is_some() {
        return Err(StoreError::not_implemented(
            "This store does not append to objects.",
        ));
    }
    check_length(options, chunked, input.content_length)?;
    let headers = headers_of!(input)?;
    let marks = marks_of!(input)?;
    let acl = acl_headers!(input).request(options.refuse_acl)?;
    let upload = Upload {
        caller,
        target: Target {
            place: Place::newest(input.bucket, input.key),
            acl,
            headers,
            marks,
            conditions: convert::conditions(input.if_match, input.if_none_match, None, None),
        },
        body: input.body,
        md5: md5(input.content_md5.as_deref())?,
        confirmed,
    };
    let stored = upload.store(store).await?;
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
    store: &Store,
    options: &S3Options,
    request: S3Request<dto::UploadPartInput>,
) -> Result<dto::UploadPartOutput, StoreError> {
    let RequestContext {
        caller, confirmed, ..
    } = RequestContext::of(&request);
    let chunked = request.headers.contains_key(TRANSFER_ENCODING);
    let input = request.input;
    if input.sse_customer_algorithm.is_some() {
        return Err(StoreError::not_implemented(
            "This store does not encrypt objects.",
        ));
    }
    check_length(options, chunked, input.content_length)?;
    let md5 = md5(input.content_md5.as_deref())?;
    let upload = UploadRef {
        place: Place::newest(input.bucket, input.key),
        id: input.upload_id,
    };
    // Zero, which no part has, stands for numbers that are none.
    let number = u32::try_from(input.part_number).unwrap_or(0);
    let wanted = store
        .check_part(caller.clone(), upload.clone(), number)
        .await?;
    let algorithm = wanted.map(|wanted| wanted.algorithm);
    // What the client sends is computed on the way already.
    let own = algorithm.filter(|algorithm| !confirmed.announces(*algorithm));
    let writer = receive(store, input.body, md5, own).await?;
    let mut sums = confirmed.take();
    if let Some(wanted) = wanted {
        check_sent(wanted, &sums)?;
    }
    let sent = algorithm.and_then(|algorithm| {
        let sum = sums.get(algorithm.name())?;
        Some((algorithm, sum.clone()))
    });
    let stored = store
        .put_part(caller, upload, number, (writer, sent))
        .await?;
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

/// Insists that a part came with the checksum that its upload is made with. Where the object gets one of its whole, parts
/// may come without.
fn check_sent(wanted: PartsChecksum, sent: &BTreeMap<String, String>) -> Result<(), StoreError> {
    let name = wanted.algorithm.name();
    if sent.contains_key(name) || wanted.whole && sent.is_empty() {
        return Ok(());
    }
    let other = sent.keys().next().map_or("null", String::as_str);
    Err(StoreError::invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {name}, actual checksum Type: {other}"
    )))
}

/// Refuses a body that is too long, or whose end could not be told: that of one in chunks can, and how long it is shows
/// when it is taken.
fn check_length(options: &S3Options, chunked: bool, length: Option<i64>) -> Result<(), StoreError> {
    let length = match length {
        Some(length) => length,
        None if chunked => return Ok(()),
        None => return Err(StoreError::MissingContentLength),
    };
    match u64::try_from(length) {
        Ok(length) if length <= options.put_bytes => Ok(()),
        Ok(_) => Err(StoreError::EntityTooLarge),
        Err(_) => Err(StoreError::argument("Content-Length must not be negative")),
    }
}

/// The MD5 of a `Content-MD5` header.
fn md5(header: Option<&str>) -> Result<Option<[u8; 16]>, StoreError> {
    let Some(text) = header else {
        return Ok(None);
    };
    BASE64
        .decode(text.trim().as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .map(Some)
        .ok_or(StoreError::InvalidDigest)
}

/// Takes the bytes; what was said of them has been compared when this returns.
async fn receive(
    store: &Store,
    body: Option<dto::StreamingBlob>,
    md5: Option<[u8; 16]>,
    checksum: Option<Algorithm>,
) -> Result<BlobWriter, StoreError> {
    let bytes = futures::stream::iter(body).flatten().map_err(|error| {
        match error.downcast_ref::<PayloadError>() {
            Some(error) => StoreError::from(error),
            None => StoreError::IncompleteBody,
        }
    });
    let writer = store.receive(bytes, checksum).await?;
    if md5.is_some_and(|expected| expected != writer.md5()) {
        return Err(StoreError::BadDigest);
    }
    Ok(writer)
}
