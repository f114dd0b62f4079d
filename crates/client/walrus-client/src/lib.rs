#![doc = include_str!("../README.md")]

mod acl;
mod client;
mod listing;
mod put;
mod reader;

pub use acl::{AclError, CannedAcl};
pub use client::{BucketState, ObjectHead, WalrusClient, is_md5};
pub use listing::{ListedBucket, ListedObject, OwnBuckets};
pub use put::{Content, PutOptions, Stored};
pub use reader::ObjectReader;
