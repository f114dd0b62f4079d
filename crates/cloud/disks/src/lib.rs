#![doc = include_str!("../README.md")]

mod compose;
mod copy;
mod error;
mod kept;
mod room;
mod unbundled;

pub use compose::{Composed, InstanceDisk, compose};
pub use error::DiskError;
pub use unbundled::{Unbundled, UnbundledImage, UnbundledOptions};
