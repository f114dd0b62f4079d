//! The kinds of compression, and their first bytes.

use std::fmt;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// LZMA in the form that came before xz, `xz --format=lzma`.
    Lzma,
    /// xz.
    Xz,
    /// LZMA in the form of lzip.
    Lzip,
    /// LZO in the form of lzop.
    Lzop,
    /// LZ4 in its old form, `lz4 -l`, the only one that Linux reads in ramdisks.
    Lz4Legacy,
    /// LZ4 in its frame format, which `lz4` writes by default.
    Lz4Frame,
    /// Zstandard.
    Zstd,
}

/// How many bytes [`Compression::recognise`] looks at.
const HEADER: usize = 13;

impl Compression {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Gzip,
        Self::Bzip2,
        Self::Lzma,
        Self::Xz,
        Self::Lzip,
        Self::Lzop,
        Self::Lz4Legacy,
        Self::Lz4Frame,
        Self::Zstd,
    ];

    /// The compression of a stream that begins with `head`; 13 bytes are enough. `None` when it has none that is known here.
    pub fn recognise(head: &[u8]) -> Option<Self> {
        const MAGICS: [(&[u8], Compression); 7] = [
            (&[0x1F, 0x8B], Compression::Gzip),
            (&[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], Compression::Xz),
            (b"LZIP", Compression::Lzip),
            (
                &[0x89, 0x4C, 0x5A, 0x4F, 0, 0x0D, 0x0A, 0x1A, 0x0A],
                Compression::Lzop,
            ),
            (&[0x02, 0x21, 0x4C, 0x18], Compression::Lz4Legacy),
            (&[0x04, 0x22, 0x4D, 0x18], Compression::Lz4Frame),
            (&[0x28, 0xB5, 0x2F, 0xFD], Compression::Zstd),
        ];
        if let Some((_, found)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Some(*found);
        }
        match head {
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            // A frame to be skipped, with which parallel compressors begin.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Self::Zstd),
            _ => is_lzma(head).then_some(Self::Lzma),
        }
    }

    /// Whether Linux reads ramdisks that are compressed so, given the support that distributions build in.
    pub fn is_read_by_linux(self) -> bool {
        !matches!(self, Self::Lzip | Self::Lz4Frame)
    }

    /// The name of the program that compresses so.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lzip => "lzip",
            Self::Lzop => "lzop",
            Self::Lz4Legacy | Self::Lz4Frame => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// The form has no magic: properties as every encoder writes them, a dictionary of a size that encoders choose, and a length that
/// is unknown or below 256 GiB.
fn is_lzma(head: &[u8]) -> bool {
    let Some(header) = head.get(..HEADER) else {
        return false;
    };
    let dictionary = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let length = header[5..]
        .iter()
        .rev()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let is_sum_of_two = dictionary.count_ones() == 2 && {
        let low = dictionary.trailing_zeros();
        dictionary >> low == 3
    };
    header[0] == 0x5D
        && (dictionary.is_power_of_two() || is_sum_of_two || dictionary == u32::MAX)
        && dictionary >= 4096
        && (length == u64::MAX || length < 1 << 38)
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lz4Frame => f.write_str("lz4 (frame format)"),
            other => f.write_str(other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_like_a_beginning_is_none() {
        for head in [
            b"BZh0".as_slice(),
            b"BZh",
            b"LZI",
            &[0x89, 0x4C, 0x5A, 0x4F],
            &[0x5D, 0, 0, 0x80, 0],
            // A dictionary of 3 bytes, and a length of 2^40.
            &[0x5D, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x5D, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0],
            b"070701",
            b"",
        ] {
            assert_eq!(Compression::recognise(head), None, "{head:?}");
        }
    }

    #[test]
    fn lzma_of_a_known_and_of_an_unknown_length_is_one() {
        for length in [5, u64::MAX] {
            for dictionary in [1_u32 << 23, 3 << 20, u32::MAX] {
                let header = [
                    &[0x5D][..],
                    &dictionary.to_le_bytes(),
                    &length.to_le_bytes(),
                ]
                .concat();
                assert_eq!(Compression::recognise(&header), Some(Compression::Lzma));
            }
        }
    }
}
