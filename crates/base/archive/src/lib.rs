#![doc = include_str!("../README.md")]

mod block;
mod error;
mod gzip;
mod level;
mod output;
mod source;
mod tar;
mod zero;

pub use block::{BLOCK_SIZE, Block, BlockBuffer, BlockPool, BlockReader, BlockSource};
pub use error::ArchiveError;
pub use gzip::{Compressor, GunzipBlocks, GunzipReader, GzipInput, GzipOutput};
pub use level::{Level, LevelError};
pub use output::{Discard, ImageOutput, SparseFile, StreamOutput};
pub use source::{FileBlocks, ReaderBlocks, SegmentBlocks, data_map};
pub use tar::{Entry, MemberReader, Piece, Segment, SparseMap, TarStream, read_members};
