//! The one document of S3 whose `ETag` has no quotes: `GetObjectAttributesResponse`. The layer writes all tags with them.

use bytes::Bytes;
use http::{Response, header};
use s3s::Body;

/// Takes the quotes off the tag of the document.
pub(super) fn bare_tag(response: &mut Response<Body>) {
    let Some(document) = response.body().bytes() else {
        return;
    };
    let Ok(document) = std::str::from_utf8(&document) else {
        return;
    };
    let bare = document
        .replacen("<ETag>\"", "<ETag>", 1)
        .replacen("\"</ETag>", "</ETag>", 1);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(Bytes::from(bare));
}
