//! Operations that bring bytes.

use data_encoding::BASE64;
use futures::TryStreamExt as _;
use http::header::TRANSFER_ENCODING;
use s3s::{S3Request, dto};

use super::convert::{self, Checksums, headers_of, marks_of, refuse_unsupported};
use super::{acl, who};
use crate::auth::Identity;
use crate::server::{Confirmed, PayloadError};
use crate::state::State;
use crate::store::{BlobWriter, Place, StoreError, Stored, Target, UploadRef};

/// An object on its way in.
pub(super) struct Upload {
    pub(super) who: Identity,
    pub(super) target: Target,
    pub(super) body: Option<dto::StreamingBlob>,
    /// That of `Content-MD5`, which the body is compared with.
    pub(super) md5: Option<[u8; 16]>,
    /// Where the checksums are that the body was compared with.
    pub(super) confirmed: Option<Confirmed>,
}

impl Upload {
    /// Takes the bytes and stores the object; gives what was stored and its checksums.
    pub(super) async fn store(mut self, state: &State) -> Result<(Stored, Checksums), StoreError> {
        let place = self.target.place.clone();
        state.store.check_put(self.who.clone(), place).await?;
        let writer = receive(state, self.body, self.md5).await?;
        let confirmed = self.confirmed.map(|confirmed| confirmed.take());
        self.target.headers.checksums = confirmed.unwrap_or_default();
        let sums = Checksums::of(&self.target.headers.checksums);
        let stored = state.store.put(self.who, self.target, writer).await?;
        Ok((stored, sums))
    }
}

pub(super) async fn object(
    state: &State,
    request: S3Request<dto::PutObjectInput>,
) -> Result<dto::PutObjectOutput, StoreError> {
    let who = who(&request);
    let confirmed = request.extensions.get::<Confirmed>().cloned();
    let chunked = request.headers.contains_key(TRANSFER_ENCODING);
    let mut input = request.input;
    refuse_unsupported!(input)?;
    if input.write_offset_bytes.is_some() {
        return Err(StoreError::not_implemented(
            "This store does not append to objects.",
        ));
    }
    check_length(state, chunked, input.content_length)?;
    let headers = headers_of!(input)?;
    let marks = marks_of!(input)?;
    let acl = acl::asked(
        &state.config,
        input.acl.as_ref().map(dto::ObjectCannedACL::as_str),
        &acl::GrantHeaders {
            full_control: input.grant_full_control.as_deref(),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write: None,
            write_acp: input.grant_write_acp.as_deref(),
        },
    )?;
    let upload = Upload {
        who,
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
    let (stored, sums) = upload.store(state).await?;
    Ok(dto::PutObjectOutput {
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        e_tag: Some(convert::etag(stored.etag)),
        version_id: stored.version,
        ..dto::PutObjectOutput::default()
    })
}

pub(super) async fn part(
    state: &State,
    request: S3Request<dto::UploadPartInput>,
) -> Result<dto::UploadPartOutput, StoreError> {
    let who = who(&request);
    let confirmed = request.extensions.get::<Confirmed>().cloned();
    let chunked = request.headers.contains_key(TRANSFER_ENCODING);
    let input = request.input;
    if input.sse_customer_algorithm.is_some() {
        return Err(StoreError::not_implemented(
            "This store does not encrypt objects.",
        ));
    }
    check_length(state, chunked, input.content_length)?;
    let md5 = md5(input.content_md5.as_deref())?;
    let upload = UploadRef {
        place: Place::newest(input.bucket, input.key),
        id: input.upload_id,
    };
    // Zero, which no part has, stands for numbers that are none.
    let number = u32::try_from(input.part_number).unwrap_or(0);
    state
        .store
        .check_part(who.clone(), upload.clone(), number)
        .await?;

    let writer = receive(state, input.body, md5).await?;
    let sums = confirmed
        .map(|confirmed| confirmed.take())
        .unwrap_or_default();
    let sums = Checksums::of(&sums);
    let stored = state.store.put_part(who, upload, number, writer).await?;
    Ok(dto::UploadPartOutput {
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        e_tag: Some(convert::etag(stored.etag)),
        ..dto::UploadPartOutput::default()
    })
}

/// Refuses a body that is too long, or whose end could not be told: that of one in chunks can, and how long it is shows
/// when it is taken.
fn check_length(state: &State, chunked: bool, length: Option<i64>) -> Result<(), StoreError> {
    let length = match length {
        Some(length) => length,
        None if chunked => return Ok(()),
        None => return Err(StoreError::MissingContentLength),
    };
    match u64::try_from(length) {
        Ok(length) if length <= state.config.limits.put_bytes => Ok(()),
        Ok(_) => Err(StoreError::EntityTooLarge),
        Err(_) => Err(StoreError::argument("Content-Length must not be negative")),
    }
}

/// The MD5 of a `Content-MD5` header.
fn md5(header: Option<&str>) -> Result<Option<[u8; 16]>, StoreError> {
    let decode = |text: &str| BASE64.decode(text.trim().as_bytes()).ok()?.try_into().ok();
    header
        .map(|text| decode(text).ok_or(StoreError::InvalidDigest))
        .transpose()
}

/// Takes the bytes; what was said of them has been compared when this returns.
async fn receive(
    state: &State,
    body: Option<dto::StreamingBlob>,
    md5: Option<[u8; 16]>,
) -> Result<BlobWriter, StoreError> {
    let failure = |error: s3s::StdError| match error.downcast_ref::<PayloadError>() {
        Some(error) => StoreError::from(error),
        None => StoreError::IncompleteBody,
    };
    let writer = match body {
        Some(body) => state.store.receive(body.map_err(failure)).await?,
        None => state.store.receive(futures::stream::empty()).await?,
    };
    if md5.is_some_and(|expected| expected != writer.md5()) {
        return Err(StoreError::BadDigest);
    }
    Ok(writer)
}
