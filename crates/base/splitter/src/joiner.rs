//! Joining parts to a stream again.

use std::fmt;
use std::io::{self, Read};
use std::vec;

use gumnut_types::{PartIndex, PartName, Sha1Digest};
use sha1::{Digest, Sha1};

use crate::{PartSource, SplitterError};

/// How much is read at a time where the bytes only have to be hashed.
const DRAIN: usize = 64 << 10;

/// What a manifest says about a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedPart {
    /// Its place in the bundle.
    pub index: PartIndex,
    /// Its file name.
    pub name: PartName,
    /// The SHA-1 digest of its bytes.
    pub digest: Sha1Digest,
}

/// A [`Read`] over all parts of a bundle, one after the other.
///
/// Each part's digest is compared at its end, before anything of the next part is given out, and the
/// sum of the sizes at the end of the last. The bytes of a part are thus given out **before** its
/// digest is known: nothing made of them may be trusted until reading has reached the end without an
/// error. Errors are [`SplitterError`]s inside [`io::Error`]s.
pub struct Joiner<S> {
    source: S,
    parts: vec::IntoIter<ExpectedPart>,
    current: Option<Current>,
    expected_size: u64,
    part_limit: u64,
    total: u64,
}

struct Current {
    part: ExpectedPart,
    reader: Box<dyn Read + Send>,
    digest: Sha1,
    size: u64,
    last: bool,
}

impl<S> fmt::Debug for Joiner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joiner")
            .field("part", &self.current.as_ref().map(|current| &current.part))
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl<S: PartSource> Joiner<S> {
    /// Joins `parts`, which have `expected_size` bytes together and none of them more than
    /// `part_limit`. They are read in the order of the list.
    pub fn new(source: S, parts: Vec<ExpectedPart>, expected_size: u64, part_limit: u64) -> Self {
        Self {
            source,
            parts: parts.into_iter(),
            current: None,
            expected_size,
            part_limit,
            total: 0,
        }
    }

    /// Checks before anything is read that every part is there and, where the source knows it, that
    /// the sizes are right. If their sum is wrong, the parts are read to find out which one is.
    ///
    /// # Errors
    ///
    /// A part is missing, no regular file, empty or too large; the sum of the sizes differs.
    pub fn check_sizes(&mut self) -> Result<(), SplitterError> {
        let mut total = Some(0_u64);
        let last = self.parts.len().saturating_sub(1);
        for (position, part) in self.parts.as_slice().iter().enumerate() {
            let size = self
                .source
                .size(part.index, &part.name)
                .map_err(|error| found(&part.name, error))?;
            match size {
                Some(0) if position < last => {
                    return Err(SplitterError::Empty {
                        name: part.name.clone(),
                    });
                }
                Some(size) if size > self.part_limit => {
                    return Err(SplitterError::TooLarge {
                        name: part.name.clone(),
                        limit: self.part_limit,
                    });
                }
                _ => {}
            }
            total = total
                .zip(size)
                .and_then(|(total, size)| total.checked_add(size));
        }
        match total {
            Some(actual) if actual != self.expected_size => Err(self.blame(actual)),
            _ => Ok(()),
        }
    }

    /// The sum of sizes shows that something is wrong; the digests show where.
    fn blame(&mut self, actual: u64) -> SplitterError {
        let expected = self.expected_size;
        self.expected_size = actual;
        match self.drain() {
            Err(error) => error,
            Ok(()) => SplitterError::TotalSize { expected, actual },
        }
    }

    /// Reads whatever is left, for the checks alone.
    ///
    /// # Errors
    ///
    /// As reading.
    pub fn drain(&mut self) -> Result<(), SplitterError> {
        let mut buffer = vec![0; DRAIN];
        while self.advance(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Reads the part that is being read to its end and compares its digest.
    ///
    /// When a later stage could make nothing of the bytes, this shows whether the part was damaged.
    ///
    /// # Errors
    ///
    /// As reading.
    pub fn finish_part(&mut self) -> Result<(), SplitterError> {
        let mut buffer = vec![0; DRAIN];
        while let Some(current) = self.current.take() {
            self.read_current(current, &mut buffer)?;
        }
        Ok(())
    }

    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, SplitterError> {
        loop {
            let current = match self.current.take() {
                Some(current) => current,
                None => match self.parts.next() {
                    Some(part) => self.open(part)?,
                    None => return self.end(),
                },
            };
            match self.read_current(current, buffer)? {
                0 => {}
                count => return Ok(count),
            }
        }
    }

    fn open(&mut self, part: ExpectedPart) -> Result<Current, SplitterError> {
        let reader = self
            .source
            .open(part.index, &part.name)
            .map_err(|error| found(&part.name, error))?;
        let last = self.parts.len() == 0;
        Ok(Current {
            part,
            reader,
            digest: Sha1::new(),
            size: 0,
            last,
        })
    }

    /// Reads more of the part; at its end compares it, does not keep it, and returns 0.
    fn read_current(
        &mut self,
        mut current: Current,
        buffer: &mut [u8],
    ) -> Result<usize, SplitterError> {
        let name = || current.part.name.clone();
        let count = loop {
            match current.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read(name(), error)),
                Ok(count) => break count,
            }
        };
        if count == 0 {
            return compare(current).map(|()| 0);
        }
        current.digest.update(&buffer[..count]);
        current.size += count as u64;
        self.total += count as u64;
        if current.size > self.part_limit {
            return Err(SplitterError::TooLarge {
                name: name(),
                limit: self.part_limit,
            });
        }
        if self.total > self.expected_size {
            return Err(SplitterError::Excess {
                name: name(),
                expected: self.expected_size,
            });
        }
        self.current = Some(current);
        Ok(count)
    }

    fn end(&mut self) -> Result<usize, SplitterError> {
        let (expected, actual) = (self.expected_size, self.total);
        if expected != actual {
            return Err(SplitterError::TotalSize { expected, actual });
        }
        Ok(0)
    }
}

impl<S: PartSource> Read for Joiner<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        Ok(self.advance(buffer)?)
    }
}

fn compare(current: Current) -> Result<(), SplitterError> {
    let actual = Sha1Digest::from_bytes(current.digest.finalize().into());
    let ExpectedPart {
        name,
        digest: expected,
        ..
    } = current.part;
    if actual != expected {
        let size = current.size;
        return Err(SplitterError::Digest {
            name,
            size,
            expected,
            actual,
        });
    }
    if current.size == 0 && !current.last {
        return Err(SplitterError::Empty { name });
    }
    Ok(())
}

fn found(name: &PartName, error: io::Error) -> SplitterError {
    if error.kind() == io::ErrorKind::NotFound {
        return SplitterError::Missing {
            name: name.clone(),
            source: error,
        };
    }
    read(name.clone(), error)
}

fn read(name: PartName, error: io::Error) -> SplitterError {
    match SplitterError::from_io(error) {
        SplitterError::Io(source) => SplitterError::Read { name, source },
        told => told,
    }
}
