//! Files that are there, and what is known of them.

use std::path::PathBuf;

use gumnut_types::Architecture;

/// Files that are there, and what is known of them.
pub(super) struct Files {
    pub(super) disk: PathBuf,
    pub(super) kernel: Option<PathBuf>,
    pub(super) ramdisk: Option<PathBuf>,
    /// What the cloud says. `None`: nothing, or it was not asked.
    pub(super) architecture: Option<Architecture>,
}
