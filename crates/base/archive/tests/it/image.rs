//! Images for the tests, and the ways to pack and unpack them.

use std::io::Read as _;
use std::num::NonZeroUsize;

use gumnut_archive::{ArchiveError, BlockReader, MemberReader, Piece, ReaderBlocks, TarStream};

pub(crate) const MAP_LIMIT: usize = 1 << 20;

pub(crate) fn jobs(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Bytes without any pattern that deflate could use.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Noise, zeros and text, as a root disk has them; longer than one block.
pub(crate) fn mixed() -> Vec<u8> {
    let mut image = noise(1_300_000, 7);
    image.resize(4_500_000, 0);
    image.extend(b"kernel /boot/vmlinuz-2.6.18-xen root=/dev/sda1\n".repeat(20_000));
    image
}

/// The tar stream of an image.
pub(crate) fn tar(name: &str, image: &[u8]) -> Vec<u8> {
    let stream = TarStream::new(
        &name.parse().unwrap(),
        image.len() as u64,
        ReaderBlocks::new(image),
    );
    let mut bytes = Vec::new();
    BlockReader::new(stream).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The image of a tar stream, and how many bytes of it were holes.
pub(crate) fn untar(stream: &[u8]) -> Result<(Vec<u8>, u64), ArchiveError> {
    let mut member = MemberReader::open(stream, MAP_LIMIT)?;
    let (mut image, mut holes) = (Vec::new(), 0);
    while let Some(piece) = member.next_piece()? {
        match piece {
            Piece::Data(bytes) => image.extend_from_slice(bytes),
            Piece::Hole(len) => {
                holes += len;
                // A damaged stream may claim any size: nothing is allocated for it.
                if len <= 64 << 20 {
                    image.resize(image.len() + usize::try_from(len).unwrap(), 0);
                }
            }
        }
    }
    member.finish()?;
    Ok((image, holes))
}
