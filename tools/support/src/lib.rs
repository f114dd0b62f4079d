#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "a task talks to anyone who started it")]
#![expect(
    clippy::missing_errors_doc,
    reason = "an error ends the task, and says what failed"
)]

pub mod ceph;
pub mod cloud;
pub mod compare;
pub mod fixture;
pub mod gumnut;
pub mod load;
pub mod markdown;
mod noise;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod python;
pub mod report;
pub mod shared;
pub mod stores;
pub mod system;
pub mod workspace;

pub use noise::noise;
