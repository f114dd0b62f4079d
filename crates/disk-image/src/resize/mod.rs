//! Growing an image: on a copy, as any user, keeping UUID, label and features.

mod copy;
mod partial;
mod tool;

use std::path::{Path, PathBuf};

use fs_err::File;

use crate::error::DiskImageError;
use crate::inspect::{self, Content, Kind};
use crate::superblock::{State, Superblock};
use partial::Partial;
use tool::Tool;

/// What to do when the target exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Refuse to touch it.
    #[default]
    Refuse,
    /// Replace it once the new image is complete.
    Replace,
}

/// How to resize.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ResizeOptions {
    /// What to do when the target exists.
    pub existing: Existing,
}

impl ResizeOptions {
    /// With another rule for a target that exists.
    #[must_use]
    pub fn existing(self, existing: Existing) -> Self {
        Self { existing }
    }
}

/// The steps of a resize, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Copying the image; `bytes` is its length.
    Copy {
        /// Length of the image in bytes, holes included.
        bytes: u64,
    },
    /// `e2fsck -fp` on the copy, which also replays a journal.
    Check,
    /// `resize2fs` on the copy.
    Grow,
    /// `e2fsck -fn` on the result.
    Verify,
}

/// Who wants to know how far a resize is, and may stop it.
pub trait Progress {
    /// A step begins.
    fn step(&self, step: Step) {
        let _ = step;
    }

    /// So many more bytes of the image are copied, holes included.
    fn copied(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Whether to stop; asked between pieces of the copy and between steps.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Nobody wants to know.
impl Progress for () {}

/// What a resize has made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resized {
    /// Length of the original in bytes.
    pub before: u64,
    /// Length of the new image in bytes.
    pub after: u64,
    /// The superblock of the new image.
    pub superblock: Superblock,
    /// Whether the check had to correct something, such as to replay the journal.
    pub corrected: bool,
}

/// Makes a copy of the image `source` at `destination` whose length and file system are `new_size`
/// bytes. The original is only read; the copy appears under its name when it is complete, checked
/// and on disk. Until then it is `destination` with `.partial` at the end.
///
/// # Errors
/// When `source` is not a whole ext2, ext3 or ext4 file system, when `new_size` is smaller or no
/// whole number of blocks, when the target exists, when the e2fsprogs are missing or refuse the
/// image, and when reading or writing fails.
pub fn resize(
    source: &Path,
    new_size: u64,
    destination: &Path,
    options: ResizeOptions,
    progress: &dyn Progress,
) -> Result<Resized, DiskImageError> {
    let (file, before) = inspect::open(source)?;
    let old = resizable(source, &file, before, new_size)?;
    let destination = checked_target(source, destination, options.existing)?;
    let tools = [Tool::find("e2fsck")?, Tool::find("resize2fs")?];

    let partial = Partial::create(&destination, &file)?;
    copy::sparse(&file, partial.file(), before, progress)?;
    let corrected = grow(source, &partial, new_size, &tools, progress)?;
    // `e2fsck` answers 0 when replaying the journal was all there was to do.
    let corrected = corrected || old.state != State::Clean;
    let superblock = verified(source, partial.file(), &old, new_size)?;
    partial.commit(options.existing)?;
    Ok(Resized {
        before,
        after: new_size,
        superblock,
        corrected,
    })
}

/// The superblock of an image that can grow to `new_size`.
fn resizable(
    path: &Path,
    file: &File,
    length: u64,
    new_size: u64,
) -> Result<Superblock, DiskImageError> {
    let path = || path.to_owned();
    let superblock = match inspect::classify(file, length)? {
        Kind::Ext(superblock) => superblock,
        Kind::Other(Content::Disk(table)) => {
            return Err(DiskImageError::Partitioned {
                path: path(),
                table,
            });
        }
        Kind::Other(Content::VirtualDisk(format)) => {
            return Err(DiskImageError::NotRaw {
                path: path(),
                format,
            });
        }
        Kind::Other(content) => {
            return Err(DiskImageError::NoFileSystem {
                path: path(),
                found: content.to_string(),
            });
        }
    };
    let file_system = superblock.length();
    if file_system > length {
        return Err(DiskImageError::Truncated {
            path: path(),
            length,
            file_system,
        });
    }
    if new_size < length {
        return Err(DiskImageError::Smaller {
            path: path(),
            current: length,
            requested: new_size,
        });
    }
    let block_size = superblock.block_size;
    if !new_size.is_multiple_of(block_size) {
        let next = new_size.div_ceil(block_size).saturating_mul(block_size);
        return Err(DiskImageError::Unaligned {
            requested: new_size,
            block_size,
            next,
        });
    }
    Ok(superblock)
}

/// The target as an absolute path, which no program can take for an option.
fn checked_target(
    source: &Path,
    destination: &Path,
    existing: Existing,
) -> Result<PathBuf, DiskImageError> {
    let path = std::path::absolute(destination)?;
    if path.as_os_str().as_encoded_bytes().contains(&b'?') {
        return Err(DiskImageError::QuestionMark { path });
    }
    let there = path.symlink_metadata().is_ok();
    if there && path.canonicalize().ok() == source.canonicalize().ok() {
        return Err(DiskImageError::SameFile { path });
    }
    if there && existing == Existing::Refuse {
        return Err(DiskImageError::Exists { path });
    }
    Ok(path)
}

/// Checks, grows and checks the copy; says whether the first check corrected something.
fn grow(
    source: &Path,
    partial: &Partial,
    new_size: u64,
    [e2fsck, resize2fs]: &[Tool; 2],
    progress: &dyn Progress,
) -> Result<bool, DiskImageError> {
    let begin = |step| {
        progress.step(step);
        if progress.cancelled() {
            Err(DiskImageError::Cancelled)
        } else {
            Ok(())
        }
    };
    begin(Step::Check)?;
    let corrected = e2fsck.run(&["-fp"], partial.path(), source, &[0, 1])? == 1;
    begin(Step::Grow)?;
    // Apart from resize2fs, so that "no space for the file" is an error of its own.
    partial.file().set_len(new_size)?;
    resize2fs.run(&[], partial.path(), source, &[0])?;
    begin(Step::Verify)?;
    e2fsck.run(&["-fn"], partial.path(), source, &[0])?;
    Ok(corrected)
}

/// The superblock of the result, which must be the old file system in a new size.
fn verified(
    source: &Path,
    file: &File,
    old: &Superblock,
    new_size: u64,
) -> Result<Superblock, DiskImageError> {
    let wrong = |problem: String| DiskImageError::WrongResult {
        path: source.to_owned(),
        problem,
    };
    let length = file.metadata()?.len();
    let Kind::Ext(new) = inspect::classify(file, length)? else {
        return Err(wrong("it holds no file system".to_owned()));
    };
    if length != new_size || new.length() != new_size {
        let found = new.length();
        return Err(wrong(format!(
            "{found} bytes in a file of {length}, not {new_size}"
        )));
    }
    if (new.uuid, &new.label) != (old.uuid, &old.label) {
        return Err(wrong("its UUID or label has changed".to_owned()));
    }
    Ok(new)
}
