//! Comparing files byte for byte, without reading what is a hole in both.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use fs_err::File;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// How much is compared at once, in bytes.
const PIECE: usize = 1 << 20;

/// An error unless both files have the same length and bytes.
pub fn identical(one: &Path, other: &Path) -> anyhow::Result<()> {
    let files = [File::open(one)?, File::open(other)?];
    let length = files[0].metadata()?.len();
    let same_length = files[1].metadata()?.len() == length;
    ensure!(
        same_length,
        "{} has another length than {}",
        other.display(),
        one.display()
    );
    let mut position = 0;
    while let Some((start, end)) = next_in_either(&files, position, length)? {
        position = start;
        while position < end {
            let count = usize::try_from(end - position).map_or(PIECE, |left| left.min(PIECE));
            let equal = piece(&files[0], position, count)? == piece(&files[1], position, count)?;
            let (one, other) = (one.display(), other.display());
            ensure!(
                equal,
                "{other} differs from {one} in the {count} bytes from {position} on"
            );
            position += count as u64;
        }
    }
    Ok(())
}

/// The next stretch in which one of the files has data.
fn next_in_either(
    files: &[File; 2],
    position: u64,
    length: u64,
) -> anyhow::Result<Option<(u64, u64)>> {
    let stretches = [
        data(&files[0], position, length)?,
        data(&files[1], position, length)?,
    ]
    .into_iter()
    .flatten();
    let Some(start) = stretches.clone().map(|(start, _)| start).min() else {
        return Ok(None);
    };
    let covering = stretches.filter(|(first, _)| *first == start);
    Ok(covering.map(|(_, end)| (start, end)).max())
}

/// The next stretch of data of a file.
fn data(file: &File, position: u64, length: u64) -> anyhow::Result<Option<(u64, u64)>> {
    let start = match seek(file.file(), SeekFrom::Data(position)) {
        Err(Errno::NXIO) => return Ok(None),
        // A file system that knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => position,
        start => {
            start.with_context(|| format!("cannot find the holes of {}", file.path().display()))?
        }
    };
    let end = seek(file.file(), SeekFrom::Hole(start)).unwrap_or(length);
    Ok((start < length).then_some((start, end)))
}

fn piece(file: &File, position: u64, count: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let read = file.file().read_exact_at(&mut bytes, position);
    read.with_context(|| format!("cannot read {}", file.path().display()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 5 << 20;

    /// Two files of [`LENGTH`] bytes with these bytes at these places.
    fn compare(one: &[(u64, &[u8])], other: &[(u64, &[u8])]) -> anyhow::Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("one"), folder.path().join("other")];
        for (path, pieces) in paths.iter().zip([one, other]) {
            let file = File::create(path).unwrap();
            file.set_len(LENGTH).unwrap();
            for (offset, bytes) in pieces {
                file.file().write_all_at(bytes, *offset).unwrap();
            }
        }
        identical(&paths[0], &paths[1])
    }

    #[test]
    fn holes_equal_zeroes() {
        let zeroes = vec![0; 2 << 20];
        compare(&[], &[]).unwrap();
        compare(&[(1 << 20, &zeroes)], &[]).unwrap();
        compare(&[(1 << 20, &zeroes), (4 << 20, b"x")], &[(4 << 20, b"x")]).unwrap();
    }

    #[test]
    fn a_difference_is_found_wherever_it_is() {
        for offset in [0, 1, 1 << 20, (3 << 20) + 7, LENGTH - 1] {
            let error = compare(&[(offset, b"x")], &[]).unwrap_err();
            assert!(error.to_string().contains("differs"), "{error}");
            compare(&[], &[(offset, b"x")]).unwrap_err();
            compare(&[(offset, b"x")], &[(offset, b"y")]).unwrap_err();
        }
        compare(&[(LENGTH, b"x")], &[]).unwrap_err();
    }
}
