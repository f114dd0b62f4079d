//! Operations on objects that bring no bytes.

use std::ops::Range;

use gumnut_cloud_catalogue::{Key, ObjectVersion};
use gumnut_cloud_objects::{
    DeleteConditions, EtagMatch, KeyToDelete, ObjectError, ObjectReader, ObjectRef, ObjectStore,
};
use s3s::{S3Request, dto};
use time::OffsetDateTime;

use crate::context::{RequestContext, caller};
use crate::convert::{self, Checksums, object_ref, with_checksums};
use crate::lock;
use crate::ranges::SentRange;

/// Most keys of one request that deletes many, as in S3.
const MAX_KEYS: usize = 1000;

/// How often an object is looked up whose bytes go away meanwhile.
const TRIES: usize = 3;

/// What GET and HEAD say of an object alike.
struct Description {
    object: ObjectVersion,
    checksums: Checksums,
    /// Bytes of the answer, or of the one that GET would give.
    length: u64,
    /// `None` unless a part was asked for.
    parts_count: Option<i32>,
    /// Whether the bucket has versions.
    has_versions: bool,
    /// `None` when all of the object is shown.
    content_range: Option<String>,
}

/// The output of GET or HEAD; both have the fields of a [`Description`].
macro_rules! describe {
    ($description:expr, dto::$output:ident { $($fields:tt)* }) => {{
        let Description { object, checksums, length, parts_count, has_versions, content_range } = $description;
        let (headers, lock) = (object.headers, object.tags_and_lock);
        with_checksums!(checksums, dto::$output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: headers.cache_control,
            checksum_type: checksums.kind,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            content_range,
            content_length: Some(convert::size(length)),
            content_type: Some(
                headers
                    .content_type
                    .unwrap_or_else(|| convert::DEFAULT_TYPE.to_owned()),
            ),
            e_tag: Some(convert::etag(object.etag)),
            expires: headers.expires.map(expires),
            last_modified: Some(convert::timestamp(object.modified)),
            metadata: Some(headers.metadata.into_iter().collect()),
            object_lock_legal_hold_status: lock.legal_hold.map(lock::hold_status),
            object_lock_mode: lock
                .retention
                .map(|kept| dto::ObjectLockMode::from_static(lock::mode_name(kept.mode))),
            object_lock_retain_until_date: lock
                .retention
                .map(|kept| convert::timestamp(kept.until)),
            parts_count,
            version_id: has_versions.then_some(object.version),
            $($fields)*
            ..dto::$output::default()
        })
    }};
}

/// `GetObject`
pub(super) async fn get(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectInput>,
) -> Result<dto::GetObjectOutput, ObjectError> {
    let mut tries = 1;
    loop {
        let context = RequestContext::of(&request);
        match opened(store, context, request.input.clone()).await {
            // The object has changed since its row was looked up.
            Err(error) if error.is_of_older_row() && tries < TRIES => tries += 1,
            answer => return answer,
        }
    }
}

/// The answer to `GetObject`, with the beginning of its bytes.
async fn opened(
    store: &ObjectStore,
    context: RequestContext,
    input: dto::GetObjectInput,
) -> Result<dto::GetObjectOutput, ObjectError> {
    let RequestContext { caller, range, .. } = context;
    let (view, reader) = store.open_object(&caller, &object_ref!(input)).await?;
    let object = view.object;
    convert::conditions(
        input.if_match,
        input.if_none_match,
        input.if_modified_since,
        input.if_unmodified_since,
    )
    .for_reading(&object)?;
    let parts_count = parts_count(&object, &reader, input.part_number);
    let range = wanted(&range, input.part_number, &object, &reader)?;
    let content_range = content_range(range.as_ref(), &object);
    let checksums = Checksums::to_send(&object, input.checksum_mode.is_some(), range.is_none());
    let wanted = match range {
        Some(range) => reader.range(range),
        None => reader,
    };
    let tag_count = i32::try_from(object.tags_and_lock.tags.len()).ok();
    let description = Description {
        object,
        checksums,
        length: wanted.left(),
        parts_count,
        has_versions: view.has_versions,
        content_range,
    };
    let bytes = wanted.open_stream().await?;
    Ok(describe!(
        description,
        dto::GetObjectOutput {
            body: Some(dto::StreamingBlob::wrap(bytes)),
            tag_count: tag_count.filter(|count| *count > 0),
        }
    ))
}

/// `HeadObject`
pub(super) async fn head(
    store: &ObjectStore,
    request: S3Request<dto::HeadObjectInput>,
) -> Result<dto::HeadObjectOutput, ObjectError> {
    let RequestContext { caller, range, .. } = RequestContext::of(&request);
    let input = request.input;
    let at = object_ref!(input);
    // The bytes are opened only to learn where a part is.
    let (view, part) = match input.part_number {
        None => (store.head(&caller, &at).await?, None),
        Some(number) => {
            let (view, reader) = store.open_object(&caller, &at).await?;
            let count = parts_count(&view.object, &reader, Some(number));
            let part = wanted(&range, Some(number), &view.object, &reader)?;
            (view, Some((part, count)))
        }
    };
    let object = view.object;
    convert::conditions(
        input.if_match,
        input.if_none_match,
        input.if_modified_since,
        input.if_unmodified_since,
    )
    .for_reading(&object)?;
    let piece = range.of(&object)?;
    let is_whole = part.is_none() && piece.is_none();
    let checksums = Checksums::to_send(&object, input.checksum_mode.is_some(), is_whole);
    let content_range = content_range(piece.as_ref(), &object);
    let (part, parts_count) = part.unwrap_or_default();
    let asked = part.or(piece);
    let description = Description {
        length: asked.map_or(object.size, |range| range.end - range.start),
        object,
        checksums,
        parts_count,
        has_versions: view.has_versions,
        content_range,
    };
    Ok(describe!(description, dto::HeadObjectOutput {}))
}

/// `GetObjectTorrent`: there are no torrents here; callers who may read the object get that answer.
pub(super) async fn torrent(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectTorrentInput>,
) -> Result<dto::GetObjectTorrentOutput, ObjectError> {
    let caller = caller(&request);
    let at = ObjectRef::newest(request.input.bucket, Key::new(request.input.key)?);
    store.head(&caller, &at).await?;
    Err(ObjectError::NoTorrent)
}

/// The piece of an object that a request wants; `None`: all of it.
fn wanted(
    range: &SentRange,
    part: Option<i32>,
    object: &ObjectVersion,
    reader: &ObjectReader,
) -> Result<Option<Range<u64>>, ObjectError> {
    let Some(number) = part else {
        return range.of(object);
    };
    if range.is_sent() {
        return Err(ObjectError::invalid_request(
            "Cannot specify both Range header and partNumber query parameter",
        ));
    }
    let part = reader.part(usize::try_from(number).unwrap_or(0));
    part.map(Some).ok_or(ObjectError::InvalidPart)
}

/// `Content-Range`. There is no way to give the position of an empty range.
fn content_range(range: Option<&Range<u64>>, object: &ObjectVersion) -> Option<String> {
    let range = range.filter(|range| !range.is_empty())?;
    let last = range.end - 1;
    Some(format!("bytes {}-{last}/{}", range.start, object.size))
}

/// How many parts an object has, told when a part is asked for and the object came in parts.
fn parts_count(object: &ObjectVersion, reader: &ObjectReader, asked: Option<i32>) -> Option<i32> {
    let count = i32::try_from(reader.parts()).ok();
    count.filter(|_| object.is_multipart() && asked.is_some())
}

/// The header `Expires`, in seconds since 1970.
fn expires(seconds: i64) -> dto::Timestamp {
    OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .into()
}

/// `DeleteObject`
pub(super) async fn delete(
    store: &ObjectStore,
    request: S3Request<dto::DeleteObjectInput>,
) -> Result<dto::DeleteObjectOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let keys = vec![KeyToDelete {
        key: Key::new(input.key)?,
        version: convert::version(input.version_id),
        conditions: DeleteConditions {
            if_match: input.if_match.map(convert::etag_match),
            size: input.if_match_size.map(wanted_size).transpose()?,
            modified: input.if_match_last_modified_time.map(convert::seconds),
        },
    }];
    let governance = convert::governance(input.bypass_governance_retention);
    let results = store
        .delete(&caller, &input.bucket, keys, governance)
        .await?;
    let deleted = results.into_iter().next().transpose()?.unwrap_or_default();
    Ok(dto::DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.version,
        ..dto::DeleteObjectOutput::default()
    })
}

/// An entry of a list of deletions. A version id that is empty names none, and must not delete what is newest.
fn key_to_delete(object: dto::ObjectIdentifier) -> Result<KeyToDelete, ObjectError> {
    if object.key.is_empty() || object.version_id.as_deref() == Some("") {
        return Err(ObjectError::MalformedXml);
    }
    Ok(KeyToDelete {
        key: Key::new(object.key)?,
        version: object.version_id,
        conditions: DeleteConditions {
            if_match: object.e_tag.map(wanted_etag),
            size: object.size.map(wanted_size).transpose()?,
            modified: object.last_modified_time.map(convert::seconds),
        },
    })
}

/// The tag of a list of deletions, in which a star stands for any.
fn wanted_etag(etag: dto::ETag) -> EtagMatch {
    match etag.into_value() {
        any if any == "*" => EtagMatch::Any,
        tag => EtagMatch::Is(tag),
    }
}

/// The size that an object must have to be deleted.
fn wanted_size(size: i64) -> Result<u64, ObjectError> {
    u64::try_from(size).map_err(|_| ObjectError::argument("a size must not be negative"))
}

/// `DeleteObjects`
pub(super) async fn delete_many(
    store: &ObjectStore,
    request: S3Request<dto::DeleteObjectsInput>,
) -> Result<dto::DeleteObjectsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let quiet = input.delete.quiet.unwrap_or(false);
    if input.delete.objects.len() > MAX_KEYS {
        return Err(ObjectError::MalformedXml);
    }
    let objects = input.delete.objects.into_iter();
    let keys = objects.map(key_to_delete).collect::<Result<Vec<_>, _>>()?;
    let governance = convert::governance(input.bypass_governance_retention);
    let results = match store
        .delete(&caller, &input.bucket, keys.clone(), governance)
        .await
    {
        // Callers who may not write to the bucket get an error for each key, in an answer that is a success.
        Err(ObjectError::AccessDenied) => keys
            .iter()
            .map(|_| Err(ObjectError::AccessDenied))
            .collect(),
        results => results?,
    };
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (named, result) in keys.into_iter().zip(results) {
        match result {
            Ok(_) if quiet => {}
            Ok(done) => deleted.push(dto::DeletedObject {
                delete_marker: done.marker.then_some(true),
                delete_marker_version_id: done.version.filter(|_| done.marker),
                key: Some(named.key.into_string()),
                version_id: named.version,
            }),
            Err(error) => errors.push(dto::Error {
                code: Some(error.code().to_owned()),
                key: Some(named.key.into_string()),
                message: Some(error.message()),
                version_id: named.version,
            }),
        }
    }
    Ok(dto::DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..dto::DeleteObjectsOutput::default()
    })
}
