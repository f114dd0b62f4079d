#![doc = include_str!("../README.md")]

mod console;
mod error;
mod expect;
mod guest;
mod ladder;
mod machine;
mod monitor;
mod qemu;
mod running;
mod running_guest;

pub use console::Console;
pub use error::BootError;
pub use guest::{Card, Guest, GuestKernel, Identity, SystemUuid};
pub use machine::{Accelerator, Bus, DirectKernel, Machine};
pub use monitor::{GuestEvent, Monitor};
pub use qemu::{Acceleration, Qemu};
pub use running::{Ended, Running, Watch};
pub use running_guest::{GuestEnd, GuestStatus, RunningGuest};
