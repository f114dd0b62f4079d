//! One gzip member: what frames it, how it is compressed on many threads, and how it is read.

mod blocks;
mod compressor;
mod deflate;
mod frame;
mod gunzip;
mod inflaters;
mod proof;

pub use blocks::GunzipBlocks;
pub use compressor::{Compressor, GzipInput, GzipOutput};
pub use gunzip::GunzipReader;
