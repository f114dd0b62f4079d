//! One block of a stream as deflate data that can be joined to others, proved right.

use libdeflater::{CompressionLvl, Compressor};

use super::frame::MARK;
use super::proof::{Proven, Prover};
use crate::{ArchiveError, BLOCK_SIZE, Level};

/// A compressed block.
#[derive(Debug)]
pub(super) struct Deflated {
    /// Deflate data without a final block, ending at a byte boundary with a [`MARK`].
    pub(super) data: Box<[u8]>,
    /// CRC-32 of the input.
    pub(super) crc: u32,
    /// Bytes of the input.
    pub(super) len: usize,
}

/// Compresses blocks, each on its own: no block refers to an earlier one.
pub(super) struct Deflater {
    compressor: Compressor,
    prover: Prover,
    data: Vec<u8>,
}

impl Deflater {
    pub(super) fn new(level: Level) -> Self {
        // Every level of ours is one of the library's, so the other arm is never taken.
        let level = CompressionLvl::new(level.get().into()).unwrap_or_default();
        let mut compressor = Compressor::new(level);
        let most = compressor.deflate_compress_bound(BLOCK_SIZE);
        Self {
            compressor,
            prover: Prover::new(),
            data: vec![0; most + 1 + MARK.len()],
        }
    }

    /// Compresses `block` and proves that the result means it.
    pub(super) fn deflate(&mut self, block: &[u8]) -> Result<Deflated, ArchiveError> {
        let size = self
            .compressor
            .deflate_compress(block, &mut self.data)
            .map_err(|_| ArchiveError::DeflateStuck)?;
        let proven = self
            .prover
            .prove(self.data.get(..size).unwrap_or_default(), block)
            .ok_or(ArchiveError::SelfCheck)?;
        let size = open(&mut self.data, proven).ok_or(ArchiveError::DeflateStuck)?;
        Ok(Deflated {
            data: self.data[..size].into(),
            crc: crc32fast::hash(block),
            len: block.len(),
        })
    }
}

/// Makes the last block one that others can follow, and gives the size: clears the bit that says that it is the last,
/// and adds two empty stored blocks, which end at a byte boundary. `None` if there is no room.
fn open(data: &mut [u8], proven: Proven) -> Option<usize> {
    *data.get_mut(proven.last_block / 8)? &= !(1 << (proven.last_block % 8));
    // The three bits of an empty stored block's header are zero, and so are those up to the next byte.
    let (whole, bits) = (proven.end / 8, proven.end % 8);
    if bits > 0 {
        *data.get_mut(whole)? &= (1 << bits) - 1;
    }
    let aligned = (proven.end + 3).div_ceil(8);
    data.get_mut(proven.end.div_ceil(8)..aligned)?.fill(0);
    let end = aligned + MARK.len();
    data.get_mut(aligned..end)?.copy_from_slice(&MARK);
    Some(end)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

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
                assert!(result.data.ends_with(&MARK), "level {level}");
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

    /// The whole of what blocks are joined to, inflated by another library.
    fn inflate(blocks: &[Deflated]) -> Vec<u8> {
        let mut data: Vec<u8> = blocks
            .iter()
            .flat_map(|block| block.data.to_vec())
            .collect();
        data.extend_from_slice(&super::super::frame::FINAL_BLOCK);
        let mut result = Vec::new();
        let mut reader = flate2::read::DeflateDecoder::new(&*data);
        reader.read_to_end(&mut result).unwrap();
        assert_eq!(reader.total_in(), data.len() as u64);
        result
    }

    #[test]
    fn blocks_join_to_one_stream() {
        let text = b"boot the kernel, mount the root. ".repeat(999);
        for level in 0..=9_u8 {
            let mut deflater = Deflater::new(level.to_string().parse().unwrap());
            let zeros = vec![0; 300_000];
            let blocks = [&text[..], &[7], &noise(70_000), &zeros, &text[..100]];
            let joined = blocks.map(|block| deflater.deflate(block).unwrap());
            assert!(inflate(&joined) == blocks.concat(), "level {level}");
        }
    }
}
