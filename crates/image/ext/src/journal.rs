//! The journal: a file of zeros with a superblock of its own.

use crate::geometry::BLOCK_SIZE;

const MAGIC: u32 = 0xc03b_3998;
const SUPERBLOCK_VERSION_2: u32 = 4;

/// Number of blocks of the journal in a file system of so many blocks, as mke2fs has it; 0 if it is too small for one.
pub(crate) fn blocks(file_system: u64) -> u64 {
    match file_system {
        0..2048 => 0,
        2048..32_768 => 1024,
        32_768..262_144 => 4096,
        262_144..524_288 => 8192,
        524_288..4_194_304 => 16_384,
        4_194_304..33_554_432 => 32_768,
        _ => 65_536,
    }
}

/// The first block of an empty journal. Its numbers are big-endian.
pub(crate) fn superblock(blocks: u64, uuid: &[u8; 16]) -> Vec<u8> {
    let (first, sequence, start, error) = (1, 1, 0, 0);
    let fields = [
        MAGIC,
        SUPERBLOCK_VERSION_2,
        0,
        BLOCK_SIZE as u32,
        blocks as u32,
        first,
        sequence,
        start,
        error,
    ];
    let mut bytes: Vec<u8> = fields.into_iter().flat_map(u32::to_be_bytes).collect();
    bytes.resize(BLOCK_SIZE as usize, 0);
    bytes[0x30..0x40].copy_from_slice(uuid);
    let users = &mut bytes[0x40..0x44];
    users.copy_from_slice(&1_u32.to_be_bytes());
    bytes
}
