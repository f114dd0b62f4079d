//! The pipeline from parts to an image.
//!
//! ```text
//! read, digest, decrypt ─> inflate ─┬─> unpack, write
//!                                   └─> SHA-1
//! ```
//!
//! Each arrow is a bounded queue. The first stage runs in the caller's thread, because the source of
//! the parts is the caller's. Nothing that comes out is right before all of it came out and every
//! check was made: the output has to be a place from which nobody reads yet.

use std::io;
use std::num::NonZeroUsize;
use std::thread;

use gumnut_archive::{
    ArchiveError, BlockReader, BlockSource as _, GunzipBlocks, ImageOutput, MemberReader, Piece,
    ReaderBlocks,
};
use gumnut_crypto::CbcDecryptor;
use gumnut_splitter::{ExpectedPart, Joiner, PartSource, SplitterError};
use gumnut_types::{Limits, Sha1Digest};

use crate::pipe::{Inlet, Outlet, Stage, Stop, cause, digest, ended_early, queue, stage};
use crate::seal::Secrets;
use crate::{BundleError, Progress};

/// Bytes that go from stage to stage at once.
const CHUNK: usize = 256 << 10;

/// What headers and sparse maps may add to the image in a tar stream, in bytes.
const HEADERS: u64 = 1 << 20;
/// To what a tar stream is padded at its end, in bytes.
const BLOCKING: u64 = 10_240;

/// What a manifest says about a bundle.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) parts: Vec<ExpectedPart>,
    pub(crate) bundled_size: u64,
    /// `None` for a stream without a manifest: the tar header says it alone.
    pub(crate) image_size: Option<u64>,
    /// `None` for the writers that knew no digest.
    pub(crate) image_digest: Option<Sha1Digest>,
}

impl Expected {
    fn check(&self, limits: &Limits) -> Result<(), BundleError> {
        let (size, limit) = (self.image_size, limits.image_bytes);
        if let Some(size) = size.filter(|size| *size > limit) {
            return Err(BundleError::ImageTooLarge { size, limit });
        }
        let size = self.bundled_size;
        if size == 0 || !size.is_multiple_of(16) {
            return Err(BundleError::BundledSize { size });
        }
        Ok(())
    }

    /// How many bytes of tar stream the image can need.
    fn stream_limit(&self, limits: &Limits) -> u64 {
        let data = self
            .image_size
            .unwrap_or(limits.image_bytes)
            .checked_next_multiple_of(512)
            .unwrap_or(u64::MAX);
        data.saturating_add(HEADERS + BLOCKING)
    }

    /// The parts joined, after everything that can be checked without reading them.
    pub(crate) fn joiner<S: PartSource>(
        &self,
        source: S,
        limits: &Limits,
    ) -> Result<Joiner<S>, BundleError> {
        self.check(limits)?;
        let parts = self.parts.clone();
        let mut joiner = Joiner::new(source, parts, self.bundled_size, limits.part_bytes);
        joiner.check_sizes().map_err(BundleError::ReadParts)?;
        Ok(joiner)
    }
}

pub(crate) fn unseal(
    expected: &Expected,
    secrets: &Secrets<'_>,
    source: &mut dyn PartSource,
    output: &mut (dyn ImageOutput + Send),
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<(), BundleError> {
    let mut joiner = expected.joiner(source, limits)?;
    let (gzip_in, gzip_out) = queue();
    let (tar_in, tar_out) = queue();
    let (hash_in, hash_out) = queue();
    let limit = expected.stream_limit(limits);
    let (fed, inflated, restored, hashed) = thread::scope(|scope| {
        let hasher = stage(scope, "sha1", move || digest(hash_out));
        let writer = stage(scope, "write", move || {
            restore(
                tar_out,
                output,
                expected.image_size,
                limits.sparse_map_bytes,
            )
        });
        let inflater = stage(scope, "inflate", move || {
            inflate(gzip_out, tar_in, hash_in, limit)
        });
        let fed = feed(&mut joiner, secrets, gzip_in, progress);
        (
            fed,
            inflater.and_then(Stage::join),
            writer.and_then(Stage::join),
            hasher.and_then(Stage::join),
        )
    });
    let stops = [fed.err(), inflated.err(), restored.err()];
    match (cause(stops), hashed) {
        (Some(error), _) | (None, Err(Stop::Failed(error))) => Err(error),
        (None, Err(Stop::Neighbour)) => Err(BundleError::Died { name: "pipeline" }),
        (None, Ok(actual)) => match expected.image_digest {
            Some(expected) if expected != actual => {
                Err(BundleError::ImageDigest { expected, actual })
            }
            _ => Ok(()),
        },
    }
}

/// Reads and decrypts the parts. If a later stage can make nothing of them, the current part is read
/// to its end, because its digest may show why.
fn feed(
    joiner: &mut Joiner<&mut dyn PartSource>,
    secrets: &Secrets<'_>,
    gzip: Outlet,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    match decrypt(joiner, secrets, gzip, progress) {
        Err(Stop::Neighbour) => {
            joiner.finish_part().map_err(BundleError::ReadParts)?;
            Err(Stop::Neighbour)
        }
        result => result,
    }
}

fn decrypt(
    joiner: &mut Joiner<&mut dyn PartSource>,
    secrets: &Secrets<'_>,
    gzip: Outlet,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let plain = CbcDecryptor::new(joiner, secrets.key, secrets.iv);
    let mut blocks = ReaderBlocks::with_block_size(plain, CHUNK);
    loop {
        if progress.cancelled() {
            return Err(Stop::Failed(BundleError::Cancelled));
        }
        let Some(block) = blocks.next_block().map_err(not_decrypted)? else {
            return gzip.finish();
        };
        progress.advance(block.len() as u64);
        gzip.send(block)?;
    }
}

fn not_decrypted(error: io::Error) -> BundleError {
    match SplitterError::from_io(error) {
        SplitterError::Io(error) => BundleError::Decrypt(error),
        error => BundleError::ReadParts(error),
    }
}

/// Decompresses the gzip stream, for the archive reader and for SHA-1.
fn inflate(gzip: Inlet, tar: Outlet, hashed: Outlet, limit: u64) -> Result<(), Stop> {
    // More threads than processors would only wait for each other.
    let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut blocks = GunzipBlocks::new(BlockReader::new(gzip), limit, jobs);
    while let Some(block) = blocks.next_block().map_err(not_inflated)? {
        hashed.send(block.clone())?;
        tar.send(block)?;
    }
    hashed.finish()?;
    tar.finish()
}

fn not_inflated(error: io::Error) -> Stop {
    if ended_early(&error) {
        return Stop::Neighbour;
    }
    Stop::Failed(BundleError::Gunzip(ArchiveError::from_io(error)))
}

/// Unpacks the tar stream into the output.
fn restore(
    tar: Inlet,
    output: &mut (dyn ImageOutput + Send),
    expected: Option<u64>,
    map_limit: usize,
) -> Result<(), Stop> {
    let mut member = MemberReader::open(BlockReader::new(tar), map_limit).map_err(not_unpacked)?;
    let actual = member.size();
    if let Some(expected) = expected.filter(|expected| *expected != actual) {
        return Err(Stop::Failed(BundleError::ImageSize { expected, actual }));
    }
    while let Some(piece) = member.next_piece().map_err(not_unpacked)? {
        let stored = match piece {
            Piece::Data(bytes) => output.data(bytes),
            Piece::Hole(len) => output.hole(len),
        };
        stored.map_err(BundleError::WriteImage)?;
    }
    member.finish().map_err(not_unpacked)
}

fn not_unpacked(error: ArchiveError) -> Stop {
    match error {
        ArchiveError::Io(error) if ended_early(&error) => Stop::Neighbour,
        error => Stop::Failed(BundleError::Untar(error)),
    }
}

#[cfg(test)]
mod tests {
    use gumnut_splitter::MemoryParts;

    use super::*;

    #[test]
    fn sizes_that_cannot_be_are_refused_before_any_part_is_looked_for() {
        let check = |image_size, bundled_size| {
            let mut limits = Limits::default();
            limits.image_bytes = 1000;
            let expected = Expected {
                parts: vec![],
                bundled_size,
                image_size: Some(image_size),
                image_digest: None,
            };
            expected
                .joiner(MemoryParts::new(), &limits)
                .map(drop)
                .unwrap_err()
        };
        assert!(matches!(
            check(1001, 16),
            BundleError::ImageTooLarge {
                size: 1001,
                limit: 1000
            }
        ));
        for size in [0, 15, 17] {
            assert!(matches!(check(1000, size), BundleError::BundledSize { .. }));
        }
        // Sizes that could be, of parts that are not there.
        assert!(matches!(check(1000, 16), BundleError::ReadParts(_)));
    }

    #[test]
    fn the_bound_of_a_stream_does_not_overflow() {
        let limit = |image_size| {
            let expected = Expected {
                parts: vec![],
                bundled_size: 16,
                image_size: Some(image_size),
                image_digest: None,
            };
            expected.stream_limit(&Limits::default())
        };
        assert_eq!(limit(1), 512 + (1 << 20) + 10_240);
        assert_eq!(limit(u64::MAX), u64::MAX);
    }
}
