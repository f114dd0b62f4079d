//! Checking what a cloud has stored.

mod disk;
mod report;
mod shared;

pub(crate) use disk::{check, fault, known_blobs, move_orphans, put_unfinished_aside};
pub use report::{Finding, Repair, Report};
pub(crate) use shared::check_shared;
