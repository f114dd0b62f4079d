//! The programs of e2fsprogs on a file that holds nothing but a file system.

use std::io;
use std::path::Path;

use fs_err::File;
use gumnut_signatures::Window;

use super::{Step, StepProgress};
use crate::error::DiskImageError;
use crate::features::Features;
use crate::inspect;
use crate::superblock::Superblock;
use crate::tool::Tool;

/// The work on one image.
pub(super) struct Job<'a> {
    /// The original, for messages.
    pub(super) source: &'a Path,
    pub(super) progress: &'a dyn StepProgress,
    discard: bool,
    e2fsck: Tool,
    resize2fs: Tool,
}

/// A file system in its new size.
pub(super) struct Done {
    /// Length of the file system in bytes.
    pub(super) length: u64,
    pub(super) corrected: bool,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        source: &'a Path,
        discard: bool,
        progress: &'a dyn StepProgress,
    ) -> Result<Self, DiskImageError> {
        Ok(Self {
            source,
            progress,
            discard,
            e2fsck: Tool::e2fs("e2fsck")?,
            resize2fs: Tool::e2fs("resize2fs")?,
        })
    }

    /// Checks, resizes and checks the file system in `file`, a copy; `wanted` is its new length in
    /// bytes, the least possible when it is `None`.
    pub(super) fn run(
        &self,
        file: &File,
        path: &Path,
        old: &Superblock,
        wanted: Option<u64>,
    ) -> Result<Done, DiskImageError> {
        self.begin(Step::Check)?;
        let check: &[&str] = if self.discard {
            &["-fp", "-E", "discard"]
        } else {
            &["-fp"]
        };
        let corrected = self.e2fsck.run(check, path, self.source, &[0, 1])? == 1;
        self.begin(Step::Resize)?;
        let length = match wanted {
            Some(length) if length >= old.length() => self.grow(file, path, length)?,
            Some(length) => self.shrink(file, path, old, length)?,
            None => self.shrink_to_fit(file, path)?,
        };
        self.begin(Step::Verify)?;
        if old.features.has(Features::ORPHAN_FILE) {
            // resize2fs 1.47.0 leaves the checksums of an orphan file that it moved as they were; this corrects them.
            self.e2fsck.run(&["-fp"], path, self.source, &[0, 1])?;
        }
        self.e2fsck.run(&["-fn"], path, self.source, &[0])?;
        Ok(Done { length, corrected })
    }

    /// Announces a step, unless it is time to stop.
    pub(super) fn begin(&self, step: Step) -> Result<(), DiskImageError> {
        self.progress.step(step);
        if self.progress.cancelled() {
            return Err(DiskImageError::Cancelled);
        }
        Ok(())
    }

    fn grow(&self, file: &File, path: &Path, length: u64) -> Result<u64, DiskImageError> {
        // Apart from resize2fs, so that "no space for the file" is an error of its own.
        set_length(file, path, length)?;
        self.resize2fs.run(&[], path, self.source, &[0])?;
        Ok(length)
    }

    fn shrink(
        &self,
        file: &File,
        path: &Path,
        old: &Superblock,
        length: u64,
    ) -> Result<u64, DiskImageError> {
        let said = self.resize2fs.run_on(&["-P"], &[path], self.source)?;
        // The number of blocks is the last word.
        let least = said
            .trim()
            .rsplit(' ')
            .next()
            .and_then(|blocks| blocks.parse::<u64>().ok())
            .and_then(|blocks| blocks.checked_mul(old.block_size));
        if let Some(minimum) = least.filter(|least| length < *least) {
            return Err(DiskImageError::TooSmall {
                path: self.source.to_owned(),
                requested: length,
                minimum,
            });
        }
        let blocks = (length / old.block_size).to_string();
        let files = [path, Path::new(&blocks)];
        self.resize2fs.run_on(&[], &files, self.source)?;
        file.set_len(length)?;
        Ok(length)
    }

    fn shrink_to_fit(&self, file: &File, path: &Path) -> Result<u64, DiskImageError> {
        self.resize2fs.run(&["-M"], path, self.source, &[0])?;
        let window = Window::whole(file, file.metadata()?.len())?;
        let superblock =
            inspect::superblock_of(&window)?.ok_or_else(|| DiskImageError::WrongResult {
                path: self.source.to_owned(),
                problem: "it has no file system".to_owned(),
            })?;
        let length = superblock.length();
        file.set_len(length)?;
        Ok(length)
    }
}

/// Gives the file a length, which the file system that it is on may not know.
pub(super) fn set_length(file: &File, path: &Path, length: u64) -> Result<(), DiskImageError> {
    match file.set_len(length) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput
            ) =>
        {
            Err(DiskImageError::FileTooLarge {
                path: path.to_owned(),
                length,
            })
        }
        other => Ok(other?),
    }
}
