//! Registering an image: what a cloud checks before it gives an id.
//!
//! A profile is one function from a request to an image or a refusal; [`strict`] is the one of today. It sees
//! the object store and the catalogue through what it is given, and nothing of HTTP.

mod check;
mod image_type;
mod request;
mod strict;
#[cfg(test)]
pub(crate) mod tests;

use async_trait::async_trait;
use gumnut_types::Sha1Digest;

pub(crate) use image_type::class_name;
pub(crate) use request::Request;
pub(crate) use strict::{Registration, register};

/// Why an image is not registered, in the words of the EC2 API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal with status 400, which all but failures of the cloud itself have.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            status: 400,
            message: message.into(),
        }
    }

    /// A failure of the cloud itself. The reason is for the log.
    pub(crate) fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!(%reason, "a request failed");
        let message = "An internal error has occurred".to_owned();
        Self {
            code: "InternalError",
            status: 500,
            message,
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(error)
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(error)
    }
}

/// Objects as the system identity `aws-exec-read` sees them.
#[async_trait]
pub(crate) trait Objects: Send + Sync {
    /// The bytes of an object of at most `limit` bytes.
    async fn read(&self, bucket: &str, key: &str, limit: usize) -> Result<Vec<u8>, ObjectError>;

    /// Size and digest of an object of any size.
    async fn digest(&self, bucket: &str, key: &str) -> Result<(u64, Sha1Digest), ObjectError>;
}

/// Why an object cannot be read: the code of the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectError(pub(crate) String);
