//! Checking what a cloud has stored.

mod disk;
mod report;

pub(crate) use disk::{check, fault, move_orphans, put_unfinished_aside};
pub use report::{Finding, Repair, Report};
