//! Resizing the last partition of a whole disk.
//!
//! `resize2fs` can be told where in a file the file system begins, and then cuts the file to the size
//! of the file system alone. So the partition is copied to a file of its own, resized there, and a new
//! disk is put together of what stood before it, the resized partition and a table that fits.

use std::path::PathBuf;

use super::file_system::{Done, Job, set_length};
use super::subject::{Last, Subject};
use super::{NewSize, Quiet, Step, write_at};
use crate::copy;
use crate::error::DiskImageError;
use crate::partial::Partial;

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
    let partition = Partial::create(&PathBuf::from(name), Some(subject.file()))?;
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
    set_length(target.file(), target.path(), disk)?;
    let table = subject.table(last, disk)?;
    for (offset, bytes) in table {
        write_at(target, &bytes, offset)?;
    }
    Ok(done)
}
