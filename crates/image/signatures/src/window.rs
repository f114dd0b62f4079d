//! A stretch of a file that is looked at on its own: a whole image, or one partition of it.

use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use fs_err::File;

/// A part of a file, which it keeps open, or of bytes in memory.
#[derive(Debug)]
pub struct Window {
    place: Place,
    start: u64,
    length: u64,
}

#[derive(Debug)]
enum Place {
    File(File),
    Memory(Arc<[u8]>),
}

impl Window {
    /// The first `length` bytes of `file`.
    ///
    /// # Errors
    /// When the file cannot be opened once more.
    pub fn whole(file: &File, length: u64) -> io::Result<Self> {
        Ok(Self {
            place: Place::File(file.try_clone()?),
            start: 0,
            length,
        })
    }

    /// All of these bytes.
    pub fn in_memory(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self {
            start: 0,
            length: bytes.len() as u64,
            place: Place::Memory(bytes),
        }
    }

    /// A range of this one; what would be behind its end is left out.
    ///
    /// # Errors
    /// When the file cannot be opened once more.
    pub fn part(&self, start: u64, length: u64) -> io::Result<Self> {
        let start = start.min(self.length);
        Ok(Self {
            place: match &self.place {
                Place::File(file) => Place::File(file.try_clone()?),
                Place::Memory(bytes) => Place::Memory(Arc::clone(bytes)),
            },
            start: self.start + start,
            length: length.min(self.length - start),
        })
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Up to `length` bytes at `offset`; fewer only at the end.
    ///
    /// # Errors
    /// When the file cannot be read; the error names it.
    pub fn read_up_to(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = self.length.saturating_sub(offset);
        let length = usize::try_from(left).map_or(length, |left| left.min(length));
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.read_at(&mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before.
    pub fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let found = self.read_up_to(offset, bytes.len())?;
        if found.len() < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.copy_from_slice(&found);
        Ok(())
    }

    /// The bytes in order.
    pub fn reader(&self) -> impl Read + '_ {
        Reader {
            window: self,
            position: 0,
        }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = match &self.place {
            Place::File(file) => file,
            Place::Memory(all) => {
                let start = usize::try_from(self.start + offset).unwrap_or(usize::MAX);
                return all.get(start..).map_or(Ok(0), |mut rest| rest.read(bytes));
            }
        };
        loop {
            match file.file().read_at(bytes, self.start + offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let path = file.path().display();
                    let message = format!("cannot read `{path}`: {error}");
                    return Err(io::Error::new(error.kind(), message));
                }
                Ok(count) => return Ok(count),
            }
        }
    }
}

struct Reader<'a> {
    window: &'a Window,
    position: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.window.length - self.position;
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.window.read_at(&mut buffer[..most], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_shows_nothing_outside_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs_err::write(&path, b"0123456789").unwrap();
        let whole = Window::whole(&File::open(&path).unwrap(), 9).unwrap();
        let part = whole.part(2, 5).unwrap();
        assert_eq!(part.read_up_to(1, 100).unwrap(), b"3456");
        assert_eq!(part.read_up_to(5, 1).unwrap(), b"");
        assert!(part.read_exact_at(&mut [0; 3], 3).is_err());
        let mut all = Vec::new();
        part.reader().read_to_end(&mut all).unwrap();
        assert_eq!(all, b"23456");
        assert_eq!(whole.part(8, u64::MAX).unwrap().length(), 1);
        assert_eq!(whole.part(20, 5).unwrap().length(), 0);
    }
}
