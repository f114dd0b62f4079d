//! What was published.

use gumnut_types::{ImageClass, ImageId, ManifestLocation};
use gumnut_workflows::RunId;

/// What was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// The run.
    pub run: RunId,
    /// The images, those before the machine image first.
    pub images: Vec<PublishedImage>,
    /// Whether anything was done: `false` when an earlier run had done it all.
    pub changed: bool,
    /// Bytes that were sent to the store this time: parts and manifests.
    pub sent: u64,
}

/// An image that was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublishedImage {
    /// What it is for.
    pub class: ImageClass,
    /// Its id; `None` when it was not to be registered.
    pub id: Option<ImageId>,
    /// Where its manifest is.
    pub location: ManifestLocation,
    /// How many parts its bundle has.
    pub parts: usize,
}
