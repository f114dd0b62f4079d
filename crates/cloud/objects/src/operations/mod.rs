//! What can be done with an object store.

mod buckets;
mod listings;
mod objects;
mod uploads;

pub use buckets::{BucketPage, BucketQuery};
