//! How far a step on a disk is.

use gumnut_disk_image::StepProgress;
use gumnut_types::Progress;
use gumnut_workflows::{Observer, Step};

/// An observer as `gumnut-disk-image` knows one.
pub(super) struct DiskProgress<'a>(pub(super) &'a dyn Observer);

impl Progress for DiskProgress<'_> {
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl StepProgress for DiskProgress<'_> {}

/// An observer that is also told of each step on the copy of a disk.
pub(super) struct CopyProgress<'a>(pub(super) &'a dyn Observer);

impl Progress for CopyProgress<'_> {
    fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl StepProgress for CopyProgress<'_> {
    fn step(&self, step: gumnut_disk_image::Step) {
        self.0.step(&Step::Disk(step));
    }
}
