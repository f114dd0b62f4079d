#![doc = include_str!("../README.md")]

mod answer;
mod bucket;
mod client;
mod error;
mod keys;
mod listing;
mod owner;
mod reader;
mod store;
mod tls;
mod upload;
mod url;

pub use error::BucketError;
pub use keys::BucketKeys;
pub use store::{BucketBlobs, BucketConfig};
pub use url::{BucketUrl, BucketUrlError};
