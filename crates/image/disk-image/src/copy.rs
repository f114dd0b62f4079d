//! A copy that shares blocks where the file system can, and leaves out zeroes where it cannot.

use std::io;
use std::os::unix::fs::FileExt;

use fs_err::File;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::error::DiskImageError;
use crate::resize::{Step, StepProgress};

/// Piece of the image that is read at once, in bytes.
const PIECE: usize = 1 << 20;
/// Run of zeroes that becomes a hole, in bytes: the block of most file systems.
const BLOCK: usize = 4096;

/// A part of a file.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    /// Where it begins, in bytes.
    pub(crate) start: u64,
    /// Length in bytes.
    pub(crate) length: u64,
}

/// Copies the `length` bytes of `from` to the empty file `to`; the result has holes where `from`
/// has holes or zeroes.
pub(crate) fn sparse(
    from: &File,
    to: &File,
    length: u64,
    progress: &dyn StepProgress,
) -> Result<(), DiskImageError> {
    if rustix::fs::ioctl_ficlone(to.file(), from.file()).is_ok() {
        progress.step(Step::Copy { bytes: length });
        progress.advance(length);
        return Ok(());
    }
    stretch(from, Stretch { start: 0, length }, to, 0, progress)
}

/// Copies a part of `from` into `to` from byte `at` on, where nothing is yet; zeroes become holes.
pub(crate) fn stretch(
    from: &File,
    part: Stretch,
    to: &File,
    at: u64,
    progress: &dyn StepProgress,
) -> Result<(), DiskImageError> {
    let Stretch { start, length } = part;
    progress.step(Step::Copy {
        bytes: data_in(from, part)?,
    });
    to.set_len(at + length)?;
    let mut buffer = vec![0; PIECE];
    let mut position = start;
    let last = start + length;
    while let Some((data, end)) = next_data(from, position, last)? {
        position = data;
        while position < end {
            if progress.cancelled() {
                return Err(DiskImageError::Cancelled);
            }
            let count = usize::try_from(end - position).map_or(PIECE, |left| left.min(PIECE));
            let piece = &mut buffer[..count];
            from.file()
                .read_exact_at(piece, position)
                .map_err(failed("copy", from))?;
            write_nonzero(to, piece, position - start + at)?;
            position += count as u64;
            progress.advance(count as u64);
        }
    }
    Ok(())
}

/// How much of a part of a file is data and not holes, in bytes.
fn data_in(from: &File, part: Stretch) -> Result<u64, DiskImageError> {
    let (mut position, last) = (part.start, part.start + part.length);
    let mut bytes = 0;
    while let Some((data, end)) = next_data(from, position, last)? {
        bytes += end - data;
        position = end;
    }
    Ok(bytes)
}

/// The next stretch of data at or behind `position`; `None` when only a hole is left.
fn next_data(
    from: &File,
    position: u64,
    length: u64,
) -> Result<Option<(u64, u64)>, DiskImageError> {
    if position >= length {
        return Ok(None);
    }
    let start = match seek(from.file(), SeekFrom::Data(position)) {
        Ok(start) if start < length => start,
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        // A file system that knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((position, length))),
        Err(error) => return Err(failed("find the holes of", from)(error.into())),
    };
    let end = seek(from.file(), SeekFrom::Hole(start)).map_or(length, |end| end.min(length));
    Ok(Some((start, end)))
}

/// Writes the blocks of `piece` that are not zero, neighbours in one call.
fn write_nonzero(to: &File, piece: &[u8], position: u64) -> Result<(), DiskImageError> {
    let mut pending = 0..0;
    for (index, block) in piece.chunks(BLOCK).enumerate() {
        let start = index * BLOCK;
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        if pending.end == start {
            pending.end = start + block.len();
        } else {
            write(to, piece, pending, position)?;
            pending = start..start + block.len();
        }
    }
    write(to, piece, pending, position)
}

fn write(
    to: &File,
    piece: &[u8],
    range: std::ops::Range<usize>,
    position: u64,
) -> Result<(), DiskImageError> {
    let offset = position + range.start as u64;
    to.file()
        .write_all_at(&piece[range], offset)
        .map_err(failed("write", to))
}

fn failed(doing: &'static str, file: &File) -> impl FnOnce(io::Error) -> DiskImageError {
    let path = file.path().to_owned();
    move |source| DiskImageError::System {
        doing,
        path,
        source,
    }
}
