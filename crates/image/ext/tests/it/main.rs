//! File systems as e2fsprogs and another reader see them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "the low bits make patterns"
)]

mod contents;
mod directories;
mod growth;
mod interrupted;
mod judge;
mod limits;
mod metadata;
mod property;
mod sizes;
