//! The bytes around the deflate data (RFC 1952).

use crate::Level;

/// The two bytes that every member starts with.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The only compression method there is.
pub(super) const DEFLATE: u8 = 8;

/// What ends the data of each block that [`super::Compressor`] makes, from a byte boundary on: the lengths of an empty
/// stored block whose header is in the bits before, and another empty stored block.
///
/// To a reader of gzip it is nothing. To [`super::GunzipReader`] it says that the data behind it may be inflated without
/// what is before it.
pub(super) const MARK: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff];
/// An empty block with the final bit set, in the fixed code: ends a deflate stream.
pub(super) const FINAL_BLOCK: [u8; 2] = [0x03, 0x00];

/// The operating system byte of Unix.
const UNIX: u8 = 3;

/// A member's header. It names no file and no time, so that equal input gives equal output.
pub(super) fn header(level: Level) -> [u8; 10] {
    let extra = match level.get() {
        9 => 2,
        0 | 1 => 4,
        _ => 0,
    };
    [MAGIC[0], MAGIC[1], DEFLATE, 0, 0, 0, 0, 0, extra, UNIX]
}

/// The final deflate block and the trailer: CRC-32 and length modulo 2^32 of the data.
pub(super) fn trailer(crc: u32, len: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&FINAL_BLOCK);
    bytes[2..6].copy_from_slice(&crc.to_le_bytes());
    bytes[6..].copy_from_slice(&modulo(len).to_le_bytes());
    bytes
}

/// A length as a gzip trailer holds it: its low 32 bits.
pub(super) fn modulo(len: u64) -> u32 {
    u32::try_from(len & u64::from(u32::MAX)).unwrap_or_default()
}
