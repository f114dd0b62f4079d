//! Signature version 4.

mod canonical;
mod claim;
mod key;
mod scope;
mod sign;

pub use claim::{Claim, Verified};
pub use key::SigningKey;
pub use sign::{PayloadHash, Service, Signer};

pub(crate) use claim::MAX_EXPIRES;
pub(crate) use scope::Scope;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The payload hash that says that the body is not signed.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The payload hash of bodies in signed chunks.
pub const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
/// The payload hash of bodies in signed chunks with a signed trailer.
pub const STREAMING_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
/// The payload hash of bodies in unsigned chunks with a trailer.
pub const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
