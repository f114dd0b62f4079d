#![doc = include_str!("../README.md")]

#[macro_use]
mod statements;

mod accounts;
mod blobs;
mod buckets;
mod catalogue;
mod copy;
mod failure;
mod groups;
mod identity;
mod images;
mod instances;
mod json;
mod key_pairs;
mod mark;
mod objects;
mod readers;
mod reserve;
mod schema;
mod secrets;
mod thread;
mod transfer;
mod units;
mod upkeep;
mod uploads;

pub use catalogue::SqliteCatalogue;
pub use thread::CommitObserver;
