//! CRC-32C as ext4 uses it: without the inversion at the end, so that sums can be continued.

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ POLYNOMIAL
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// The sum of what `sum` covers, followed by `bytes`. A new sum begins with `!0`.
pub(crate) fn crc32c(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| {
        TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8)
    })
}

/// Where the sums of a file system begin. `None` for file systems without checksums.
#[derive(Clone, Copy)]
pub(crate) struct Seed(Option<u32>);

impl Seed {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn of_file_system(uuid: &[u8; 16]) -> Self {
        Self(Some(crc32c(!0, uuid)))
    }

    /// The seed for what belongs to one inode, whose generation is zero.
    pub(crate) fn of_inode(self, inode: u32) -> Self {
        Self(self.0.map(|seed| {
            let numbered = crc32c(seed, &inode.to_le_bytes());
            crc32c(numbered, &[0; 4])
        }))
    }

    pub(crate) fn is_some(self) -> bool {
        self.0.is_some()
    }

    /// The sum of all `pieces`, one after another; `None` for a file system without checksums.
    pub(crate) fn sum(self, pieces: &[&[u8]]) -> Option<u32> {
        let seed = self.0?;
        Some(pieces.iter().fold(seed, |sum, piece| crc32c(sum, piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc32c() {
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_sum_can_be_continued() {
        let whole = crc32c(!0, b"one and two");
        assert_eq!(crc32c(crc32c(!0, b"one "), b"and two"), whole);
    }
}
