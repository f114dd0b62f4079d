//! The pipeline from an image to parts.
//!
//! ```text
//! read ─┬─> compressors ─> encrypt, cut, digest, store
//!       └─> SHA-1
//! ```
//!
//! Each arrow is a bounded queue, so a slow stage slows all of them and memory does not grow. The
//! last stage runs in the caller's thread, because the sink is the caller's.

use std::io::{BufRead as _, Write as _};
use std::thread;

use gumnut_archive::{
    ArchiveError, Block, BlockSource, Compressor, GzipInput, GzipOutput, SparseMap, TarStream,
};
use gumnut_crypto::{BundleIv, BundleKey, CbcEncryptor};
use gumnut_splitter::{BundleNames, PartRecord, PartSink, Splitter, SplitterError};
use gumnut_types::Sha1Digest;

use crate::data_count::DataCount;
use crate::pipe::{Outlet, Stage, Stop, cause, digest, queue, stage};
use crate::{BundleError, BundleOptions, ImageSource, Progress, TarForm};

/// The largest map of a sparse member that is written, in bytes: every reader's bound admits it.
const MAX_MAP: usize = 1 << 20;
/// Bytes of a segment in a map.
const MAP_ENTRY: usize = 24;

/// Largest manifest that consumers take, in bytes, less what stands in it beside the parts.
const PARTS_TEXT: usize = (5 << 20) - (64 << 10);
/// Bytes of a part's element in a manifest, its name's prefix not counted.
const PART_TEXT: usize = 140;

/// The secrets of one bundle.
pub(crate) struct Secrets<'a> {
    pub(crate) key: &'a BundleKey,
    pub(crate) iv: &'a BundleIv,
}

/// What the pipeline found out.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) image_digest: Sha1Digest,
    pub(crate) image_size: u64,
    pub(crate) bundled_size: u64,
    pub(crate) parts: Vec<PartRecord>,
}

pub(crate) fn seal(
    mut image: ImageSource<'_>,
    names: &BundleNames,
    secrets: &Secrets<'_>,
    options: &BundleOptions,
    sink: &mut dyn PartSink,
    progress: &dyn Progress,
) -> Result<Sealed, BundleError> {
    let image_size = image.size();
    let map = sparse_map(&image, options.tar)?;
    let compressor = Compressor::new(options.level, options.jobs);
    let (input, output) = compressor
        .start()
        .map_err(|error| compress(ArchiveError::from_io(error)))?;
    let (hashed, hash_queue) = queue();
    let (read, written, digest) = thread::scope(|scope| {
        let sha1 = stage(scope, "sha1", move || digest(hash_queue));
        let reader = stage(scope, "read", || {
            read(&mut image, names, map.as_ref(), input, hashed, progress)
        });
        // Whatever ends this stage takes the output along, and so ends the others.
        let written = write(output, names, secrets, options, sink, progress);
        let read = reader.and_then(Stage::join);
        (read, written, sha1.and_then(Stage::join))
    });
    match (read, written, digest) {
        (Ok(()), Ok(parts), Ok(image_digest)) => {
            let bundled_size = parts.iter().map(|part| part.size).sum();
            Ok(Sealed {
                image_digest,
                image_size,
                bundled_size,
                parts,
            })
        }
        (read, written, digest) => {
            let died = BundleError::Died { name: "pipeline" };
            Err(cause([read.err(), written.err(), digest.err()]).unwrap_or(died))
        }
    }
}

fn sparse_map(image: &ImageSource<'_>, form: TarForm) -> Result<Option<SparseMap>, BundleError> {
    if form == TarForm::Plain {
        return Ok(None);
    }
    let map = image.data_map()?;
    let segments = map.segments().len();
    if segments > MAX_MAP / MAP_ENTRY {
        let image = image.name().to_owned();
        return Err(BundleError::SparseFragmented { image, segments });
    }
    Ok(Some(map))
}

/// Reads the image as a tar stream, for the compressors and for SHA-1.
fn read(
    image: &mut ImageSource<'_>,
    names: &BundleNames,
    map: Option<&SparseMap>,
    mut compressed: GzipInput,
    hashed: Outlet,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let name = image.name().to_owned();
    let mut stream = tar_stream(image, names, map, progress);
    loop {
        if progress.cancelled() {
            return Err(Stop::Failed(BundleError::Cancelled));
        }
        let block = stream
            .next_block()
            .map_err(|error| BundleError::ReadImage {
                image: name.clone(),
                source: ArchiveError::from_io(error),
            })?;
        let Some(block) = block else { break };
        hashed.send(block.clone())?;
        compressed.send(block).map_err(|_| Stop::Neighbour)?;
    }
    drop(stream);
    // Before the stream is given its end: what follows would take it for complete.
    image.check_unchanged()?;
    hashed.finish()?;
    compressed.finish().map_err(|_| Stop::Neighbour)
}

fn tar_stream<'a>(
    image: &'a mut ImageSource<'_>,
    names: &BundleNames,
    map: Option<&SparseMap>,
    progress: &'a dyn Progress,
) -> TarStream<Watched<'a>> {
    let (name, size) = (names.image(), image.size());
    match map {
        None => {
            let data = image.data_count();
            let blocks = image.blocks();
            let watched = Watched {
                blocks,
                data,
                progress,
            };
            TarStream::new(name, size, watched)
        }
        Some(map) => {
            let watched = Watched {
                blocks: image.segments(map),
                data: DataCount::new(None, map.stored()),
                progress,
            };
            TarStream::sparse(name, map, watched)
        }
    }
}

/// Reports how much of the image's data was read.
struct Watched<'a> {
    blocks: Box<dyn BlockSource + 'a>,
    data: DataCount,
    progress: &'a dyn Progress,
}

impl BlockSource for Watched<'_> {
    fn next_block(&mut self) -> std::io::Result<Option<Block>> {
        let block = self.blocks.next_block()?;
        if let Some(block) = &block {
            self.progress.advance(self.data.count(block.len() as u64));
        }
        Ok(block)
    }
}

/// Encrypts the gzip stream and cuts it into parts.
fn write(
    mut gzip: GzipOutput,
    names: &BundleNames,
    secrets: &Secrets<'_>,
    options: &BundleOptions,
    sink: &mut dyn PartSink,
    progress: &dyn Progress,
) -> Result<Vec<PartRecord>, Stop> {
    let splitter = Splitter::new(sink, names.clone(), options.part_size, most_parts(names));
    let mut cipher = CbcEncryptor::new(splitter, secrets.key, secrets.iv);
    loop {
        if progress.cancelled() {
            return Err(Stop::Failed(BundleError::Cancelled));
        }
        let bytes = gzip
            .fill_buf()
            .map_err(|error| gzip_failed(ArchiveError::from_io(error)))?;
        if bytes.is_empty() {
            break;
        }
        cipher.write_all(bytes).map_err(store)?;
        let count = bytes.len();
        gzip.consume(count);
    }
    let splitter = cipher.finish().map_err(store)?;
    let (_, parts) = splitter.finish().map_err(store)?;
    Ok(parts)
}

fn store(error: std::io::Error) -> BundleError {
    BundleError::WriteParts(SplitterError::from_io(error))
}

fn gzip_failed(error: ArchiveError) -> Stop {
    match error {
        ArchiveError::Abandoned => Stop::Neighbour,
        error => Stop::Failed(compress(error)),
    }
}

fn compress(error: ArchiveError) -> BundleError {
    BundleError::Compress(error)
}

/// How many parts a manifest has room for.
fn most_parts(names: &BundleNames) -> u32 {
    let text = PART_TEXT + names.prefix().as_str().len();
    u32::try_from(PARTS_TEXT / text).unwrap_or(u32::MAX)
}
