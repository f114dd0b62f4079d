//! Text out of images: its author chose these bytes, and they end up on a terminal.

/// At most `limit` bytes of `bytes` up to the first NUL, with everything that could steer a
/// terminal replaced.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let nul = bytes.iter().position(|byte| *byte == 0);
    let end = nul.unwrap_or(bytes.len()).min(limit);
    String::from_utf8_lossy(&bytes[..end])
        .chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Little-endian number at `offset`; zero where `bytes` is too short.
pub fn le32(bytes: &[u8], offset: usize) -> u32 {
    let field = bytes.get(offset..offset + 4);
    field.map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Little-endian number at `offset`; zero where `bytes` is too short.
pub fn le16(bytes: &[u8], offset: usize) -> u16 {
    let field = bytes.get(offset..offset + 2);
    field.map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

/// Little-endian number at `offset`; zero where `bytes` is too short.
pub fn le64(bytes: &[u8], offset: usize) -> u64 {
    u64::from(le32(bytes, offset + 4)) << 32 | u64::from(le32(bytes, offset))
}

/// Big-endian number at `offset`; zero where `bytes` is too short.
pub fn be32(bytes: &[u8], offset: usize) -> u32 {
    le32(bytes, offset).swap_bytes()
}

/// Big-endian number at `offset`; zero where `bytes` is too short.
pub fn be64(bytes: &[u8], offset: usize) -> u64 {
    le64(bytes, offset).swap_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_survive() {
        assert_eq!(printable(b"a\x1b[2Jb\0c", 100), "a\u{fffd}[2Jb");
        assert_eq!(printable(b"\xff\xfe", 100), "\u{fffd}\u{fffd}");
        assert_eq!(printable(b"abcdef", 3), "abc");
    }

    #[test]
    fn numbers_outside_are_zero() {
        assert_eq!(le32(&[1, 0, 0], 0), 0);
        assert_eq!(le16(&[1, 2], 0), 0x0201);
        assert_eq!(le16(&[1, 2], 1), 0);
    }
}
