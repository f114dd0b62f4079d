#![doc = include_str!("../README.md")]

mod body;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod disk;
mod error;
mod memory;
mod name;
mod observed;
mod pending;
mod pins;
mod store;

pub use body::{Body, Source, Tap};
pub use disk::{DiskBlobs, DiskHold};
pub use error::{BlobError, BoxError, PutError};
pub use memory::MemoryBlobs;
pub use name::{BlobName, BlobNameError, Folder};
pub use observed::{BlobObserver, ObservedBlobs};
pub use pending::{Fate, PendingBlob};
pub use pins::BlobPin;
pub use store::{BlobReader, BlobStore, BlobStream, Found, Grace};
