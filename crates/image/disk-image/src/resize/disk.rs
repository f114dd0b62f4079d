//! Resizing the last partition of a whole disk.
//!
//! `resize2fs` can be told where in a file the file system begins, and then cuts the file to the size
//! of the file system alone. So the partition is copied to a file of its own, resized there, and a new
//! disk is put together of what stood before it, the resized partition and a table that fits.

use std::path::PathBuf;

use gumnut_types::Progress;

use super::file_system::{Done, Job};
use super::partial::Partial;
use super::subject::{Last, Subject};
use super::{NewSize, Step, StepProgress, copy, write_at};
use crate::error::DiskImageError;

/// Passes on only the wish to stop.
struct Quiet<'a>(&'a dyn StepProgress);

impl Progress for Quiet<'_> {
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl StepProgress for Quiet<'_> {}

/// Writes the disk with its last partition resized into `target`.
pub(super) fn resize(
    job: &Job<'_>,
    subject: &Subject,
    last: &Last,
    size: NewSize,
    target: &Partial,
) -> Result<Done, DiskImageError> {
    let mut name = target.path().as_os_str().to_owned();
    name.push(".partition");
    let partition = Partial::create(&PathBuf::from(name), subject.file())?;
    let (start, old) = (last.entry.start, last.superblock.length());
    let from = copy::Stretch { start, length: old };
    copy::stretch(subject.file(), from, partition.file(), 0, job.progress)?;
    let wanted = subject.file_system_size(size)?;
    let done = job.run(partition.file(), partition.path(), &last.superblock, wanted)?;

    job.begin(Step::Assemble)?;
    let quiet = Quiet(job.progress);
    let before = copy::Stretch {
        start: 0,
        length: start,
    };
    copy::stretch(subject.file(), before, target.file(), 0, &quiet)?;
    let new = copy::Stretch {
        start: 0,
        length: done.length,
    };
    copy::stretch(partition.file(), new, target.file(), start, &quiet)?;
    let disk = match size {
        NewSize::Bytes(bytes) => bytes,
        NewSize::Minimum => subject.image_size(done.length),
    };
    target.file().set_len(disk)?;
    let room = disk.saturating_sub(start + last.trailer());
    let length = room - room % last.superblock.block_size.max(4096);
    let table = last
        .table_for(length, disk)
        .ok_or_else(|| DiskImageError::Partitioned {
            path: job.source.to_owned(),
            table: last.table.kind(),
            reason: "its partition table cannot describe a disk of this size".to_owned(),
        })?;
    for (offset, bytes) in table {
        write_at(target, &bytes, offset)?;
    }
    Ok(done)
}
