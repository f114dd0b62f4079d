//! Why something is not done with an image.

use std::fmt;

use gumnut_cloud_catalogue::{CatalogueError, Profile};
use gumnut_cloud_objects::ObjectError;
use gumnut_types::Fault;

/// Why something is not done with an image: what kind of reason, and the text for the caller.
///
/// Front ends make the codes of their protocol of the kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImageError {
    kind: ImageErrorKind,
    message: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageErrorKind {
    /// The caller may not do that.
    NotAuthorized,
    /// There is no such image, or the caller may not know of it.
    NotFound,
    /// The name cannot be one.
    MalformedName,
    /// Another usable image of the account has the name.
    DuplicateName,
    /// The manifest, or what it names, is not as it should be.
    InvalidManifest,
    /// Something that must be said is not said.
    MissingParameter,
    /// A value is out of bounds.
    InvalidParameter,
    /// A value is none of those that can be.
    InvalidParameterValue,
    /// The image would have more tags than it may have.
    TagLimitExceeded,
    /// The image would have more launch permissions or product codes than it may have.
    LimitExceeded,
    /// A reason for which Eucalyptus has no kind of its own.
    Unspecific,
    /// The cloud cannot do it at the moment; trying again later may help. The reason is in its log.
    Unavailable,
    /// The cloud itself has failed. The reason is in its log.
    Internal,
}

impl ImageError {
    /// An error of this kind with the text for the caller.
    pub fn new(kind: ImageErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The kind of reason.
    pub fn kind(&self) -> ImageErrorKind {
        self.kind
    }

    /// An error that has a kind in the profile `strict` and none in the clouds that it is compared with.
    pub(crate) fn of(profile: Profile, kind: ImageErrorKind, message: impl Into<String>) -> Self {
        match profile {
            Profile::Strict => Self::new(kind, message),
            Profile::Euca16 | Profile::Euca20 | Profile::Euca44 => Self::unspecific(message),
        }
    }

    pub(crate) fn unspecific(message: impl Into<String>) -> Self {
        Self::new(ImageErrorKind::Unspecific, message)
    }

    /// A failure of the cloud itself. The reason is for the log.
    pub(crate) fn internal(reason: impl fmt::Display) -> Self {
        tracing::error!(%reason, "a request failed");
        Self::new(ImageErrorKind::Internal, "An internal error has occurred")
    }

    /// Something that the cloud needs is not there at the moment. The reason is for the log.
    pub(crate) fn unavailable(reason: impl fmt::Display) -> Self {
        tracing::error!(%reason, "a request cannot be handled at the moment");
        let message = "The service cannot handle the request at the moment";
        Self::new(ImageErrorKind::Unavailable, message)
    }

    /// The refusal when an object cannot be read at the moment; `None` when the object itself is the reason.
    pub(crate) fn of_unavailable(error: &ObjectError) -> Option<Self> {
        (error.fault() == Fault::Network).then(|| Self::unavailable(with_sources(error)))
    }

    pub(crate) fn not_found(id: &str) -> Self {
        let message = format!("The image ID '{id}' does not exist");
        Self::new(ImageErrorKind::NotFound, message)
    }
}

impl From<CatalogueError> for ImageError {
    fn from(error: CatalogueError) -> Self {
        let reason = with_sources(&error);
        if matches!(error, CatalogueError::Unavailable(_)) {
            return Self::unavailable(reason);
        }
        Self::internal(reason)
    }
}

impl From<tokio::task::JoinError> for ImageError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(error)
    }
}

fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |cause| cause.source())
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}
