//! One block of a stream as deflate data that can be joined to others, proved right.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::frame::SYNC_TAIL;
use crate::{ArchiveError, BLOCK_SIZE, Level};

/// Room in the output whenever deflate is called. A flush that finds too little of it would write
/// its marker twice.
const ROOM: usize = 64 << 10;
/// How much is inflated at a time to be compared: what stays in a processor's cache.
const CHECKED_AT_ONCE: usize = 64 << 10;

/// A compressed block.
#[derive(Debug)]
pub(super) struct Deflated {
    /// Deflate data without a final block, ending at a byte boundary.
    pub(super) data: Box<[u8]>,
    /// CRC-32 of the input.
    pub(super) crc: u32,
    /// Bytes of the input.
    pub(super) len: usize,
}

/// Compresses blocks, each on its own: no block refers to an earlier one.
pub(super) struct Deflater {
    compress: Compress,
    store: Compress,
    data: Vec<u8>,
    check: Check,
}

impl Deflater {
    pub(super) fn new(level: Level) -> Self {
        Self {
            compress: Compress::new(level.compression(), false),
            store: Compress::new(Compression::none(), false),
            data: Vec::with_capacity(BLOCK_SIZE + BLOCK_SIZE / 8 + ROOM),
            check: Check::new(),
        }
    }

    /// Compresses `block` and proves that the result inflates to it.
    pub(super) fn deflate(&mut self, block: &[u8]) -> Result<Deflated, ArchiveError> {
        deflate(&mut self.compress, block, &mut self.data)?;
        if self.data.len() > block.len() {
            // The low levels expand what does not compress, by up to an eighth. Storing does not.
            deflate(&mut self.store, block, &mut self.data)?;
        }
        self.check.compare(&self.data, block)?;
        Ok(Deflated {
            data: self.data.as_slice().into(),
            crc: crc32fast::hash(block),
            len: block.len(),
        })
    }
}

/// Replaces `data` by `block`, compressed up to a sync flush.
fn deflate(compress: &mut Compress, block: &[u8], data: &mut Vec<u8>) -> Result<(), ArchiveError> {
    compress.reset();
    data.clear();
    while !step(compress, block, data)? {}
    let flushed = data.ends_with(&SYNC_TAIL);
    flushed.then_some(()).ok_or(ArchiveError::DeflateStuck)
}

/// Feeds what is left of `block`; true when all of it is flushed.
fn step(compress: &mut Compress, block: &[u8], data: &mut Vec<u8>) -> Result<bool, ArchiveError> {
    data.reserve(ROOM);
    let before = (compress.total_in(), compress.total_out());
    let rest = position(block, before.0)?;
    let status = compress
        .compress_vec(rest, data, FlushCompress::Sync)
        .map_err(|error| ArchiveError::Io(io::Error::other(error)))?;
    let after = (compress.total_in(), compress.total_out());
    let all_read = position(block, after.0)?.is_empty();
    // Room left over says that the flush is complete; so does having nothing more to flush.
    let flushed = data.len() < data.capacity() || status == Status::BufError;
    if before == after && !(all_read && flushed) {
        return Err(ArchiveError::DeflateStuck);
    }
    Ok(all_read && flushed)
}

/// Inflates compressed blocks to compare them with their input.
struct Check {
    inflate: Decompress,
    bytes: Box<[u8]>,
}

impl Check {
    fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            bytes: vec![0; CHECKED_AT_ONCE].into_boxed_slice(),
        }
    }

    fn compare(&mut self, data: &[u8], block: &[u8]) -> Result<(), ArchiveError> {
        self.inflate.reset(false);
        loop {
            let compared = self.inflate.total_out();
            let (rest, expected) = (
                position(data, self.inflate.total_in())?,
                position(block, compared)?,
            );
            let status = self
                .inflate
                .decompress(rest, &mut self.bytes, FlushDecompress::None)
                .map_err(|_| ArchiveError::SelfCheck)?;
            let made = position(block, self.inflate.total_out())?;
            let made = expected.len() - made.len();
            if self.bytes[..made] != expected[..made] || status == Status::StreamEnd {
                return Err(ArchiveError::SelfCheck);
            }
            if made == 0 {
                break;
            }
        }
        let whole = self.inflate.total_in() == data.len() as u64
            && self.inflate.total_out() == block.len() as u64;
        whole.then_some(()).ok_or(ArchiveError::SelfCheck)
    }
}

/// What follows the first `count` bytes; more than there are is a fault of the coder.
fn position(bytes: &[u8], count: u64) -> Result<&[u8], ArchiveError> {
    let count = usize::try_from(count).map_err(|_| ArchiveError::SelfCheck)?;
    bytes.get(count..).ok_or(ArchiveError::SelfCheck)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes without any pattern that deflate could use.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn every_level_takes_noise_text_and_zeros() {
        let text = b"boot the kernel, mount the root. ".repeat(5000);
        let blocks = [noise(BLOCK_SIZE), noise(1), text, vec![0; BLOCK_SIZE]];
        for level in 0..=9_u8 {
            let mut deflater = Deflater::new(level.to_string().parse().unwrap());
            for block in &blocks {
                let result = deflater.deflate(block).unwrap();
                assert!(result.data.ends_with(&SYNC_TAIL), "level {level}");
                assert_eq!(result.len, block.len());
            }
        }
    }

    #[test]
    fn what_does_not_compress_is_stored() {
        let block = noise(BLOCK_SIZE);
        for level in 0..=9_u8 {
            let mut deflater = Deflater::new(level.to_string().parse().unwrap());
            let size = deflater.deflate(&block).unwrap().data.len();
            assert!(size <= block.len() + 1024, "level {level}: {size}");
        }
    }

    #[test]
    fn the_result_does_not_depend_on_earlier_blocks() {
        let mut used = Deflater::new(Level::DEFAULT);
        used.deflate(&noise(100_000)).unwrap();
        let text = b"vmlinuz initrd.img ".repeat(999);
        let fresh = Deflater::new(Level::DEFAULT).deflate(&text).unwrap();
        assert_eq!(used.deflate(&text).unwrap().data, fresh.data);
    }

    #[test]
    fn the_check_finds_every_damage() {
        let block = b"a block that is compressed and then damaged, bit by bit".repeat(9);
        let deflated = Deflater::new(Level::DEFAULT).deflate(&block).unwrap();
        let mut check = Check::new();
        check.compare(&deflated.data, &block).unwrap();
        for at in 0..block.len() {
            let mut other = block.clone();
            other[at] ^= 0x10;
            assert!(check.compare(&deflated.data, &other).is_err(), "{at}");
        }
        assert!(check.compare(&deflated.data, &block[1..]).is_err());
        assert!(
            check
                .compare(&deflated.data, &block[..block.len() - 1])
                .is_err()
        );
        let cut = &deflated.data[..deflated.data.len() - 6];
        assert!(check.compare(cut, &block).is_err());
    }
}
