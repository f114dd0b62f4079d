//! What can go wrong with the disks of instances.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use gumnut_bundle::BundleError;
use gumnut_cloud_images::{ImageError, ImageErrorKind};
use gumnut_disk_image::DiskImageError;
use gumnut_types::{ByteSize, Fault};

/// Why an image or a disk is not there. Clones share what is behind it, because many may wait for one image.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The bundle cannot be opened.
    #[error("cannot open the bundle of {image}")]
    Open {
        /// The id of the image.
        image: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// The bundle is damaged, or its image cannot be written.
    #[error("cannot restore {image}")]
    Restore {
        /// The id of the image.
        image: String,
        /// Why.
        #[source]
        source: Arc<BundleError>,
    },
    /// The disk of the host has no room for a file.
    #[error("{what} needs {}, and {} are free", ByteSize(*needed), ByteSize(*free))]
    NoRoom {
        /// What there is no room for.
        what: String,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that may be used.
        free: u64,
    },
    /// An image cannot be read, or a program does not take it.
    #[error(transparent)]
    Image(Arc<DiskImageError>),
    /// A partition table cannot count the sectors of a disk.
    #[error("a disk of {} is too large for a partition table", ByteSize(*.0))]
    TooLarge(u64),
    /// The digest of a manifest is none.
    #[error("{0:?} is not a SHA-256 in base64")]
    Digest(String),
    /// Input or output failed.
    #[error("cannot {doing} `{}`", path.display())]
    System {
        /// What was being done.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// A task of the cloud has failed.
    #[error("restoring {0} was interrupted")]
    Interrupted(String),
}

impl DiskError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Open { source, .. } => match source.kind() {
                ImageErrorKind::Unavailable => Fault::Network,
                ImageErrorKind::Internal => Fault::System,
                _ => Fault::Input,
            },
            Self::Restore { source, .. } => source.fault(),
            Self::NoRoom { .. } | Self::System { .. } => Fault::System,
            Self::Digest(_) | Self::TooLarge(_) => Fault::Input,
            Self::Image(source) => source.fault(),
            Self::Interrupted(_) => Fault::Cancelled,
        }
    }

    /// Whether the disk of the host is full: later there may be room.
    pub fn is_for_lack_of_room(&self) -> bool {
        let full = |source: &io::Error| source.kind() == io::ErrorKind::StorageFull;
        match self {
            Self::NoRoom { .. } => true,
            Self::System { source, .. } => full(source),
            Self::Image(source) => match &**source {
                DiskImageError::Io(source) | DiskImageError::System { source, .. } => full(source),
                _ => false,
            },
            Self::Restore { source, .. } => match &**source {
                BundleError::WriteImage(source) | BundleError::Output { source, .. } => {
                    full(source)
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub(crate) fn system(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::System {
            doing,
            path,
            source: Arc::new(source),
        }
    }
}

impl From<DiskImageError> for DiskError {
    fn from(error: DiskImageError) -> Self {
        Self::Image(Arc::new(error))
    }
}
