//! Registering an image: what a cloud checks before it gives an id.
//!
//! A profile is one function from a request to an image or a refusal: [`strict`], [`euca44`], [`legacy`]. It sees
//! the object store and the catalogue through what it is given, and nothing of HTTP.

mod check;
mod content;
mod euca44;
mod ids;
mod image;
mod image_type;
mod legacy;
mod lenient;
mod request;
mod strict;
#[cfg(test)]
pub(crate) mod tests;

use std::io::Read;

use async_trait::async_trait;
use gumnut_types::Sha1Digest;

use crate::accounts::CloudKeys;
use crate::auth::{Caller, Identity};
use crate::catalogue::Catalogue;
use gumnut_cloud_catalogue::{ImageRules, Profile};

pub(crate) use ids::Ids;
pub(crate) use image_type::class_name;
pub(crate) use request::{BlockDevices, Request};

/// What registering needs beside the request.
pub(crate) struct Registration<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) objects: &'a dyn Objects,
    pub(crate) cloud: &'a CloudKeys,
    pub(crate) rules: &'a ImageRules,
    pub(crate) ids: &'a Ids,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Checks everything that the profile checks, in its order, and stores the image under a new id.
pub(crate) async fn register(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
) -> Result<String, Refusal> {
    match registration.rules.profile {
        Profile::Strict => strict::register(registration, caller, request).await,
        Profile::Euca44 => euca44::register(registration, caller, request).await,
        Profile::Euca16 | Profile::Euca20 => legacy::register(registration, caller, request).await,
    }
}

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

    /// A refusal for which Eucalyptus has no code of its own.
    pub(crate) fn generic(message: impl Into<String>) -> Self {
        Self {
            code: "InternalFailure",
            status: 500,
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

/// A refusal by a profile: with a code of `strict`, or without one where the real clouds have none.
pub(crate) fn refuse(profile: Profile, code: &'static str, message: impl Into<String>) -> Refusal {
    match profile {
        Profile::Strict => Refusal::new(code, message),
        Profile::Euca16 | Profile::Euca20 | Profile::Euca44 => Refusal::generic(message),
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

/// Objects as somebody sees them.
#[async_trait]
pub(crate) trait Objects: Send + Sync {
    /// The bytes of an object of at most `limit` bytes, if `who` may read it.
    async fn read(
        &self,
        who: &Identity,
        bucket: &str,
        key: &str,
        limit: usize,
    ) -> Result<Vec<u8>, ObjectError>;

    /// The bytes of an object that `aws-exec-read` may read.
    async fn open(&self, bucket: &str, key: &str) -> Result<Box<dyn Read + Send>, ObjectError>;

    /// Size and digest of an object of any size that `aws-exec-read` may read.
    async fn digest(&self, bucket: &str, key: &str) -> Result<(u64, Sha1Digest), ObjectError>;
}

/// Why an object cannot be read: the code of the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectError(pub(crate) String);
