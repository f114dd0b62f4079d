//! What the protocol's layer, s3s 0.14, lacks or writes otherwise than S3. Each gap has one module or function, and goes when the
//! layer has closed it.
//!
//! - [`error_body`]: documents of errors have no `Resource` and `RequestId`, some have no `Message`; "not modified" has a body; a
//!   form against its policy has the code and status of a malformed one.
//! - [`form`]: the field `acl` of a form is compared with the policy and dropped, `${filename}` in a key stays, a policy may end at
//!   a time of any form, and the tag in the address that a form leads to has no quotes.
//! - [`attributes`]: the tag in `GetObjectAttributesResponse` has quotes.

mod attributes;
mod error_body;
pub(super) mod form;

use http::Response;
use http::request::Parts;
use s3s::Body;

pub(super) use error_body::ErrorContext;

/// What there is to patch in the answer to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches {
    form: bool,
    attributes: bool,
}

impl Patches {
    /// What there is to patch in the answer to a request with this head, as the client sent it.
    pub(super) fn of(head: &Parts) -> Self {
        Self {
            form: form::is_form(&head.method, &head.headers),
            attributes: attributes::is_asked(&head.method, &head.uri),
        }
    }

    /// Patches the answer.
    pub(super) fn apply(self, response: &mut Response<Body>) {
        if self.form {
            form::quote_tag(response.headers_mut());
        }
        if self.attributes {
            attributes::bare_tag(response);
        }
    }
}
