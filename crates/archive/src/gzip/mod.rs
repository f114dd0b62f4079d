//! One gzip member: what frames it, how it is compressed on many threads, and how it is read.

mod compressor;
mod deflate;
mod frame;
mod gunzip;
mod proof;

pub use compressor::{Compressor, GzipInput, GzipOutput};
pub use gunzip::GunzipReader;
