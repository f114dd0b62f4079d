//! What the protocol's layer, s3s 0.14, lacks or writes otherwise than S3. Each gap has one module or function, and goes when the
//! layer has closed it.
//!
//! - [`error_body`]: documents of errors have no `Resource` and `RequestId`, some have no `Message`; "not modified" has a body.
//! - [`attributes`]: the tag in `GetObjectAttributesResponse` has quotes.
//! - The answer to HEAD with a range has the status of a whole object.

mod attributes;
mod error_body;

use http::{Response, StatusCode, header};
use s3s::Body;

pub(super) use error_body::ErrorContext;

/// Patches the answer to an operation of this name.
pub(super) fn apply(operation: &str, response: &mut Response<Body>) {
    if operation == "GetObjectAttributes" {
        attributes::bare_tag(response);
    }
    let is_piece = response.headers().contains_key(header::CONTENT_RANGE);
    if is_piece && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
}
