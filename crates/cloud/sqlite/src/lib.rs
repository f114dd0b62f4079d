#![doc = include_str!("../README.md")]

#[macro_use]
mod statements;

mod accounts;
mod blobs;
mod buckets;
mod catalogue;
mod failure;
mod images;
mod json;
mod keys;
mod objects;
mod schema;
mod thread;
mod uploads;

pub use catalogue::SqliteCatalogue;
