//! Telling people how far a workflow is.

use std::path::Path;

use gumnut_disk_image::Finding;
use gumnut_types::{ImageId, ManifestLocation};

use crate::{Role, RunId};

/// What a workflow is about to do, or has found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A file is read for its fingerprint.
    Reading {
        /// The file.
        path: &'a Path,
        /// Its length in bytes.
        bytes: u64,
    },
    /// Another process works on the same run; it has to end first.
    Waiting {
        /// The run.
        run: &'a RunId,
    },
    /// A run that was interrupted goes on.
    Resuming {
        /// The run.
        run: &'a RunId,
    },
    /// A tarball is unpacked.
    Unpacking {
        /// The tarball.
        path: &'a Path,
        /// Its length in bytes.
        bytes: u64,
    },
    /// The disk is copied and gets another size.
    Resizing {
        /// The size in bytes.
        bytes: u64,
    },
    /// The checks of the images have found something.
    Found {
        /// The findings, the gravest first.
        findings: &'a [Finding],
    },
    /// The bucket is made.
    MakingBucket,
    /// An image is bundled straight into the store.
    Bundling {
        /// What it is for.
        role: Role,
        /// Where its manifest will be.
        location: &'a ManifestLocation,
        /// Its length in bytes.
        bytes: u64,
        /// Parts that are in the store already.
        kept: usize,
    },
    /// An image is registered.
    Registering {
        /// What it is for.
        role: Role,
    },
    /// An image has its id, from now or from before.
    Registered {
        /// What it is for.
        role: Role,
        /// The id.
        id: &'a ImageId,
        /// Whether it was there already.
        already: bool,
    },
    /// What the store holds is compared with what was sent.
    Verifying,
}

/// One who wants to know how far a workflow is, and may stop it.
pub trait Observer: Send + Sync {
    /// A step begins.
    fn step(&self, step: &Step<'_>) {
        let _ = step;
    }

    /// So many more bytes of the step's are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Whether to stop.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody wants to know.
impl Observer for () {}

/// An observer as the crates below know it.
pub(crate) struct Watched<'a>(pub(crate) &'a dyn Observer);

impl gumnut_bundle::Progress for Watched<'_> {
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl gumnut_disk_image::StepProgress for Watched<'_> {}
