//! What a gzip file holds, told by the first bytes behind the compression.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::elf::Elf;

/// What is behind a gzip header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    Cpio,
    Tar,
    Elf(Elf),
    Other,
}

/// How many compressed bytes are enough to tell.
pub(crate) const ENOUGH: usize = 16 * 1024;
/// A tar header; the others are shorter.
const PEEK: u64 = 512;

/// Inflates at most one tar header from `bytes`, the beginning of a gzip file.
pub(crate) fn peek(bytes: &[u8]) -> Inside {
    let mut plain = Vec::new();
    // An error only means that less than a whole header came out.
    let _ = GzDecoder::new(bytes).take(PEEK).read_to_end(&mut plain);
    if plain.starts_with(b"070701") || plain.starts_with(b"070702") {
        Inside::Cpio
    } else if plain.get(257..262) == Some(b"ustar") {
        Inside::Tar
    } else {
        Elf::parse(&plain).map_or(Inside::Other, Inside::Elf)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn ramdisk_tarball_and_other_are_told_apart() {
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(peek(&gzip(&tar)), Inside::Tar);
        assert_eq!(peek(&gzip(b"0707010000")), Inside::Cpio);
        assert_eq!(peek(&gzip(b"hello")), Inside::Other);
        assert_eq!(peek(&gzip(&vec![0; 1 << 20])[..20]), Inside::Other);
        assert_eq!(peek(b"\x1f\x8b"), Inside::Other);
    }
}
