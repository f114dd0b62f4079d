#![doc = include_str!("../README.md")]

mod hypervisor;
mod place;
mod supervisor;

pub use hypervisor::{QemuHypervisor, StartError};
