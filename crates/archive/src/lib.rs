#![doc = include_str!("../README.md")]

mod block;
mod error;
mod gzip;
mod level;
mod source;
mod sparse_file;
mod tar;
mod zero;

pub use block::{BLOCK_SIZE, Block, BlockBuffer, BlockPool, BlockReader, BlockSource};
pub use error::ArchiveError;
pub use gzip::{Compressor, GunzipReader, GzipInput, GzipOutput};
pub use level::{Level, LevelError};
pub use source::{FileBlocks, ReaderBlocks};
pub use sparse_file::{Discard, ImageOutput, SparseFile};
pub use tar::{MemberReader, Piece, Segment, SparseMap, TarStream};
