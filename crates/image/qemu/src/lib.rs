#![doc = include_str!("../README.md")]

mod error;
mod expect;
mod machine;
mod qemu;
mod running;

pub use error::BootError;
pub use machine::{Accelerator, Bus, DirectKernel, Machine};
pub use qemu::{Acceleration, Qemu};
pub use running::{Ended, Running, Watch};
