//! A copy that shares blocks where the file system can, and has the holes of the original.

use std::io;
use std::os::unix::fs::FileExt as _;

use fs_err::File;
use rustix::fs::{SeekFrom, copy_file_range, seek};
use rustix::io::Errno;

/// Bytes that the system is asked to copy at once.
const SHARED: usize = 64 << 20;
/// Bytes that are read at once where the system does not copy.
const PIECE: usize = 1 << 20;

/// Copies a file into `to` from byte `at` on, where nothing is yet.
pub(crate) fn share(from: &File, to: &File, at: u64) -> io::Result<()> {
    let length = from.metadata()?.len();
    to.set_len(at + length)?;
    let mut position = 0;
    while let Some((data, end)) = next_data(from, position, length)? {
        position = data;
        while position < end {
            position += piece(from, position, end, to, at)?;
        }
    }
    Ok(())
}

/// Copies some bytes between `position` and `end`: how many.
fn piece(from: &File, position: u64, end: u64, to: &File, at: u64) -> io::Result<u64> {
    let (mut source, mut target) = (position, position + at);
    let length = usize::try_from(end - position).map_or(SHARED, |left| left.min(SHARED));
    let (inside, outside) = (Some(&mut source), Some(&mut target));
    match copy_file_range(from.file(), inside, to.file(), outside, length) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(count as u64),
        // Between these files it cannot be done.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let mut buffer = vec![0; length.min(PIECE)];
            from.file().read_exact_at(&mut buffer, position)?;
            to.file().write_all_at(&buffer, position + at)?;
            Ok(buffer.len() as u64)
        }
        Err(error) => Err(error.into()),
    }
}

/// The next stretch of data at or behind `position`; `None` when only a hole is left.
fn next_data(from: &File, position: u64, length: u64) -> io::Result<Option<(u64, u64)>> {
    if position >= length {
        return Ok(None);
    }
    let start = match seek(from.file(), SeekFrom::Data(position)) {
        Ok(start) if start < length => start,
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        // A file system that knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((position, length))),
        Err(error) => return Err(error.into()),
    };
    let end = seek(from.file(), SeekFrom::Hole(start)).map_or(length, |end| end.min(length));
    Ok(Some((start, end)))
}
