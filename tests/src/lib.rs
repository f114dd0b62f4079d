#![doc = include_str!("../README.md")]
#![expect(
    clippy::missing_panics_doc,
    reason = "a test helper panics when the test cannot go on"
)]

mod cloud;
mod program;
mod tools;

pub use cloud::Cloud;
pub use program::{Outcome, Program};
pub use tools::{fixture, patterned, tool};
