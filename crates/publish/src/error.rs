//! What can go wrong in a workflow.

use gumnut_transport::TransportError;
use gumnut_types::ImageId;

/// Why a workflow ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The site has no EC2 service.
    #[error("this needs an EC2 service, and none is set")]
    NoEc2,
    /// The cloud does not show this image.
    #[error("the cloud shows no image {0}")]
    NoImage(ImageId),
    /// The image is not made of a bundle.
    #[error("{id} has no manifest in the object store")]
    NoManifest {
        /// The image.
        id: ImageId,
    },
    /// The cloud refused, or did not answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
}
