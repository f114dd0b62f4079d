//! How a bundle is made.

use std::num::{NonZeroU64, NonZeroUsize};
use std::thread;

use gumnut_archive::Level;

/// 10 MiB, the part size of every known tool.
const PART_SIZE: NonZeroU64 = NonZeroU64::new(10 << 20).unwrap();

/// How a bundle is made. Every value is valid; the defaults suit every cloud.
#[derive(Clone, Debug)]
pub struct BundleOptions {
    /// Bytes of each part but the last. A manifest has room for about 35,000 parts.
    pub part_size: NonZeroU64,
    /// Threads that compress. The bundle does not depend on it, memory does: 4 MiB for each.
    pub jobs: NonZeroUsize,
    /// How hard to compress.
    pub level: Level,
    /// How holes are kept.
    pub tar: TarForm,
}

/// The form of the tar member that holds the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TarForm {
    /// A plain file: holes are zeros in the stream, which every cloud reads.
    #[default]
    Plain,
    /// An old-GNU sparse file: holes are not in the stream, so neither SHA-1 nor gzip sees them.
    /// Eucalyptus clouds and GNU tar read it; EC2 is not known to.
    Sparse,
}

impl Default for BundleOptions {
    fn default() -> Self {
        Self {
            part_size: PART_SIZE,
            jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            level: Level::DEFAULT,
            tar: TarForm::Plain,
        }
    }
}
