//! What a path leads to.

use gumnut_cloud_objects::ObjectError;
use gumnut_signing::decode_path;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The service: `/`.
    Service,
    /// A bucket: `/BUCKET`.
    Bucket,
    /// An object: `/BUCKET/KEY`.
    Object,
}

impl Level {
    /// `path` is the path behind the prefix of the service, as it was sent: what is encoded in it is decoded before it is taken
    /// apart, as the protocol's layer does it.
    pub(super) fn of(path: &str) -> Result<Self, ObjectError> {
        let path = decode_path(path).map_err(|_| ObjectError::InvalidUri)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        Ok(match path.split_once('/') {
            None if path.is_empty() => Self::Service,
            Some((_, key)) if !key.is_empty() => Self::Object,
            _ => Self::Bucket,
        })
    }
}
