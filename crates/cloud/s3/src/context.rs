//! What is known of a request before the protocol's layer sees it.

use gumnut_cloud_catalogue::Identity;
use s3s::S3Request;

use crate::ranges::SentRange;
use crate::sent_checksums::ConfirmedChecksums;
use crate::understood::Operation;

/// What the front end has found out about a request. It travels to the operation in the extensions of the request: the
/// protocol's layer has no other way.
#[derive(Clone, Debug)]
pub(super) struct RequestContext {
    /// Who asks: what the check of the signature has found out.
    pub(super) caller: Identity,
    /// Where the checksums will be that the body was compared with.
    pub(super) confirmed: ConfirmedChecksums,
    /// The operation that the request asks for, by what was checked of it; `None` only in tests.
    pub(super) operation: Option<&'static Operation>,
    /// The bytes that a reader asks for.
    pub(super) range: SentRange,
}

impl Default for RequestContext {
    fn default() -> Self {
        Self {
            caller: Identity::Anonymous,
            confirmed: ConfirmedChecksums::default(),
            operation: None,
            range: SentRange::default(),
        }
    }
}

impl RequestContext {
    /// That of a request that came through the front end.
    pub(super) fn of<T>(request: &S3Request<T>) -> Self {
        request
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_default()
    }
}

/// Who asks.
pub(super) fn caller<T>(request: &S3Request<T>) -> Identity {
    RequestContext::of(request).caller
}
