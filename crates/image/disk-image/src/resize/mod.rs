//! Resizing an image: on a copy, as any user, keeping UUID, label and features.

mod disk;
mod file_system;
mod room;
mod subject;

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use gumnut_signatures::Window;
use gumnut_types::{Existing, NoProgress, Progress};

use crate::copy;
use crate::error::DiskImageError;
use crate::inspect;
use crate::partial::Partial;
use crate::superblock::{State, Superblock};
use file_system::Job;
use subject::{Layout, Subject};

/// The size that an image will get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewSize {
    /// So many bytes.
    Bytes(u64),
    /// As few as its content allows.
    Minimum,
}

/// Where the new image goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Into another file.
    File(&'a Path),
    /// Over the original, once the new image is complete.
    InPlace,
}

/// How to resize.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ResizeOptions {
    /// What to do when the target exists.
    pub existing: Existing,
    /// Whether free blocks become holes, so that deleted files are gone for good.
    pub drop_free_blocks: bool,
}

impl ResizeOptions {
    /// With another rule for a target that exists.
    #[must_use]
    pub fn existing(self, existing: Existing) -> Self {
        Self { existing, ..self }
    }

    /// With or without what deleted files have left in free blocks.
    #[must_use]
    pub fn drop_free_blocks(self, drop_free_blocks: bool) -> Self {
        Self {
            drop_free_blocks,
            ..self
        }
    }
}

/// The steps of a resize, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Copying the image.
    Copy {
        /// Bytes that are copied: data, without holes.
        bytes: u64,
    },
    /// `e2fsck -fp` on the copy, which also replays a journal.
    Check,
    /// `resize2fs` on the copy.
    Resize,
    /// `e2fsck -fn` on the result.
    Verify,
    /// Putting the file system back behind its partition table.
    Assemble,
}

/// Told which step of a copy or resize begins, beside the bytes of the image that are copied, without holes. Whether to
/// stop is asked between pieces of the copy and between steps.
pub trait StepProgress: Progress {
    /// A step begins.
    fn step(&self, step: Step) {
        let _ = step;
    }
}

impl StepProgress for NoProgress {}

/// Passes on only the wish to stop.
pub(crate) struct Quiet<'a>(pub(crate) &'a dyn StepProgress);

impl Progress for Quiet<'_> {
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl StepProgress for Quiet<'_> {}

/// A finished resize.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resized {
    /// Length of the image before, in bytes.
    pub before: u64,
    /// Length of the new image, in bytes.
    pub after: u64,
    /// The partition that was resized; `None` when the image is one file system.
    pub partition: Option<u32>,
    /// The superblock of the resized file system.
    pub superblock: Superblock,
    /// Whether the first check corrected something, such as replaying a journal.
    pub corrected: bool,
}

/// What a resize would do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Length of the image now, in bytes.
    pub before: u64,
    /// Length of the new image, in bytes; `None` when only doing it shows it.
    pub after: Option<u64>,
    /// The partition that would be resized; `None` when the image is one file system.
    pub partition: Option<u32>,
    /// Bytes that are in use, the least that the file system could need.
    pub used: u64,
    /// The file system as it is.
    pub superblock: Superblock,
}

/// Says what [`resize`] would do, and fails as it would as far as the headers show.
///
/// # Errors
/// As for [`resize`].
pub fn plan(source: &Path, size: NewSize) -> Result<Plan, DiskImageError> {
    let subject = Subject::open(source)?;
    let superblock = subject.superblock().clone();
    let used = superblock.length() - superblock.free();
    if let (NewSize::Bytes(requested), Some(wanted)) = (size, subject.file_system_size(size)?)
        && wanted < used
    {
        return Err(DiskImageError::TooSmall {
            path: source.to_owned(),
            requested,
            minimum: subject.image_size(used),
        });
    }
    // What does the work has to be there, too.
    Job::new(source, false, &NoProgress)?;
    Ok(Plan {
        before: subject.length(),
        after: match size {
            NewSize::Bytes(bytes) => Some(bytes),
            NewSize::Minimum => None,
        },
        partition: subject.partition(),
        used,
        superblock,
    })
}

/// Copies the image `source`, gives the file system in it another size and puts the result at
/// `target`. On a disk with a partition table it is the last partition that is resized, and the table
/// with it. The original is only read; the new image appears under its name when it is complete,
/// checked and on disk. Until then it has `.partial` at the end.
///
/// # Errors
/// When `source` holds no whole ext2, ext3 or ext4 file system, when its content does not fit into the
/// new size or that is no whole number of blocks, when the target exists, when the e2fsprogs are
/// missing or refuse the image, and when reading or writing fails.
pub fn resize(
    source: &Path,
    size: NewSize,
    target: Target<'_>,
    options: ResizeOptions,
    progress: &dyn StepProgress,
) -> Result<Resized, DiskImageError> {
    let subject = Subject::open(source)?;
    let wanted = subject.file_system_size(size)?;
    let (destination, existing) = checked_target(source, target, options.existing)?;
    let partial = Partial::create(&destination, Some(subject.file()))?;
    room::check(&subject, partial.path())?;
    let job = Job::new(source, options.drop_free_blocks, progress)?;
    let done = match subject.layout() {
        Layout::Bare(superblock) => {
            copy::sparse(subject.file(), partial.file(), subject.length(), progress)?;
            job.run(partial.file(), partial.path(), superblock, wanted)?
        }
        Layout::Partition(last) => disk::resize(&job, &subject, last, size, &partial)?,
    };
    let after = partial.file().metadata()?.len();
    let start = subject.start();
    let superblock = verified(source, &partial, start, subject.superblock(), done.length)?;
    subject.unchanged()?;
    if target == Target::InPlace {
        partial.take_mode(subject.file())?;
    }
    partial.commit(existing)?;
    Ok(Resized {
        before: subject.length(),
        after,
        partition: subject.partition(),
        superblock,
        // `e2fsck` answers 0 when replaying the journal was all there was to do.
        corrected: done.corrected || subject.superblock().state != State::Clean,
    })
}

/// The target as an absolute path, which no program can take for an option.
fn checked_target(
    source: &Path,
    target: Target<'_>,
    existing: Existing,
) -> Result<(PathBuf, Existing), DiskImageError> {
    let (path, existing) = match target {
        Target::File(path) => (std::path::absolute(path)?, existing),
        Target::InPlace => (fs_err::canonicalize(source)?, Existing::Replace),
    };
    if path.as_os_str().as_encoded_bytes().contains(&b'?') {
        return Err(DiskImageError::QuestionMark { path });
    }
    let there = path.symlink_metadata().is_ok();
    if target == Target::InPlace {
        if !path.metadata()?.is_file() {
            return Err(DiskImageError::NotAFile { path });
        }
        return Ok((path, existing));
    }
    if there && path.canonicalize().ok() == source.canonicalize().ok() {
        return Err(DiskImageError::SameFile { path });
    }
    if there && existing == Existing::Refuse {
        return Err(DiskImageError::Exists { path });
    }
    Ok((path, existing))
}

/// The superblock of the result, which must be the old file system in a new size.
fn verified(
    source: &Path,
    partial: &Partial,
    start: u64,
    old: &Superblock,
    length: u64,
) -> Result<Superblock, DiskImageError> {
    let wrong = |problem: String| DiskImageError::WrongResult {
        path: source.to_owned(),
        problem,
    };
    let file = partial.file();
    let whole = file.metadata()?.len();
    let window = Window::whole(file, whole)?.part(start, u64::MAX)?;
    let Some(new) = inspect::superblock_of(&window)? else {
        return Err(wrong("it has no file system".to_owned()));
    };
    if new.length() != length || window.length() < length {
        let (found, room) = (new.length(), window.length());
        return Err(wrong(format!(
            "{found} bytes where {room} are, not {length}"
        )));
    }
    if (new.uuid, &new.label, new.inode_size) != (old.uuid, &old.label, old.inode_size) {
        let message = "its UUID, label or inode size has changed";
        return Err(wrong(message.to_owned()));
    }
    Ok(new)
}

/// Overwrites a piece of a file.
fn write_at(partial: &Partial, bytes: &[u8], offset: u64) -> Result<(), DiskImageError> {
    let written = partial.file().file().write_all_at(bytes, offset);
    written.map_err(|source| DiskImageError::System {
        doing: "write",
        path: partial.path().to_owned(),
        source,
    })
}

/// What shows that somebody wrote to a file.
fn stamp(metadata: &std::fs::Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}
