//! The archive formats against GNU tar and gzip, and against damage.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod compressor;
mod damage;
mod foreign_tar;
mod image;
mod members;
mod programs;
