#![doc = include_str!("../README.md")]

mod compose;
mod copy;
mod devices;
mod error;
mod kept;
mod provisioner;
mod room;
mod unbundled;

pub use compose::{Composed, InstanceDisk, compose};
pub use error::DiskError;
pub use provisioner::{DiskProvisioner, ReplacementKernel};
pub use unbundled::{Unbundled, UnbundledImage, UnbundledOptions};
