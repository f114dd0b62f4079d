//! Where a restored image goes.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, fadvise};

use crate::zero::is_zero;
use crate::{BLOCK_SIZE, Block};

/// The unit in which file systems allocate, in bytes. Finer holes than that save nothing.
const PAGE: u64 = 4096;

/// After how many bytes the system is asked to start writing them to the disk.
const WRITE_BEHIND: u64 = 16 << 20;

/// Takes an image in order, from its first byte to its last.
pub trait ImageOutput {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// They cannot be stored.
    fn data(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes the next `len` bytes, which are zero.
    ///
    /// # Errors
    ///
    /// They cannot be stored.
    fn hole(&mut self, len: u64) -> io::Result<()>;
}

/// Forgets the image: for checking a bundle without restoring it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl ImageOutput for Discard {
    fn data(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn hole(&mut self, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the image, holes as zeros, into anything: for pipes.
#[derive(Debug)]
pub struct StreamOutput<W>(pub W);

impl<W: Write> ImageOutput for StreamOutput<W> {
    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn hole(&mut self, mut len: u64) -> io::Result<()> {
        while len > 0 {
            let zeros = Block::zeros(usize::try_from(len).unwrap_or(BLOCK_SIZE));
            self.0.write_all(&zeros)?;
            len -= zeros.len() as u64;
        }
        Ok(())
    }
}

/// A new file in which zeros become holes, whether the archive knew of them or not.
///
/// The disk begins its work while more is coming, so that synchronising the file in the end takes little time.
#[derive(Debug)]
pub struct SparseFile<'a> {
    file: &'a File,
    position: u64,
    /// Up to where the disk was set to work.
    begun: u64,
}

impl<'a> SparseFile<'a> {
    /// Writes into `file`, which must be empty.
    pub fn new(file: &'a File) -> Self {
        Self {
            file,
            position: 0,
            begun: 0,
        }
    }

    /// Starts writing what is complete. On Linux, saying that it is not needed in memory does that, and does not wait.
    fn write_behind(&mut self) {
        let len = self.position - self.begun;
        if let Some(len) = NonZeroU64::new(len).filter(|len| len.get() >= WRITE_BEHIND) {
            // Only advice: where it is not taken, synchronising takes longer.
            let _ = fadvise(self.file, self.begun, Some(len), Advice::DontNeed);
            self.begun = self.position;
        }
    }

    /// Gives the file its size. Without this, zeros at the end are missing.
    ///
    /// # Errors
    ///
    /// The file cannot be resized.
    pub fn finish(self) -> io::Result<()> {
        self.file.set_len(self.position)
    }
}

impl ImageOutput for SparseFile<'_> {
    fn data(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let zeros = run(bytes, self.position, true);
            self.position += zeros as u64;
            bytes = &bytes[zeros..];
            let data = run(bytes, self.position, false);
            self.file.write_all_at(&bytes[..data], self.position)?;
            self.position += data as u64;
            bytes = &bytes[data..];
        }
        self.write_behind();
        Ok(())
    }

    fn hole(&mut self, len: u64) -> io::Result<()> {
        let end = self.position.checked_add(len);
        self.position = end.ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(())
    }
}

/// How many bytes, in pages of the file, are all zero (or are not).
fn run(bytes: &[u8], mut position: u64, zero: bool) -> usize {
    let mut len = 0;
    while len < bytes.len() {
        let rest = &bytes[len..];
        let to_border = PAGE - position % PAGE;
        let page = usize::try_from(to_border).map_or(rest.len(), |border| border.min(rest.len()));
        if is_zero(&rest[..page]) != zero {
            break;
        }
        len += page;
        position += page as u64;
    }
    len
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use proptest::prelude::*;

    use super::*;

    fn contents(file: &File) -> Vec<u8> {
        let size = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn zeros_take_no_space() {
        let file = tempfile::tempfile().unwrap();
        let mut sparse = SparseFile::new(&file);
        let mut image = vec![0; 4 << 20];
        image[1 << 20] = 1;
        sparse.data(&image[..1_000_001]).unwrap();
        sparse.data(&image[1_000_001..]).unwrap();
        sparse.hole(1 << 20).unwrap();
        sparse.finish().unwrap();
        image.resize(5 << 20, 0);
        assert_eq!(contents(&file), image);
        assert!(file.metadata().unwrap().blocks() * 512 <= 64 << 10);
    }

    #[test]
    fn a_stream_has_zeros_for_holes() {
        let mut stream = StreamOutput(Vec::new());
        stream.data(b"head").unwrap();
        stream.hole(3 << 20).unwrap();
        stream.data(b"tail").unwrap();
        let mut expected = b"head".to_vec();
        expected.resize(4 + (3 << 20), 0);
        expected.extend_from_slice(b"tail");
        assert!(stream.0 == expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_pieces_give_the_same_bytes(
            pieces in proptest::collection::vec((0_u8..3, 0_usize..20_000), 0..8),
        ) {
            let file = tempfile::tempfile().unwrap();
            let mut sparse = SparseFile::new(&file);
            let mut image = Vec::new();
            for (kind, len) in pieces {
                image.resize(image.len() + len, u8::from(kind == 1));
                match kind {
                    0 => sparse.hole(len as u64).unwrap(),
                    _ => sparse.data(&image[image.len() - len..]).unwrap(),
                }
            }
            sparse.finish().unwrap();
            prop_assert_eq!(contents(&file), image);
        }
    }
}
