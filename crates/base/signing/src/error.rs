//! Why a signature is not accepted.

use gumnut_types::Fault;

/// Why a signature is not accepted. A server maps these to its protocol's codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The scheme of the `Authorization` header is not known.
    #[error("the Authorization header has an unknown scheme")]
    Scheme,
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Something is there and makes no sense.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A parameter comes twice, or as a header too with another value: what is meant cannot be told.
    #[error("the parameter {0:?} is given more than once")]
    Repeated(String),
    /// A header that was to be signed is not there.
    #[error("the signed header {0:?} is missing")]
    MissingHeader(String),
    /// A header that changes what the request does is not among the signed ones, so anybody may have
    /// added it.
    #[error("the header {0:?} is not signed")]
    UnsignedHeader(String),
    /// The clocks are more than 15 minutes apart.
    #[error("the difference between the request time and the current time is too large")]
    Skewed,
    /// A presigned request is used before its time.
    #[error("the request is not yet valid")]
    NotYetValid,
    /// A presigned request is used after its time.
    #[error("the request has expired")]
    Expired,
    /// The signature is another.
    #[error("the signature does not match")]
    Mismatch(Box<Mismatch>),
}

impl SignatureError {
    /// Whose fault it is: always that of the request, which is not trusted, so [`Fault::Input`].
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// What the server computed, so that people can find the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The text that was signed.
    pub string_to_sign: String,
    /// The canonical form of the request; version 4 only.
    pub canonical_request: Option<String>,
    /// The signature that came.
    pub provided: String,
}
