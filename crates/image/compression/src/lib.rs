#![doc = include_str!("../README.md")]

mod compression;
mod decompressed;
mod lz4;
mod lzop;
mod member;
mod zstd;

pub use compression::Compression;
pub use decompressed::Decompressed;
pub use member::Member;
