//! What the protocol's layer, s3s 0.14, lacks or writes otherwise than S3. Each gap has one module or function, and goes when the
//! layer has closed it.
//!
//! - [`error_body`]: documents of errors have no `Resource` and `RequestId`, some have no `Message`; "not modified" has a body.
//! - [`attributes`]: the tag in `GetObjectAttributesResponse` has quotes.

mod attributes;
mod error_body;

use gumnut_signing::Query;
use http::{Method, Response};
use s3s::Body;

pub(super) use error_body::ErrorContext;

/// Patches the answer to a request with this method and these parameters.
pub(super) fn apply(method: &Method, query: &Query, response: &mut Response<Body>) {
    if attributes::is_asked(method, query) {
        attributes::bare_tag(response);
    }
}
