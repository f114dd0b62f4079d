//! Bytes in a file that are read from the beginning several times.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;
use std::sync::Arc;

use gumnut_compression::{Compression, Decompressed};
use sha2::{Digest as _, Sha256};

use crate::error::TreeError;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// A file or a part of one. What reads it has its own position.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    file: Arc<File>,
    range: Range<u64>,
}

impl Stored {
    pub(crate) fn whole(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self {
            file: Arc::new(file),
            range: 0..length,
        })
    }

    /// A part of it.
    pub(crate) fn part(&self, range: Range<u64>) -> Self {
        let start = self.range.start;
        Self {
            file: Arc::clone(&self.file),
            range: start + range.start..(start + range.end).min(self.range.end),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn length(&self) -> u64 {
        self.range.end - self.range.start
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader {
            file: Arc::clone(&self.file),
            range: self.range.clone(),
        }
    }

    /// How the bytes are compressed.
    pub(crate) fn compression(&self) -> io::Result<Option<Compression>> {
        let mut head = Vec::new();
        self.reader().take(4096).read_to_end(&mut head)?;
        Ok(Compression::recognise(&head))
    }

    /// All bytes, at most `limit`.
    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>, TreeError> {
        if self.length() > limit {
            return Err(TreeError::TooLong { limit });
        }
        let mut bytes = Vec::new();
        let read = self.reader().read_to_end(&mut bytes);
        read.map_err(TreeError::Read)?;
        Ok(bytes)
    }
}

pub(crate) struct Reader {
    file: Arc<File>,
    range: Range<u64>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.range.end - self.range.start;
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.file.read_at(&mut buffer[..wanted], self.range.start)?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.range.start += count as u64;
        Ok(count)
    }
}

/// SHA-256 of what is read by a [`Hashing`], which others may own.
#[derive(Clone, Default)]
struct Hash(Rc<RefCell<Sha256>>);

impl Hash {
    fn is(&self, digest: [u8; 32]) -> bool {
        self.0.borrow().clone().finalize().as_slice() == digest
    }
}

/// Hashes what is read through it, if that is wanted.
struct Hashing<R> {
    inner: R,
    hash: Option<Hash>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hash) = &self.hash {
            hash.0.borrow_mut().update(&buffer[..count]);
        }
        Ok(count)
    }
}

/// Gives an error instead of more than so many bytes.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            let kind = io::ErrorKind::QuotaExceeded;
            io::Error::new(kind, "there is more in it than the limits allow")
        })?;
        Ok(count)
    }
}

/// An archive with its compression, and the digests that it must have.
#[derive(Clone, Debug)]
pub(crate) struct StoredArchive {
    pub(crate) bytes: Stored,
    /// SHA-256 of the bytes as they are stored.
    pub(crate) digest: Option<[u8; 32]>,
    /// SHA-256 of the archive without compression.
    pub(crate) plain_digest: Option<[u8; 32]>,
    /// What it is called in messages.
    pub(crate) name: String,
}

/// An archive that is read from its beginning, without its compression.
pub(crate) struct OpenArchive<'a> {
    archive: &'a StoredArchive,
    plain: Capped<Box<dyn Read>>,
    stored_hash: Option<Hash>,
    plain_hash: Option<Hash>,
}

impl StoredArchive {
    /// An archive of which no digest is known.
    pub(crate) fn new(bytes: Stored, name: impl Into<String>) -> Self {
        Self {
            bytes,
            digest: None,
            plain_digest: None,
            name: name.into(),
        }
    }

    /// Begins to read; there may be `limit` bytes without compression.
    pub(crate) fn open(&self, limit: u64) -> Result<OpenArchive<'_>, TreeError> {
        let compression = self.bytes.compression().map_err(TreeError::Read)?;
        let stored_hash = self.digest.map(|_| Hash::default());
        let plain_hash = self.plain_digest.map(|_| Hash::default());
        let stored = Hashing {
            inner: self.bytes.reader(),
            hash: stored_hash.clone(),
        };
        let buffered = BufReader::with_capacity(BUFFER, stored);
        let plain: Box<dyn Read> = match compression {
            None => Box::new(buffered),
            Some(compression) => {
                let plain = Decompressed::new(compression, buffered).map_err(TreeError::Read)?;
                Box::new(BufReader::with_capacity(BUFFER, plain))
            }
        };
        let hashed = Hashing {
            inner: plain,
            hash: plain_hash.clone(),
        };
        let plain = Capped {
            inner: Box::new(hashed) as Box<dyn Read>,
            left: limit,
        };
        Ok(OpenArchive {
            archive: self,
            plain,
            stored_hash,
            plain_hash,
        })
    }
}

impl Read for OpenArchive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.plain.read(buffer)
    }
}

impl OpenArchive<'_> {
    /// Reads to the end and compares the digests.
    pub(crate) fn finish(mut self) -> Result<(), TreeError> {
        let archive = self.archive;
        if archive.digest.is_none() && archive.plain_digest.is_none() {
            return Ok(());
        }
        io::copy(&mut self.plain, &mut io::sink()).map_err(|error| match error.kind() {
            io::ErrorKind::QuotaExceeded => TreeError::TooMuch(archive.name.clone()),
            _ => TreeError::Read(error),
        })?;
        let pairs = [
            ("digest", self.stored_hash, archive.digest),
            ("diff id", self.plain_hash, archive.plain_digest),
        ];
        for (what, hash, digest) in pairs {
            if let (Some(hash), Some(digest)) = (hash, digest)
                && !hash.is(digest)
            {
                let name = archive.name.clone();
                return Err(TreeError::Digest { name, what });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn stored(bytes: &[u8]) -> Stored {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Stored::whole(file).unwrap()
    }

    #[test]
    fn parts_are_read_alone_and_again() {
        let all = stored(b"0123456789");
        let part = all.part(2..6);
        assert_eq!(part.read(4).unwrap(), b"2345");
        assert_eq!(part.part(1..100).read(10).unwrap(), b"345");
        assert!(matches!(part.read(3), Err(TreeError::TooLong { limit: 3 })));
        assert_eq!(part.read(4).unwrap(), b"2345");
    }

    #[test]
    fn more_than_allowed_and_other_digests_are_errors() {
        let mut archive = StoredArchive::new(stored(&[7; 5000]), "x");
        let read = |archive: &StoredArchive, limit| {
            let mut open = archive.open(limit).unwrap();
            let mut buffer = [0; 10];
            open.read_exact(&mut buffer).unwrap();
            open.finish()
        };
        assert!(read(&archive, 5000).is_ok());
        archive.digest = Some(Sha256::digest([7; 5000]).into());
        archive.plain_digest = archive.digest;
        assert!(read(&archive, 5000).is_ok());
        assert!(matches!(read(&archive, 4999), Err(TreeError::TooMuch(_))));
        archive.plain_digest = Some([0; 32]);
        let error = read(&archive, 5000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x has another diff id than it should have"
        );
    }
}
